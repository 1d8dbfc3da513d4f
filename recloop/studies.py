"""Studies, tiers and the user's config to the settings and the place of every result.

Nothing here knows a paper. A place carries the hash of all that the result depends on (settings, code, split, data), so
that an older result can never be taken for it, whatever Snakemake remembers.
"""

import functools
from dataclasses import dataclass

import yaml

from recloop.data.sources import load_source
from recloop.provenance import ROOT, digest, fingerprint
from recloop.report import sweeps
from recloop.settings import SettingsError, check, nearest, read_settings


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


class Plan:
    """What is to be made under one config: the only place that turns settings into paths.

    Args:
        config: content of config.yaml, perhaps with changes from the command line.

    Raises:
        SettingsError: config, tier or a study says something impossible.
    """

    def __init__(self, config: dict):
        check(config, "config", "config.yaml")
        self.config = config
        self.tier = read_settings(ROOT / "tiers" / f"{config['tier']}.yaml", "tier")
        self.studies = {
            name: read_settings(ROOT / "studies" / f"{name}.yaml", "study")
            for name in config["studies"]
        }
        self.seeds = config["seeds"] or self.tier["seeds"]
        self.figure_seeds = self.seeds[: self.tier["figure_seeds"]]
        for study in self.studies:
            self.datasets(study)
            self.check_models(study)

    # -- what a study works on ------------------------------------------------------------------------------------

    def datasets(self, study: str) -> list[str]:
        """Name the paper's data sets that this tier and this config have something for."""
        known = self.studies[study]["datasets"]
        wanted = self.config["datasets"] or list(known)
        for name in wanted:
            if name not in known:
                raise SettingsError(
                    f"config.yaml: datasets: unknown '{name}'{nearest(name, known)}"
                )
        return [name for name in wanted if name in self.tier["datasets"]]

    def check_models(self, study: str) -> None:
        """Stop where a table, figure or claim names a model that the study does not have."""
        paper = self.studies[study]
        known = paper["models"]
        for name, entry in (paper["tables"] | paper["figures"] | dict(paper["claims"])).items():
            parts = [entry, *entry.get("panels", []), *entry.get("checks", [])]
            for model in (model for part in parts for model in sweeps.named(part)):
                if (key := model.split(",")[0]) not in known:
                    raise SettingsError(
                        f"studies/{study}.yaml: {name}: no model '{key}'{nearest(key, known)}"
                    )

    @functools.cache  # noqa: B019 a plan lives as long as the process
    def recipe(self, study: str, dataset: str) -> dict:
        """Say which source plays a data set and how it is prepared and split."""
        paper, here = self.studies[study]["datasets"][dataset], self.tier["datasets"][dataset]
        name = here.get("source", paper["source"])
        source = load_source(ROOT / "sources" / f"{name}.yaml")
        if "sizes" in here:
            source = source | {"sizes": source["sizes"] | here["sizes"]}
        return {
            "source": name,
            "manifest": source,
            "stand_in": here.get("stand_in"),
            "prepare": paper["prepare"] | here.get("prepare", {}),
            "split": paper["split"] | here.get("split", {}),
        }

    def folder(self, study: str, dataset: str) -> str:
        """Name a data set in paths: its own key, or `shop_clicks-for-rc15` where something stands in for it."""
        recipe = self.recipe(study, dataset)
        return f"{recipe['source']}-for-{dataset}" if recipe["stand_in"] else dataset

    # -- keys and places of shared data ---------------------------------------------------------------------------

    def raw(self, study: str, dataset: str) -> str:
        """Place the raw files: a world's by its hash, a published data set's by its name alone (DVC has its bytes)."""
        recipe = self.recipe(study, dataset)
        world = recipe["manifest"].get("world")
        if not world:
            return f"data/raw/{recipe['source']}"
        code = fingerprint(f"recloop.data.worlds.{world}")
        return f"data/raw/{recipe['source']}-{digest(recipe['manifest'], code)}"

    def tables(self, study: str, dataset: str) -> str:
        """Place the tidy tables."""
        recipe = self.recipe(study, dataset)
        reader = recipe["manifest"]["reader"]
        code = fingerprint("recloop.data.tables", f"recloop.data.readers.{reader}")
        files = recipe["manifest"].get("files")
        key = digest(self.raw(study, dataset), reader, files, code)
        return f"data/tables/{recipe['source']}-{key}"

    def sessions(self, study: str, dataset: str) -> str:
        """Place the sessions and their split."""
        recipe = self.recipe(study, dataset)
        code = fingerprint("recloop.data.prepare")
        key = digest(
            self.tables(study, dataset),
            recipe["prepare"],
            recipe["split"],
            self.tier["split_seed"],
            code,
        )
        return f"data/sessions/{recipe['source']}-{key}"

    # -- settings, keys and places of runs ------------------------------------------------------------------------

    @functools.cache  # noqa: B019
    def settings(self, study: str, dataset: str, model: str) -> dict:
        """Resolve how a model is built, trained and asked: study, then tier, then the overrides in its name.

        Returns:
            `model`, `training`, `inference`: keywords; `trained_as`: the name without what only matters when asking;
            `vectors`: the model whose item table it works with, or None.
        """
        paper = self.studies[study]
        name, *overrides = model.split(",")
        if name not in paper["models"]:
            raise SettingsError(
                f"studies/{study}.yaml: no model '{name}'{nearest(name, paper['models'])}"
            )
        entry = for_dataset(paper["models"][name] | self.tier["models"].get(name, {}), dataset)
        parts = {
            "inference": for_dataset(entry.pop("inference", {}), dataset),
            "training": for_dataset(paper["training"] | entry.pop("training", {}), dataset),
            "model": {
                key: value for key, value in entry.items() if key not in ("label", "item_vectors")
            },
        }
        parts["training"] |= for_dataset(self.tier["training"], dataset)
        trained_as = name
        for override in overrides:
            part = apply(parts, override, f"{study}: '{model}'")
            trained_as += f",{override}" if part != "inference" else ""
        return parts | {"trained_as": trained_as, "vectors": entry.get("item_vectors")}

    def trained(self, run: Run) -> Run:
        """Give the run whose weights a run uses."""
        return Run(
            run.study,
            run.dataset,
            self.settings(run.study, run.dataset, run.model)["trained_as"],
            run.seed,
        )

    def vectors(self, run: Run) -> Run | None:
        """Give the run whose item table this run works with."""
        name = self.settings(run.study, run.dataset, run.model)["vectors"]
        return Run(run.study, run.dataset, name, run.seed) if name else None

    @functools.cache  # noqa: B019
    def training_key(self, run: Run) -> str:
        """Hash all that decides the weights of a run."""
        settings = self.settings(run.study, run.dataset, run.model)
        needed = self.vectors(run)
        return digest(
            self.sessions(run.study, run.dataset),
            {part: settings[part] for part in ("model", "training", "inference")},
            run.seed,
            self.training_key(needed) if needed else None,
            fingerprint("recloop.training.run", *modules(settings)),
        )

    def run(self, run: Run) -> str:
        """Place the weights of a run."""
        return self.place("runs", run, self.training_key(run))

    @functools.cache  # noqa: B019
    def lists(self, run: Run) -> str:
        """Place the ranks and lists of a run."""
        settings = self.settings(run.study, run.dataset, run.model)
        evaluation = self.evaluation(run)
        key = digest(
            self.run(self.trained(run)),
            settings["inference"],
            evaluation["top_k"],
            fingerprint("recloop.evaluation.ranker", "recloop.training.run", *modules(settings)),
        )
        return self.place("scores", run, key)

    def scores(self, run: Run) -> str:
        """Place the metrics of a run; their code has a hash of its own, so that mending one ranks nothing anew."""
        evaluation, judge = self.evaluation(run), self.judge(run)
        key = digest(
            evaluation,
            self.identity(run),
            self.run(judge),
            fingerprint("recloop.evaluation.metrics"),
        )
        return f"{self.lists(run)}/scores-{key}.parquet"

    def place(self, kind: str, run: Run, key: str) -> str:
        return f"results/{run.study}/{kind}/{self.folder(run.study, run.dataset)}/{run.model}/{run.seed}-{key}"

    def evaluation(self, run: Run) -> dict:
        return self.studies[run.study]["evaluation"]

    def judge(self, run: Run) -> Run:
        """Give the run whose item table measures how alike listed items are, one for all models."""
        return Run(run.study, run.dataset, self.evaluation(run)["item_vectors"], self.seeds[0])

    def identity(self, run: Run) -> dict:
        """Say whose result it is: the columns that come with every number."""
        recipe = self.recipe(run.study, run.dataset)
        return {
            "study": run.study,
            "dataset": run.dataset,
            "source": recipe["source"],
            "stand_in": bool(recipe["stand_in"]),
            "tier": self.config["tier"],
            "model": run.model,
            "seed": run.seed,
        }

    # -- exhibits -------------------------------------------------------------------------------------------------

    def exhibits(self, study: str) -> dict[str, dict]:
        """Give every table and figure of a study by name."""
        return self.studies[study]["tables"] | self.studies[study]["figures"]

    def exhibit_runs(self, study: str, name: str) -> list[Run]:
        """List the runs that a table or figure draws on."""
        paper, here = self.studies[study], self.datasets(study)
        seeds = self.seeds if name in paper["tables"] else self.figure_seeds
        return [
            Run(study, dataset, model, seed)
            for dataset, model in sweeps.wanted(paper, self.exhibits(study)[name])
            if dataset in here
            for seed in seeds
        ]

    def study_runs(self, study: str) -> list[Run]:
        """List all runs of a study, each once."""
        return list(
            dict.fromkeys(
                run for name in self.exhibits(study) for run in self.exhibit_runs(study, name)
            )
        )

    def exhibit_key(self, study: str, name: str) -> str:
        """Hash all that decides a table, a figure, the claims or the page."""
        one = name in self.exhibits(study)
        runs = self.exhibit_runs(study, name) if one else self.study_runs(study)
        files = (f"studies/{study}.reported.csv", "recloop/report/page.css")
        return digest(
            name,
            self.said_of(study, name, runs) if one else self.studies[study],
            self.described_tier(study),
            [self.scores(run) for run in runs],
            [(ROOT / file).read_text(encoding="utf-8") for file in files],
            fingerprint("recloop.report", f"recloop.report.{study}"),
        )

    def said_of(self, study: str, name: str, runs: list[Run]) -> dict:
        """Pick from a study what one exhibit says: changes elsewhere in it make nothing anew."""
        paper = self.studies[study]
        models = {run.model.split(",")[0] for run in runs}
        return {
            "exhibit": self.exhibits(study)[name],
            "models": {model: paper["models"][model] for model in sorted(models)},
            **{key: paper[key] for key in ("datasets", "evaluation", "margins")},
        }

    def described_tier(self, study: str) -> dict:
        """Say what a reader must know about the tier: its name, seeds and which data stand in for which."""
        used = {}
        for dataset in self.datasets(study):
            recipe = self.recipe(study, dataset)
            used[dataset] = {key: recipe[key] for key in ("source", "stand_in")}
            used[dataset] |= {
                "title": recipe["manifest"]["title"],
                "sessions": self.sessions(study, dataset),
            }
        return {
            "tier": self.config["tier"],
            "says": self.tier["says"],
            "seeds": self.seeds,
            "figure_seeds": self.figure_seeds,
            "datasets": used,
            "absent": self.tier.get("absent", {}),
        }


