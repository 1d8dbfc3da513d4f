"""What an exhibit is made from: the study, the tier, what was saved, and what the paper prints."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from recloop.evaluation import records
from recloop.evaluation.results import Quantity, Results, Sampling
from recloop.evaluation.significance import LEVEL, paired
from recloop.evaluation.trained import trained_out
from recloop.plan.details import Detail, details
from recloop.plan.names import RunName, defaults, matching, placed, points
from recloop.plan.values import pick

CURVE = {
    **dict.fromkeys(["dataset", "model"], pl.String),
    **dict.fromkeys(["seed", "update"], pl.Int64),
    **dict.fromkeys(["epoch", "loss", "valid_ndcg10"], pl.Float64),
}
POPULARITY = "popularity"  # the model below which nothing was learned, where a study has it
REPORTED = {
    **dict.fromkeys(["exhibit", "dataset", "model", "metric"], pl.String),
    "k": pl.Int64,
    "value": pl.Float64,
    "significant": pl.Boolean,
    "note": pl.String,
}

EARLY = "early"  # the role of weights that are meant to be of an early stage


@dataclass(frozen=True)
class Evidence:
    """All that the exhibits of one study draw on.

    Args:
        study: the study file.
        tier: the resolved tier, which says what stands in for each of the paper's data sets.
        results: saved scores and lists.
        reported: the printed numbers, one row per cell.
        splits: split.json of each data set by its hash, with the counts of its items under `item_counts`.
        not_run: reasons by data set or by model, where something was left out on purpose.
        runs: run.json of every training, with its curve.csv beside it.
        whole: what this is a part of, see `of`.
        details: the numbers of its settings with their sources.
    """

    study: Mapping
    tier: Mapping
    results: Results
    reported: pl.DataFrame
    splits: Mapping[str, Mapping]
    not_run: Mapping[str, str]
    runs: tuple[Path, ...] = ()
    whole: "Evidence | None" = None
    details: tuple[Detail, ...] = ()

    def of(self, scores: Iterable[Path]) -> "Evidence":
        """Narrow the scores to those that one exhibit draws on; lists and draws stay shared."""
        return replace(self, results=narrowed(self.results, scores), whole=self)

    @classmethod
    def gather(
        cls,
        study: Mapping,
        tier: Mapping,
        scores: Iterable[Path],
        reported: Path | None = None,
        splits: Iterable[Path] = (),
        runs: Iterable[Path] = (),
    ) -> "Evidence":
        """Read everything from files.

        Args:
            study: the study file.
            tier: the resolved tier.
            scores: scores of every run, with its lists beside them.
            reported: the printed numbers, in the folder of the study; None where they are not needed.
            splits: split.json of each data set.
            runs: run.json of every training.
        """
        by_hash = {split["hash"]: split for split in map(read_split, splits)}
        counts = {name: split["item_counts"] for name, split in by_hash.items()}
        evaluation, runs = study.get("evaluation", {}), tuple(map(Path, runs))
        folders = {name: split["folder"] for name, split in by_hash.items()}
        share, earned = evaluation.get("novel_share", 0.9), evaluation.get("rewards")
        results = Results(scores, counts, share, earned, folders)
        printed = read_reported(reported) if reported else pl.DataFrame(schema=REPORTED)
        known = read_details(reported.with_name("paper.yaml")) if reported else ()
        return cls(study, tier, results, printed, by_hash, refusals(runs), runs, details=known)

    @cached_property
    def sampling(self) -> Sampling:
        """Draws over sessions and seeds, made once."""
        found = Sampling(self.results)
        if self.whole:
            found.sessions, found.known = self.whole.sampling.sessions, self.whole.sampling.known
        return found

    @cached_property
    def cells(self) -> dict[tuple, dict]:
        """Printed value and note by exhibit, data set, model, metric and cut-off; the first where there are two."""
        if self.whole:
            return self.whole.cells
        rows = self.reported.select("exhibit", *Quantity._fields, "value", "note").reverse()
        return {
            tuple(key): {"printed": value, "note": note} for *key, value, note in rows.iter_rows()
        }

    @cached_property
    def printed(self) -> dict[Quantity, float]:
        """The printed value of every quantity under the study's protocol; where two exhibits print one, the first."""
        return self.printed_in([name for name in self.exhibits if not self.differs(name)])

    def printed_in(self, exhibits: Iterable[str]) -> dict[Quantity, float]:
        """Return what some exhibits print; where two print one quantity, the first."""
        cells = self.reported.drop_nulls("k").filter(pl.col("exhibit").is_in(list(exhibits)))
        cells = cells.unique(["dataset", "model", "metric", "k"], keep="first", maintain_order=True)
        rows = cells.select("dataset", "model", "metric", "k", "value").iter_rows()
        return {Quantity(*cell): value for *cell, value in rows}

    @property
    def exhibits(self) -> Mapping[str, Mapping]:
        """Every table and figure by name."""
        return self.study["tables"] | self.study["figures"]

    def differs(self, exhibit: str) -> str | None:
        """Say how the protocol of an exhibit's printed numbers differs from the study's; None where it does not."""
        return self.exhibits.get(exhibit, {}).get("protocol")

    @cached_property
    def curves(self) -> pl.DataFrame:
        """Losses and validation scores of every training over its updates, columns as in `CURVE`."""
        if self.whole:
            return self.whole.curves
        curves = map(read_curve, self.runs, self.records)
        return pl.concat([pl.DataFrame(schema=CURVE), *curves])

    @cached_property
    def records(self) -> list[dict]:
        """The record of every training, read once."""
        return self.whole.records if self.whole else [*map(read_run, self.runs)]

    @cached_property
    def trainings(self) -> dict[tuple[str, str], dict[RunName, list[bool]]]:
        """Say of each validated training whether it was trained out; by data set, model and name."""
        if self.whole:
            return self.whole.trainings
        found = defaultdict(lambda: defaultdict(list))
        for run, scores in self.validated:
            patience = run.get("settings", {}).get("training", {}).get("patience")
            name = RunName.parse(run["model"])
            found[run["dataset"], name.key][name].append(trained_out(scores, patience))
        return found

    @cached_property
    def validated(self) -> list[tuple[dict, list[float]]]:
        """Pair the record of each validated training with the scores of its validations after a warm-up."""
        curves = self.curves.drop_nulls("valid_ndcg10").sort("update")
        validations = dict(iter(curves.group_by("dataset", "model", "seed")))
        found = []
        for run in self.records:
            rows = validations.get((run["dataset"], run["model"], run["seed"]))
            if rows is not None:
                after = pl.col("update") > run.get("head_start", 0)
                found.append((run, rows.filter(after)["valid_ndcg10"].to_list()))
        return found

    @cached_property
    def lost(self) -> dict[tuple[str, str], Counter[RunName]]:
        """Count the trainings that were not run, as one that diverged; by data set, model and name."""
        if self.whole:
            return self.whole.lost
        found = defaultdict(Counter)
        for run in self.records:
            if run.get("not_run"):
                name = RunName.parse(run["model"])
                found[run["dataset"], name.key][name] += 1
        return found

    def waiting(self, dataset: str, key: str) -> Counter[RunName]:
        """Count the trainings of a model that were not trained out or not run, by name."""
        trained = self.trainings.get((dataset, key), {})
        counts = Counter({name: done.count(False) for name, done in trained.items()})
        counts.update(self.lost.get((dataset, key), {}))
        return counts

    def unfinished(self, dataset: str, model: str) -> int:
        """Count the trainings behind a model that were not trained out, with those that it starts from or is made of.

        One that was not run, as it diverged, is among them: seeds that are left say nothing of it.

        A model that is only asked otherwise (`judged_on`, `heard`) has the trainings of the one that it is.
        """
        asked = RunName.parse(model)
        fitting = [
            (len(trained.overrides), count)
            for trained, count in self.waiting(dataset, asked.key).items()
            if set(trained.overrides) <= set(asked.overrides)
        ]
        entry = self.study["models"].get(asked.key, {})
        needed = pick(entry.get("needs", {}), [dataset]).items()
        behind = (
            self.unfinished_behind(dataset, asked, one) for role, one in needed if role != EARLY
        )
        return max(fitting, default=(0, 0))[1] + sum(behind)

    def unfinished_behind(self, dataset: str, asked: RunName, needed: str) -> int:
        """Count the trainings behind a model that another one needs, which may have its own data set."""
        name, place = placed(needed, dataset)
        overrides = name.overrides + asked.overrides
        return self.unfinished(place, str(RunName(name.key, overrides)))

    @cached_property
    def reference_scores(self) -> Callable[[Quantity, tuple[int, ...]], np.ndarray]:
        """Score every session by what many are tested against; as many quantities as a table has are kept."""
        return lru_cache(maxsize=32)(self.results.per_session_scores)

    @cached_property
    def standing(self) -> dict[tuple[str, str], bool]:
        """Remember by data set and model what `popular` found: a table asks once per cell."""
        return {}

    def popular(self, dataset: str, model: str) -> bool:
        """Check whether a model is not significantly better than popularity, see `at_popularity`."""
        if (dataset, model) not in self.standing:
            self.standing[dataset, model] = self.at_popularity(dataset, model)
        return self.standing[dataset, model]

    def at_popularity(self, dataset: str, model: str) -> bool:
        """Test a model against popularity, where that is among the scores.

        By NDCG at the largest cut-off, on the same events: paired over sessions, p >= 0.05.
        """
        cutoffs, asked = self.study.get("evaluation", {}).get("cutoffs"), RunName.parse(model)
        if asked.key == POPULARITY or not cutoffs:
            return False
        judged = tuple(one for one in asked.overrides if one[0] == "judged_on")
        plain = str(RunName(POPULARITY, judged))
        mine, theirs = (Quantity(dataset, one, "NDCG", max(cutoffs)) for one in (model, plain))
        seeds = self.results.seeds(dataset, [model, plain])
        if not seeds or not all(len(self.results.values(one)) for one in (mine, theirs)):
            return False
        scores = self.reference_scores(theirs, tuple(seeds))
        result = paired(self.results.per_session_scores(mine, seeds), scores)
        return not (result.difference > 0 and result.p < 1 - LEVEL)

    def says_nothing(self, name: str) -> str | None:
        """Say why an exhibit or a claim has no meaning on this tier; None where it has one."""
        return self.tier.get("says_nothing", {}).get(name)

    def data(self, dataset: str) -> Mapping:
        """Describe what the tier uses for a data set; empty where it uses nothing."""
        return self.tier.get("datasets", {}).get(dataset) or {}

    def source(self, dataset: str) -> str | None:
        """Return the raw data really used."""
        return self.data(dataset).get("source")

    def stand_in(self, dataset: str) -> str | None:
        """Describe what stands in for a data set; None where it is the paper's own. Scores may know better."""
        known = self.source(dataset) if dataset in self.replaced else None
        return self.data(dataset).get("stand_in") or known

    @cached_property
    def replaced(self) -> set[str]:
        """Data sets of which some score says that it was made on a stand-in."""
        return set(self.results.frame.filter(pl.col("stand_in"))["dataset"])

    def points(self, model: str, dataset: str) -> list[tuple[Any, str]]:
        """Pair the values of a sweep with their runs."""
        return points(model, defaults(self.study, model, dataset))

    def pictures(self, dataset: str) -> Path | None:
        """Return the catalogue with the pictures of a data set; None where it has none."""
        place = self.data(dataset).get("pictures")
        return Path(place) if place else None

    def why(self, quantity: Quantity) -> str | None:
        """Explain why a quantity is missing; None where it is there."""
        dataset, model, metric, k = quantity
        if not self.source(dataset):
            return self.why_dataset(dataset)
        if not self.results.seeds(dataset, [model]):
            return self.why_model(dataset, model)
        if not len(self.results.values(quantity)):
            return records.why_absent(metric) or f"{metric}@{k} was not computed"
        if "counts" in records.needs(metric) and self.results.item_counts(dataset) is None:
            return "its split.json was not given"
        return None

    def why_dataset(self, dataset: str) -> str:
        """Explain why nothing was run on a data set."""
        absent = self.tier.get("absent", {}).get(dataset)
        given = absent or self.data(dataset).get("not_run") or self.not_run.get(dataset)
        return given or "not part of this run"

    def why_model(self, dataset: str, model: str) -> str:
        """Explain why a model has no scores on a data set."""
        for name in (f"{dataset}/{model}", model, RunName.parse(model).key):
            if name in self.not_run:
                return self.not_run[name]
        patterns = self.tier.get("left_out", {}).get(dataset, [])
        if matching(model, patterns):
            return f"left out of the tier {self.tier.get('tier')}"
        return "no scores"

    def split(self, dataset: str) -> Mapping | None:
        """Describe the split that the scores of a data set belong to, or that the tier names."""
        if mine := self.splits.get(self.results.split.get(dataset)):
            return mine
        place = self.data(dataset).get("split")
        here = [split for split in self.splits.values() if place and split["folder"] == Path(place)]
        return next(iter(here), None)


