"""Where every result lies, under keys of all that it depends on.

A place carries the hash of settings, code, split and data, so that an older result can never be taken for it, whatever
Snakemake remembers.
"""

import functools

from recloop.provenance import ROOT, digest, fingerprint
from recloop.studies import Run, Studies, manifest, modules

METRICS = {"sequences": "recloop.evaluation.metrics", "dialogues": "recloop.evaluation.dialogue"}


class Plan(Studies):
    """What is to be made under one config, and its places: the only class that turns settings into paths."""

    # -- shared data ----------------------------------------------------------------------------------------------

    @functools.cache  # noqa: B019 a plan lives as long as the process
    def raw(self, study: str, dataset: str) -> str:
        """Place the raw files: a world's by its hash, a published data set's by its name alone (DVC has its bytes)."""
        recipe = self.recipe(study, dataset)
        return raw(recipe["source"], recipe["manifest"])

    @functools.cache  # noqa: B019
    def tables(self, study: str, dataset: str) -> str:
        """Place the tidy tables."""
        recipe = self.recipe(study, dataset)
        reader = recipe["manifest"]["reader"]
        code = fingerprint("recloop.data.tables", f"recloop.data.readers.{reader}")
        files = recipe["manifest"].get("files")
        key = digest(self.raw(study, dataset), reader, files, code)
        return f"data/tables/{recipe['source']}-{key}"

    @functools.cache  # noqa: B019
    def sessions(self, study: str, dataset: str) -> str:
        """Place the sessions and their split."""
        made_of = self.tables(study, dataset)
        return self.cut(self.recipe(study, dataset), "sessions", "recloop.data.prepare", made_of)

    @functools.cache  # noqa: B019
    def catalogue(self, study: str, dataset: str) -> str:
        """Place the items with their pictures, attributes and the words of people."""
        return catalogue(self.recipe(study, dataset))

    @functools.cache  # noqa: B019
    def dialogues(self, study: str, dataset: str) -> str:
        """Place the targets of the dialogues, the histories before them and the captions."""
        return self.posed(self.recipe(study, dataset))

    def posed(self, recipe: dict) -> str:
        """Place dialogues and captions that are made by a recipe."""
        return self.cut(recipe, "dialogues", "recloop.data.dialogues", catalogue(recipe))

    def cut(self, recipe: dict, kind: str, module: str, made_of: str) -> str:
        """Place data that are prepared and split by a recipe."""
        key = digest(
            made_of,
            recipe["prepare"],
            recipe["split"],
            self.tier["split_seed"],
            fingerprint(module),
        )
        return f"data/{kind}/{recipe['source']}-{key}"

    # -- encoders, features and simulated users -------------------------------------------------------------------

    @functools.cache  # noqa: B019
    def encoder(self, study: str, name: str) -> str | None:
        """Place an encoder that the workflow trains itself; None for a published one."""
        settings = self.encoder_settings(study, name)
        if "pretrain" not in settings:
            return None
        code = fingerprint("recloop.features.pretrain", module_of("features", settings))
        key = digest(settings, self.wardrobe(study, name), self.tier["split_seed"], code)
        return f"data/encoders/{name}-{key}"

    def encoder_settings(self, study: str, name: str) -> dict:
        """Give an encoder's own settings, without the source that it learns from, which is the plan's."""
        settings = self.component(study, "features", name)
        return {key: value for key, value in settings.items() if key != "learnt_from"}

    @functools.cache  # noqa: B019
    def wardrobe(self, study: str, name: str) -> str:
        """Place the catalogue that an encoder of ours learns from, which is none of the study's."""
        return catalogue(self.learnt_from(study, name))

    def learnt_from(self, study: str, name: str) -> dict:
        """Give the source, and its manifest, that an encoder of ours learns from."""
        source = self.component(study, "features", name)["learnt_from"]
        return {
            "source": source["source"],
            "manifest": manifest(source["source"], source.get("sizes")),
        }

    @functools.cache  # noqa: B019
    def features(self, study: str, dataset: str, name: str) -> str:
        """Place a data set's pictures as an encoder sees them."""
        return self.encoded(study, self.catalogue(study, dataset), name)

    def encoded(self, study: str, pictures: str, name: str) -> str:
        """Place the pictures of a catalogue as an encoder sees them."""
        settings = self.encoder_settings(study, name)
        code = fingerprint("recloop.features.encode", module_of("features", settings))
        key = digest(pictures, settings, self.encoder(study, name), code)
        return f"data/features/{pictures.rpartition('/')[2]}/{name}-{key}"

    @functools.cache  # noqa: B019
    def simulator(self, study: str, dataset: str, name: str) -> str:
        """Place a simulated user; one that learns nothing has only the name of the place."""
        settings, lessons = self.user_settings(study, name), self.lessons(study, dataset, name)
        made_of, grid = self.posed(lessons), self.lesson_grid(study, dataset, name)
        code = ["recloop.simulators.train"] if grid else []
        code.append(module_of("simulators", settings))
        if "network" in settings:
            code.append(f"recloop.simulators.{settings['network'].rpartition('.')[0]}")
        published = self.published(study, name)
        code += ["recloop.simulators.convert"] if published else []
        seed = published or self.tier["split_seed"]
        key = digest(made_of, settings, grid, seed, fingerprint(*code))
        return f"data/simulators/{made_of.rpartition('/')[2]}/{name}-{key}"

    def published(self, study: str, name: str) -> str | None:
        """Place the raw files of a simulated user whose weights others published; None for one that is trained here."""
        source = self.component(study, "simulators", name).get("published")
        return raw(source, manifest(source)) if source else None

    def lessons(self, study: str, dataset: str, name: str) -> dict:
        """Give the recipe of the captions that a simulated user learns from: the data set's, or another source's."""
        other = self.component(study, "simulators", name).get("learnt_from")
        if not other:
            return self.recipe(study, dataset)
        return other | {"manifest": manifest(other["source"])}

    def lesson_grid(self, study: str, dataset: str, name: str) -> str | None:
        """Place the grid features of the pictures that a simulated user learns from."""
        settings = self.component(study, "simulators", name)
        pictures = catalogue(self.lessons(study, dataset, name))
        return self.encoded(study, pictures, settings["grid"]) if "grid" in settings else None

    def user_settings(self, study: str, name: str) -> dict:
        """Give a simulated user's own settings, without its printed name and what is the plan's."""
        settings = self.component(study, "simulators", name)
        plans = ("label", "learnt_from", "published")
        return {key: value for key, value in settings.items() if key not in plans}

    def learns(self, study: str, name: str) -> bool:
        """Say whether a simulated user has to be trained."""
        return "grid" in self.component(study, "simulators", name)

    def validity(self, study: str, dataset: str, name: str) -> str:
        """Place the measures of how good a simulated user is."""
        encoder = self.judging_encoder(study)
        key = digest(
            self.simulator(study, dataset, name),
            self.encoded(study, catalogue(self.lessons(study, dataset, name)), encoder),
            self.user_identity(study, dataset, name),
            fingerprint("recloop.simulators.validity"),
        )
        return (
            f"results/{study}/validity/{self.folder(study, dataset)}/{name}-{key}/validity.parquet"
        )

    def judging_encoder(self, study: str) -> str:
        """Name the encoder of the frozen query that listens to a simulated user: the study's own."""
        return self.studies[study]["dialogue"]["encoder"]

    def user_identity(self, study: str, dataset: str, name: str) -> dict:
        """Say which simulated user a measure is about."""
        return self.identity(Run(study, dataset, name, self.tier["split_seed"]))

    def task(self, study: str) -> str:
        """Say what a study is about: `sequences` or `dialogues`."""
        return self.studies[study]["task"]

    def data(self, run: Run) -> dict[str, str]:
        """Name every folder below data/ that a run works with."""
        if self.task(run.study) == "sequences":
            return {"sessions": self.sessions(run.study, run.dataset)}
        place = (run.study, run.dataset)
        settings = self.settings(*place, run.model)
        encoder, heard = settings["dialogue"]["encoder"], self.heard(run)
        found = {
            "dialogues": self.dialogues(*place),
            "catalogue": self.catalogue(*place),
            "features": self.features(*place, encoder),
            "encoder": self.encoder(run.study, encoder),
            "simulator": self.simulator(*place, heard) if self.learns(run.study, heard) else None,
            "grid": self.grid(run.study, run.dataset, heard),
        }
        return {role: folder for role, folder in found.items() if folder}

    def heard(self, run: Run) -> str:
        """Name the simulated user of a run: the one it was trained with unless it is asked by another."""
        settings = self.settings(run.study, run.dataset, run.model)
        return settings["inference"].get("heard") or settings["dialogue"]["user"]

    def grid(self, study: str, dataset: str, user: str) -> str | None:
        """Place the grid features that a simulated user looks at."""
        settings = self.component(study, "simulators", user)
        return self.features(study, dataset, settings["grid"]) if "grid" in settings else None

    def environment(self, run: Run) -> dict:
        """Give the settings of what a dialogue model talks to: its encoder and its simulated user."""
        if self.task(run.study) == "sequences":
            return {}
        encoder = self.settings(run.study, run.dataset, run.model)["dialogue"]["encoder"]
        return {
            "encoder": self.encoder_settings(run.study, encoder),
            "user": self.user_settings(run.study, self.heard(run)),
        }

    # -- how every folder below data/ is made ---------------------------------------------------------------------

    def recipes(self) -> dict[str, dict]:
        """Say of every folder of shared data what it is made of, by place."""
        found = {}
        for study in self.studies:
            for dataset in self.datasets(study):
                found |= self.data_recipes(study, dataset)
                if self.task(study) == "dialogues":
                    found |= self.dialogue_recipes(study, dataset)
        return found

    def data_recipes(self, study: str, dataset: str) -> dict[str, dict]:
        """Say how raw files and sessions of a data set are made."""
        recipe = self.recipe(study, dataset)
        found = {self.raw(study, dataset): {"manifest": recipe["manifest"]}}
        if self.task(study) == "sequences":
            tables = self.tables(study, dataset)
            found[tables] = {"manifest": recipe["manifest"], "raw": self.raw(study, dataset)}
            found[self.sessions(study, dataset)] = recipe | {"made_of": tables}
        return found

    def dialogue_recipes(self, study: str, dataset: str) -> dict[str, dict]:
        """Say how catalogue, dialogues, encoders, features and simulated users of a data set are made."""
        found = self.picture_recipes(
            study, self.recipe(study, dataset), self.encoders_of(study, dataset)
        )
        for name in filter(lambda name: self.learns(study, name), self.users_of(study, dataset)):
            lessons, encoders = self.lessons(study, dataset, name), self.user_encoders(study, name)
            found |= self.picture_recipes(study, lessons, encoders)
            if published := self.published(study, name):
                source = self.component(study, "simulators", name)["published"]
                found[published] = {"manifest": manifest(source)}
            found[self.simulator(study, dataset, name)] = self.user_recipe(study, dataset, name)
        return found

    def picture_recipes(self, study: str, recipe: dict, encoders: set[str]) -> dict[str, dict]:
        """Say how the catalogue, the dialogues and the features of a source are made."""
        pictures, files = catalogue(recipe), raw(recipe["source"], recipe["manifest"])
        found = {
            files: {"manifest": recipe["manifest"]},
            pictures: {"manifest": recipe["manifest"], "raw": files},
            self.posed(recipe): recipe | {"made_of": pictures},
        }
        for name in encoders:
            found |= self.encoder_recipe(study, name)
            found[self.encoded(study, pictures, name)] = {
                "settings": self.encoder_settings(study, name),
                "catalogue": pictures,
                "encoder": self.encoder(study, name),
            }
        return found

    def encoder_recipe(self, study: str, name: str) -> dict[str, dict]:
        """Say how an encoder of ours is made, with the catalogue that it learns from."""
        place = self.encoder(study, name)
        if not place:
            return {}
        source = self.learnt_from(study, name)
        pictures, files = catalogue(source), raw(source["source"], source["manifest"])
        return {
            files: {"manifest": source["manifest"]},
            pictures: {"manifest": source["manifest"], "raw": files},
            place: {"settings": self.encoder_settings(study, name), "catalogue": pictures},
        }

    def user_encoders(self, study: str, name: str) -> set[str]:
        """Name the encoders that a simulated user is trained and judged with."""
        grid = self.component(study, "simulators", name).get("grid")
        return {self.judging_encoder(study), *([grid] if grid else [])}

    def user_recipe(self, study: str, dataset: str, name: str) -> dict:
        """Say what a simulated user is made of, and what it is judged with."""
        encoder, lessons = self.judging_encoder(study), self.lessons(study, dataset, name)
        return {
            "settings": self.user_settings(study, name),
            "dialogues": self.posed(lessons),
            "catalogue": catalogue(lessons),
            "grid": self.lesson_grid(study, dataset, name),
            "features": self.encoded(study, catalogue(lessons), encoder),
            "encoder": self.encoder_settings(study, encoder),
            "encoder_folder": self.encoder(study, encoder),
            "identity": self.user_identity(study, dataset, name),
            "published": self.published(study, name),
            "simulator": self.simulator(study, dataset, name) if self.learns(study, name) else None,
        }

    def encoders_of(self, study: str, dataset: str) -> set[str]:
        """Name the encoders that some run or some simulated user needs on a data set."""
        users = [
            self.component(study, "simulators", name) for name in self.users_of(study, dataset)
        ]
        runs = [
            self.settings(run.study, run.dataset, run.model)["dialogue"]["encoder"]
            for run in self.all_runs(study)
            if run.dataset == dataset
        ]
        grids = {user["grid"] for user in users if "grid" in user}
        return {*runs, *grids, self.judging_encoder(study)}

    def users_of(self, study: str, dataset: str) -> set[str]:
        """Name the simulated users that some run talks to, or that are judged, on a data set."""
        talked_to = {self.heard(run) for run in self.all_runs(study) if run.dataset == dataset}
        return talked_to | {name for place, name in self.study_users(study) if place == dataset}

    @functools.cache  # noqa: B019
    def all_runs(self, study: str) -> tuple[Run, ...]:
        """List all runs of a study with those whose weights they need, each once."""
        found: dict[Run, None] = {}
        waiting = [*self.study_runs(study)]
        while waiting:
            run = waiting.pop()
            if run in found:
                continue
            found[run] = None
            waiting += [self.trained(run), *self.needs(self.trained(run)).values()]
            waiting += [judge] if (judge := self.judge(run)) else []
        return tuple(found)

    # -- runs -----------------------------------------------------------------------------------------------------

    @functools.cache  # noqa: B019
    def training_key(self, run: Run) -> str:
        """Hash all that decides the weights of a run."""
        settings = self.settings(run.study, run.dataset, run.model)
        return digest(
            self.data(run),
            self.simulated(run),
            {part: settings[part] for part in ("model", "training", "dialogue", "inference")},
            run.seed,
            {role: self.training_key(one) for role, one in self.needs(run).items()},
            fingerprint("recloop.training.run", *modules(settings)),
        )

    def simulated(self, run: Run) -> str | None:
        """Name the place of a run's simulated user, whether or not it had to be trained."""
        if self.task(run.study) == "sequences":
            return None
        return self.simulator(run.study, run.dataset, self.heard(run))

    def run(self, run: Run) -> str:
        """Place the weights of a run."""
        return self.place("runs", run, self.training_key(run))

    @functools.cache  # noqa: B019
    def lists(self, run: Run) -> str:
        """Place the ranks and lists of a run."""
        settings = self.settings(run.study, run.dataset, run.model)
        key = digest(
            self.run(self.trained(run)),
            settings["inference"],
            self.data(run),
            self.simulated(run),
            self.evaluation(run).get("top_k"),
            fingerprint("recloop.training.run", *modules(settings)),
        )
        return self.place("scores", run, key)

    @functools.cache  # noqa: B019
    def scores(self, run: Run) -> str:
        """Place the metrics of a run; their code has a hash of its own, so that mending one ranks nothing anew."""
        judge = self.judge(run)
        key = digest(
            self.evaluation(run),
            self.identity(run),
            self.run(judge) if judge else None,
            fingerprint(METRICS[self.task(run.study)]),
        )
        return f"{self.lists(run)}/scores-{key}.parquet"

    def place(self, kind: str, run: Run, key: str) -> str:
        return f"results/{run.study}/{kind}/{self.folder(run.study, run.dataset)}/{run.model}/{run.seed}-{key}"

    def evaluation(self, run: Run) -> dict:
        return self.studies[run.study]["evaluation"]

    def judge(self, run: Run) -> Run | None:
        """Give the run whose item table measures how alike listed items are, one for all models."""
        name = self.evaluation(run).get("item_vectors")
        return Run(run.study, run.dataset, name, self.seeds[0]) if name else None

    # -- exhibits -------------------------------------------------------------------------------------------------

    def exhibit_scores(self, study: str, name: str) -> list[str]:
        """List the scores that a table or figure (or, by another name, the whole study) draws on."""
        one = name in self.exhibits(study)
        runs = self.exhibit_runs(study, name) if one else self.study_runs(study)
        users = self.exhibit_users(study, name) if one else self.study_users(study)
        return [self.scores(run) for run in runs] + [self.validity(study, *pair) for pair in users]

    def exhibit_key(self, study: str, name: str) -> str:
        """Hash all that decides a table, a figure, the claims or the page."""
        one = name in self.exhibits(study)
        runs = self.exhibit_runs(study, name) if one else self.study_runs(study)
        files = (f"studies/{study}.reported.csv", "recloop/report/page.css")
        return digest(
            name,
            self.said_of(study, name, runs) if one else self.studies[study],
            self.described_tier(study),
            self.exhibit_scores(study, name),
            [(ROOT / file).read_text(encoding="utf-8") for file in files],
            fingerprint("recloop.report", f"recloop.report.{study}"),
        )

    def described_tier(self, study: str) -> dict:
        """Say what a reader must know about the tier: its name, seeds and which data stand in for which."""
        used = {}
        for dataset in self.datasets(study):
            recipe = self.recipe(study, dataset)
            used[dataset] = {key: recipe[key] for key in ("source", "stand_in")}
            used[dataset] |= {"title": recipe["manifest"]["title"]}
            used[dataset] |= self.described_data(study, dataset)
        return {
            "tier": self.config["tier"],
            "says": self.here(study).get("says", self.tier["says"]),
            "seeds": self.seeds,
            "figure_seeds": self.figure_seeds,
            "datasets": used,
            "absent": self.here(study).get("absent", {}),
            "encoders": self.described_encoders(study),
        }

    def described_encoders(self, study: str) -> dict:
        """Say which encoders a study about dialogues uses, and what those of our own learnt from."""
        if self.task(study) == "sequences":
            return {}
        names = {
            name for dataset in self.datasets(study) for name in self.encoders_of(study, dataset)
        }
        return {name: self.described_encoder(study, name) for name in sorted(names)}

    def described_encoder(self, study: str, name: str) -> dict:
        """Say what an encoder is and where it lies."""
        place = self.encoder(study, name)
        return {
            "settings": self.encoder_settings(study, name),
            "place": place,
            "learnt_from": self.learnt_from(study, name)["manifest"]["title"] if place else None,
        }

    def described_data(self, study: str, dataset: str) -> dict:
        """Name the folders of a data set that a report looks into."""
        if self.task(study) == "sequences":
            return {"split": self.sessions(study, dataset)}
        return {
            "split": self.dialogues(study, dataset),
            "pictures": self.catalogue(study, dataset),
        }

    def split(self, study: str, dataset: str) -> str:
        """Place the split that all runs on a data set share."""
        return self.described_data(study, dataset)["split"]


def raw(source: str, content: dict) -> str:
    """Place the raw files of a source."""
    world = content.get("world")
    if not world:
        return f"data/raw/{source}"
    code = fingerprint(f"recloop.data.worlds.{world}")
    return f"data/raw/{source}-{digest(content, code)}"


def catalogue(recipe: dict) -> str:
    """Place the catalogue of a source."""
    source, content = recipe["source"], recipe["manifest"]
    code = fingerprint("recloop.data.catalogues", f"recloop.data.readers.{content['reader']}")
    made_of = {name: content.get(name) for name in ("reading", "files", "pictures")}
    return f"data/catalogues/{source}-{digest(raw(source, content), made_of, code)}"


def module_of(room: str, settings: dict) -> str:
    """Name the module of a component's class."""
    return f"recloop.{room}.{settings['class'].rpartition('.')[0]}"