def for_dataset(settings: dict, dataset: str) -> dict:
    """Pick a data set's value where one is given per data set: `{rc15: 0.6, lfm1b: 0.0}`."""
    return {
        key: value[dataset] if isinstance(value, dict) and dataset in value else value
        for key, value in settings.items()
    }


def apply(parts: dict[str, dict], override: str, where: str) -> str:
    """Set one `key=value` of a model's name in the part that has the key; say which part that was."""
    key, _, text = override.partition("=")
    part = next((name for name, settings in parts.items() if key in settings), None)
    if part is None:
        known = [key for settings in parts.values() for key in settings]
        raise SettingsError(f"{where} overrides '{key}', which it has not{nearest(key, known)}")
    value, old = yaml.safe_load(text), parts[part][key]
    if None not in (value, old) and kind(value) != kind(old):
        raise SettingsError(f"{where}: {key}={text} does not go with the study's {key}: {old!r}")
    parts[part][key] = value
    return part


def kind(value: object) -> str:
    """Say what sort of value it is; whole numbers and others are one sort, true is none of them."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return "number" if number else type(value).__name__


def modules(settings: dict) -> list[str]:
    """Name the modules of a model, its backbone and its loop."""
    classes = [settings["model"]["class"]]
    if backbone := settings["model"].get("backbone"):
        classes.append(backbone["class"])
    return [
        f"recloop.training.{settings['training']['loop']}",
        *(f"recloop.models.{name.rpartition('.')[0]}" for name in classes),
    ]
