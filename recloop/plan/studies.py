"""Studies, tiers and the user's config to the settings of every run: what is to be made, not where it lies.

Nothing here knows a paper. What is made from the settings, and where it lies, is in recloop/plan/__init__.py.
"""

import functools
import itertools
from dataclasses import dataclass
from pathlib import Path

from recloop.data import hub
from recloop.plan import components, folders, own_data
from recloop.plan import names as sweeps
from recloop.plan.checks import with_sizes
from recloop.plan.names import RunName
from recloop.plan.resolved import PARTS, changes_of, resolved
from recloop.plan.values import DEFAULT, for_dataset, stop_at_missing
from recloop.storage.fingerprint import ROOT
from recloop.storage.settings import SettingsError, check, nearest, only_known, read_settings
from recloop.training import loop_name

CHANGES = ("every_model", "models")  # of models, by a tier, beside the parts
WHOLE = ("name", "package", "pretrain", "same_as")  # which language model it is


@dataclass(frozen=True)
class Run:
    """One trained model, or one way of asking it.

    Attributes:
        study, dataset: keys of the study and of the paper's data set.
        model: its name with overrides, as in a table.
        seed: of everything random in it.
    """

    study: str
    dataset: str
    model: str
    seed: int


class Studies:
    """What is to be made under one config.

    Args:
        config: content of config.yaml, perhaps with changes from the command line.

    Raises:
        SettingsError: config, tier or a study says something impossible.
    """

    def __init__(self, config: dict):
        check(config, "config", "config.yaml")
        self.config = config
        self.folders = folders.find_studies(config["studies"])
        self.studies = folders.in_order(
            {name: folders.read_study(folder) for name, folder in self.folders.items()}
        )
        tiers = folders.read_tier(config["tier"])
        for tier in tiers:
            known = {*folders.find_studies("all"), *self.folders}
            only_known(f"tiers/{tier['name']}.yaml: studies", tier.get("studies", {}), known)
        own = {name: folders.tier_of_study(self.folders[name], tiers) for name in self.studies}
        own = {
            name: folders.with_alike(here, self.studies[name]["datasets"])
            for name, here in own.items()
        }
        self.studies, own = own_data.laid_over(self.studies, own, config["datasets"] or [])
        self.tier = folders.merged(tiers) | {"studies": own}
        self.studies = self.concerned()
        for name in self.studies:
            self.fit_to_tier(name)
        self.seeds = config["seeds"] or self.tier["seeds"]
        self.figure_seeds = self.seeds[: self.tier["figure_seeds"]]
        self.check_datasets()
        self.check_twin()
        for study in self.studies:
            self.check_models(study)

    def fit_to_tier(self, study: str) -> None:
        """Thin the sweeps of a study as the tier says, and leave out known answers that this tier has no data for.

        What the tier changes of models joins the study as `here`: names of runs depend on it.
        """
        here = {key: one for key, one in self.here(study).items() if key in (*PARTS, *CHANGES)}
        alike = {name: {"like": one["like"]} for name, one in self.controls(study).items()}
        without = self.here(study).get("left_out", {})
        left_out = {dataset: without.get(dataset, []) for dataset in self.datasets(study)}
        here |= {"controls": alike, "left_out": left_out}
        paper = self.studies[study] | {"here": here}
        points = self.here(study).get("sweep_points")
        parts = {
            part: sweeps.thinned(paper[part], paper, points)
            for part in ("tables", "figures", "claims")
        }
        known = paper["known"] if self.controls(study) else {}
        self.studies[study] = paper | parts | {"known": known}

    # -- what a study works on ------------------------------------------------------------------------------------

    def here(self, study: str) -> dict:
        """Return the tier's settings for a study: smaller budgets, other data."""
        return self.tier["studies"].get(study, {})

    def concerned(self) -> dict[str, dict]:
        """Leave out the studies that none of the wanted data sets concerns; where none is left, the checks say why."""
        wanted = self.config["datasets"]
        kept = {name: paper for name, paper in self.studies.items() if self.datasets(name)}
        return kept if wanted and kept else self.studies

    def datasets(self, study: str) -> list[str]:
        """List the paper's data sets that this tier and this config have something for."""
        wanted = self.config["datasets"] or list(self.studies[study]["datasets"])
        return [name for name in wanted if name in self.here(study).get("datasets", {})]

    def controls(self, study: str) -> dict[str, dict]:
        """Return, by name, the embedded worlds in which the tier plants or removes what a study is about."""
        here = self.datasets(study)
        found = self.here(study).get("controls", {})
        return {name: entry for name, entry in found.items() if entry["like"] in here}

    def worlds(self, study: str) -> list[str]:
        """List all data sets that runs work on: the paper's, then the controls."""
        return [*self.datasets(study), *self.controls(study)]

    def plays(self, study: str, dataset: str) -> str:
        """Return the data set whose settings hold: what is like another, a control too, has those of that one."""
        entries = self.studies[study]["datasets"] | self.controls(study)
        return entries.get(dataset, {}).get("like", dataset)

    def entry_in(self, entries: dict, study: str, dataset: str) -> dict:
        """Take a data set's entry among those of the paper or of the tier; that of what it plays where it has none."""
        return entries[dataset if dataset in entries else self.plays(study, dataset)]

    def entry(self, study: str, dataset: str) -> dict:
        """Return the tier's settings of a data set; a control changes those of the data set that it is like."""
        entry = self.entry_in(self.here(study)["datasets"], study, dataset)
        changes = dict(self.controls(study).get(dataset, {}))
        changes.pop("like", None)
        return folders.laid_over(entry, changes)

    def check_datasets(self) -> None:
        """Stop where the config names a data set that no study has."""
        known = [name for study in self.studies.values() for name in study["datasets"]]
        for name in self.config["datasets"] or []:
            if name not in known:
                raise SettingsError(
                    f"config.yaml: datasets: unknown '{name}'{nearest(name, known)}"
                )

    def check_twin(self) -> None:
        """Stop where the config asks for a protocol that no study has."""
        known = [name for study in self.studies.values() for name in study.get("twins", {})]
        if (name := self.config["twin"]) and name not in known:
            raise SettingsError(f"config.yaml: twin: no study has '{name}'{nearest(name, known)}")

    def check_models(self, study: str) -> None:
        """Stop where a table, figure or claim names a model that the study does not have."""
        paper = self.studies[study]
        known = paper["models"]
        parts = ("tables", "figures", "claims", "known")
        for name, entry in (pair for part in parts for pair in paper[part].items()):
            parts = [entry, *entry.get("panels", []), *entry.get("checks", [])]
            for model in (model for part in parts for model in sweeps.named(part)):
                if (key := RunName.parse(model).key) not in known:
                    raise SettingsError(
                        f"studies/{study}/exhibits.yaml: {name}: no model '{key}'{nearest(key, known)}"
                    )

    @functools.cache  # noqa: B019 a plan lives as long as the process
    def recipe(self, study: str, dataset: str) -> dict:
        """Return which source plays a data set and how it is prepared and split."""
        paper = self.entry_in(self.studies[study]["datasets"], study, dataset)
        here = self.entry(study, dataset)
        name, tier = here.get("source", paper["source"]), self.config["tier"]
        return {
            "source": name,
            "manifest": manifest(name, here.get("sizes"), f"tier {tier}, {study}: {dataset}"),
            "stand_in": here.get("stand_in"),
            "prepare": paper["prepare"] | here.get("prepare", {}),
            "split": split_of(paper["split"], here.get("split", {})),
        }

    @functools.cache  # noqa: B019
    def stand_in(self, study: str, dataset: str) -> str | None:
        """Say what is not the paper's own: the data, their number, or the networks that read them; None if all is.

        Folders are named for other data alone (`folder`); what a report calls a stand-in is this.
        """
        recipe = self.recipe(study, dataset)
        if recipe["stand_in"]:
            return recipe["stand_in"]
        own = self.entry_in(self.studies[study]["datasets"], study, dataset)["prepare"]
        number, told = recipe["prepare"].get("sample_sessions"), []
        if number and number != own.get("sample_sessions"):
            told.append(f"{number:,} of its sequences")
        if self.exchanged(study):
            told.append("with other networks than the paper's")
        return ", ".join(told) or None

    def exchanged(self, study: str) -> bool:
        """Check whether the tier has other encoders or language models in the place of a study's."""
        paper, here = self.studies[study], self.here(study)
        changes = [
            (entry, here.get(kind, {}).get(name, {}))
            for kind in ("features", "language_models")
            for name, entry in paper.get(kind, {}).items()
        ]
        words = ("class", "learn", *WHOLE)
        return any(
            entry.get(word) != new[word] for entry, new in changes for word in words if word in new
        )

    def folder(self, study: str, dataset: str) -> str:
        """Return a data set's folder: its key, or `shop_clicks-for-rc15` where something stands in for it."""
        recipe = self.recipe(study, dataset)
        return f"{recipe['source']}-for-{dataset}" if recipe["stand_in"] else dataset

    # -- settings of runs -----------------------------------------------------------------------------------------

    @functools.cache  # noqa: B019
    def settings(self, study: str, dataset: str, model: str) -> dict:
        """Resolve how a model is built, trained and asked: study, then tier, then the overrides in its name.

        Returns:
            `model`, `training`, `dialogue`, `inference`: keywords; `trained_as`: the name without what only matters
            when asking; `needs`: other models, by what this one does with their weights.
        """
        paper, here = self.studies[study], self.here(study)
        played = self.plays(study, dataset)
        called = RunName.parse(model)
        name = called.key
        if name not in paper["models"]:
            raise SettingsError(
                f"studies/{study}/paper.yaml: no model '{name}'{nearest(name, paper['models'])}"
            )
        parts = resolved(paper, here, name, played)
        needs = parts.pop("needs")
        for values in parts.values():
            stop_at_missing(values, played, paper["datasets"], f"{study}, {name} on {dataset}")
        asked = {
            key
            for key, text in [*self.twin(called), *called.overrides]
            if self.apply(parts, key, text, study, model) == "inference"
        }
        trained_as = str(called.keep(lambda key, _: key not in asked))
        return parts | {"trained_as": trained_as, "needs": needs}

    def twin(self, called: RunName) -> list[tuple[str, str]]:
        """Return the protocol that the config asks for, unless a model's name does."""
        named = "twin" in dict(called.overrides)
        return [("twin", self.config["twin"])] if self.config["twin"] and not named else []

    def apply(self, parts: dict[str, dict], key: str, text: str, study: str, model: str) -> str:
        """Set one keyword of a model's name; a twin sets all of its keywords that the model has."""
        if key != "twin":
            return components.override(parts, key, text, f"{study}: '{model}'")
        twins = self.studies[study].get("twins", {})
        if text not in twins and text != self.config["twin"]:
            raise SettingsError(f"{study}: '{model}': no twin '{text}'{nearest(text, twins)}")
        for part, (name, value) in itertools.product(parts.values(), twins.get(text, {}).items()):
            if components.holder(part, name) is not None:
                components.put(part, name, value)
        return "twin"

    def trained(self, run: Run) -> Run:
        """Return the run whose weights a run uses."""
        return Run(
            run.study,
            run.dataset,
            self.settings(run.study, run.dataset, run.model)["trained_as"],
            run.seed,
        )

    @functools.cache  # noqa: B019
    def needs(self, run: Run) -> dict[str, Run]:
        """Return the runs whose weights a run starts from, is made of or measures with, by role."""
        needed = self.settings(run.study, run.dataset, run.model)["needs"]
        return {role: self.needed_run(run, one) for role, one in needed.items()}

    def needed_run(self, run: Run, needed: str) -> Run:
        """Return a run that another one needs, perhaps on another data set.

        Raises:
            SettingsError: the study has no such data set, or the tier nothing for it.
        """
        name, dataset = sweeps.placed(needed, run.dataset)
        instead = self.recipe(run.study, run.dataset)["prepare"].get("instead", {})
        dataset = instead.get(dataset, dataset)
        where = f"studies/{run.study}/paper.yaml: {run.model} needs '{needed}'"
        known = {*self.studies[run.study]["datasets"], *self.controls(run.study), run.dataset}
        only_known(where, [dataset], known)
        if dataset not in {
            *self.here(run.study)["datasets"],
            *self.controls(run.study),
            run.dataset,
        }:
            raise SettingsError(f"{where}; tier {self.config['tier']} has nothing for '{dataset}'")
        return Run(run.study, dataset, self.inherited(run, name, dataset), run.seed)

    def inherited(self, run: Run, needed: RunName, dataset: str) -> str:
        """Hand overrides on to a needed model: those of keys for which it has the same value as the plain run.

        On another data set only those of the network: how it was trained there is its own.
        """
        name = RunName.parse(self.trained(run).model)
        mine = self.settings(run.study, run.dataset, name.key)
        other = self.settings(run.study, dataset, str(needed))
        parts = PARTS if dataset == run.dataset else ("model",)

        def shared(key: str, text: str) -> bool:
            values = [
                [
                    components.read(found[part], key)
                    for part in parts
                    if components.holder(found[part], key) is not None
                ]
                for found in (mine, other)
            ]
            return key == "twin" or bool(values[0] and values[0] == values[1])

        return str(RunName(needed.key, needed.overrides + name.keep(shared).overrides))

    def identity(self, run: Run) -> dict:
        """Identify a result: the columns that come with every number."""
        recipe = self.recipe(run.study, run.dataset)
        return {
            "study": run.study,
            "dataset": run.dataset,
            "source": recipe["source"],
            "stand_in": bool(self.stand_in(run.study, run.dataset)),
            "tier": self.config["tier"],
            "model": run.model,
            "seed": run.seed,
        }

    # -- exhibits -------------------------------------------------------------------------------------------------

    def exhibits(self, study: str) -> dict[str, dict]:
        """Return every table and figure of a study by name."""
        return self.studies[study]["tables"] | self.studies[study]["figures"]

    @functools.cache  # noqa: B019
    def exhibit_runs(self, study: str, name: str) -> list[Run]:
        """List the runs that a table or figure draws on."""
        paper, here = self.studies[study], self.datasets(study)
        entry = self.exhibits(study)[name]
        few = entry.get("seeds", "few" if name in paper["figures"] else "all") == "few"
        seeds = self.figure_seeds if few else self.seeds
        return [
            Run(study, dataset, model, seed)
            for dataset, model in sweeps.wanted(paper, entry)
            if dataset in here and not self.left_out(study, dataset, model)
            for seed in seeds[: self.most_seeds(study, dataset, model)]
        ]

    def most_seeds(self, study: str, dataset: str, model: str) -> int | None:
        """Say how many of the seeds the tier gives a run at most; None for all."""
        most = self.here(study).get("most_seeds", {})
        found = most.get(dataset, most.get(DEFAULT))
        return found.get(sweeps.matching(model, found)) if isinstance(found, dict) else found

    def left_out(self, study: str, dataset: str, model: str) -> str | None:
        """Find the pattern by which the tier leaves out a run; None where it is run."""
        return sweeps.matching(model, self.here(study).get("left_out", {}).get(dataset, []))

    def known_runs(self, study: str) -> list[Run]:
        """List the runs that known answers are judged by, with the first seed alone."""
        paper, here = self.studies[study], self.worlds(study)
        return [
            Run(study, dataset, model, self.seeds[0])
            for entry in paper["known"].values()
            for dataset, model in sweeps.wanted(paper, entry)
            if dataset in here
        ]

    @functools.cache  # noqa: B019
    def study_runs(self, study: str) -> list[Run]:
        """List all runs of a study, each once."""
        shown = [run for name in self.exhibits(study) for run in self.exhibit_runs(study, name)]
        return list(dict.fromkeys([*shown, *self.known_runs(study)]))

    def exhibit_users(self, study: str, name: str) -> list[tuple[str, str]]:
        """List the (data set, simulated user) pairs whose validity a table or figure shows."""
        entry = self.exhibits(study)[name]
        wanted = entry.get("datasets", self.studies[study]["datasets"])
        return [
            (dataset, user)
            for dataset in wanted
            if dataset in self.datasets(study)
            for user in entry.get("simulators", [])
        ]

    def study_users(self, study: str) -> list[tuple[str, str]]:
        """List all simulated users that a study judges."""
        names = self.exhibits(study)
        return list(
            dict.fromkeys(pair for name in names for pair in self.exhibit_users(study, name))
        )

    def exhibit_settings(self, study: str, name: str, runs: list[Run]) -> dict:
        """Pick from a study what one exhibit says: changes elsewhere in it make nothing anew."""
        paper = self.studies[study]
        models = {RunName.parse(run.model).key for run in runs}
        return {
            "exhibit": self.exhibits(study)[name],
            "models": {model: paper["models"][model] for model in sorted(models)},
            "here": paper["here"]
            | {"models": {one: changes_of(paper["here"], one) for one in sorted(models)}},
            **{key: paper[key] for key in ("datasets", "evaluation", "margins")},
        }

    def component(self, study: str, kind: str, name: str) -> dict:
        """Return the settings of an encoder (`features`), a simulated user (`simulators`) or one of `language_models`.

        A tier's entry with a `class`, or one that names another language model, replaces the study's; one without
        changes some of its settings.

        Raises:
            SettingsError: neither the study nor the tier has it.
        """
        paper, here = self.studies[study].get(kind, {}), self.here(study).get(kind, {})
        if name not in paper and name not in here:
            known = paper | here
            raise SettingsError(
                f"studies/{study}/paper.yaml: {kind}: no '{name}'{nearest(name, known)}"
            )
        changed = here.get(name, {})
        if {"class", *(WHOLE if kind == "language_models" else ())} & changed.keys():
            return changed
        mine = paper[name]
        training = mine.get("training", {}) | changed.get("training", {})
        return mine | changed | ({"training": training} if training else {})

    def component_for(self, study: str, kind: str, name: str, dataset: str) -> dict:
        """Return the settings of a component for a data set.

        Raises:
            SettingsError: there is no such component, or one has values for other data sets and none for this one.
        """
        played, known = self.plays(study, dataset), self.studies[study]["datasets"]
        found = for_dataset(self.component(study, kind, name), played)
        where = f"tier {self.config['tier']}, {study}: {kind}.{name}"
        stop_at_missing(found, played, known, where)
        return found


def split_of(paper: dict, here: dict) -> dict:
    """Lay a tier's split over the paper's; another way of splitting takes nothing over."""
    return here if "by" in here else paper | here


def manifest(name: str, sizes: dict | None = None, where: str = "") -> dict:
    """Read a source's manifest, perhaps with other sizes of its world."""
    source = known_source(ROOT / "sources" / f"{name}.yaml")
    return with_sizes(source, sizes, where or f"the source {name}")


@functools.cache
def known_source(path: Path) -> dict:
    """Read a manifest once, with its addresses on hubs written out."""
    return hub.resolved(read_settings(path, schema="source"))


def modules(settings: dict) -> list[str]:
    """List the modules of a model, of all its components and of its loop."""
    loop = loop_name(settings["training"])
    return [loop, *components.modules({"model": settings["model"] | settings.get("inference", {})})]
