"""What is to be made under one config, and where: the only class that turns settings into paths."""

import functools
from pathlib import Path

from recloop.plan.places import Places, catalogue, raw
from recloop.plan.studies import Run, manifest, modules
from recloop.storage.fingerprint import ROOT, digest, fingerprint

METRICS = {"sequences": "recloop.evaluation.metrics", "dialogues": "recloop.evaluation.dialogue"}


class Plan(Places):
    """Every folder and file of a config: how shared data are made, runs with their scores, exhibits.

    Args:
        config: content of config.yaml, perhaps with changes from the command line.

    Raises:
        SettingsError: config, tier or a study says something impossible.
    """

    # -- how every folder below data/ is made ---------------------------------------------------------------------

    def recipes(self) -> dict[str, dict]:
        """Say of every folder of shared data what it is made of, by place."""
        found = {}
        for study in self.studies:
            for dataset in self.worlds(study):
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
        style = [ROOT / "recloop/report/page.css"] if name == "page" else []
        return digest(
            name,
            self.said_of(study, name, runs) if one else self.studies[study],
            self.described_tier(study),
            self.exhibit_scores(study, name),
            [file.read_text(encoding="utf-8") for file in (self.reported(study), *style)],
            fingerprint(self.exhibit_code(study, name)),
        )

    def exhibit_code(self, study: str, name: str) -> str:
        """Name the module that makes an exhibit: that of its kind, of the ledger with the claims, or of the page."""
        if name not in self.exhibits(study):
            return {"claims": "recloop.report.ledger", "page": "recloop.report.page"}[name]
        kind = self.exhibits(study)[name]["kind"]
        return kind if "." in kind else f"recloop.report.exhibits.{kind}"

    def reported(self, study: str) -> Path:
        """Find the numbers that the paper prints."""
        return self.folders[study] / "reported.csv"

    def described_tier(self, study: str) -> dict:
        """Say what a reader must know about the tier: its name, seeds and which data stand in for which."""
        used = {}
        for dataset in self.worlds(study):
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
            "left_out": self.here(study).get("left_out", {}),
            "sweep_points": self.here(study).get("sweep_points"),
            "encoders": self.described_encoders(study),
        }

    def described_encoders(self, study: str) -> dict:
        """Say which encoders a study about dialogues uses, and what those of our own learnt from."""
        if self.task(study) == "sequences":
            return {}
        names = {
            name for dataset in self.worlds(study) for name in self.encoders_of(study, dataset)
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
