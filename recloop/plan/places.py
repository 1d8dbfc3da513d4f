"""Where shared data lie, under keys of all that they depend on.

A place carries the hash of settings, code, split and data, so that an older result can never be taken for it, whatever
Snakemake remembers.
"""

import functools
from pathlib import Path

from recloop.data.sources import reading_inputs
from recloop.plan.studies import Run, Studies, manifest
from recloop.storage.fingerprint import digest, fingerprint


class Places(Studies):
    """Places of raw files, sessions, catalogues, dialogues, encoders, features and simulated users."""

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
        raw_files = self.raw(study, dataset)
        inputs = reading_inputs(Path(raw_files), recipe["manifest"])
        key = digest(raw_files, inputs, code)
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