def narrowed(results: Results, scores: Iterable[Path]) -> Results:
    """Keep the results of some runs; lists that were read stay shared."""
    found = Results((), results.counts, results.novel_share, results.earned, results.splits)
    folders = {str(Path(path).parent) for path in scores}
    found.frame = results.frame.filter(pl.col("path").is_in(folders))
    found.lists, found.purchases = results.lists, results.purchases
    return found


def refusals(runs: Iterable[Path]) -> dict[str, str]:
    """Read from run.json files which runs were refused and why, by `dataset/model`."""
    records = map(read_run, runs)
    refused = [record for record in records if record.get("not_run")]
    return {f"{record['dataset']}/{record['model']}": record["not_run"] for record in refused}


def read_run(run: Path) -> dict:
    """Read the record of a training."""
    return json.loads(Path(run).read_text())


def read_curve(run: Path, record: Mapping) -> pl.DataFrame:
    """Read the curve.csv beside a run.json, whose record this is; no rows where a run has none."""
    place = run.with_name("curve.csv")
    if not place.exists():
        return pl.DataFrame(schema=CURVE)
    rows = pl.read_csv(place, schema_overrides=CURVE)
    scores = [pl.col(name).cast(pl.Float64) for name in rows.columns if name.startswith("valid_")]
    found = {name: pl.lit(record[name]) for name in ("dataset", "model", "seed")}
    found["valid_ndcg10"] = pl.coalesce(scores)  # whatever chose the best
    return rows.select(
        found.get(name, pl.col(name)).cast(kind).alias(name) for name, kind in CURVE.items()
    )


def read_split(path: Path) -> dict:
    """Read a split.json with how often training shows each item, from items.parquet beside it."""
    split = json.loads(Path(path).read_text())
    items = pl.read_parquet(Path(path).with_name("items.parquet"), columns=["item", "count"]).sort(
        "item"
    )
    counts = items["count"].to_numpy().astype(np.int64)
    return split | {"item_counts": counts, "folder": Path(path).parent}


def read_details(path: Path) -> tuple[Detail, ...]:
    """Read the numbers of a study's settings; none where they are not at hand."""
    return tuple(details(path.read_text(encoding="utf-8"))) if path.exists() else ()


def read_reported(path: Path) -> pl.DataFrame:
    """Read the printed numbers."""
    return pl.read_csv(path, schema_overrides=REPORTED).with_columns(
        pl.col("model", "note").fill_null("")
    )
