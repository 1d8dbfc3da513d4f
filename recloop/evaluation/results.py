"""Saved scores and lists of many runs, and the bootstrap draws of any metric of any of them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np
import polars as pl

from recloop.data.popularity import novel_items
from recloop.evaluation import catalogue, metrics, records, rewards
from recloop.evaluation.bootstrap import Draws, over_seeds
from recloop.evaluation.halves import WORD, Halves
from recloop.evaluation.metric import SESSION, SYSTEM, Facts

RUN = ["dataset", "model", "seed"]


class Quantity(NamedTuple):
    """One number of one model: a metric, at a cut-off if it has one, on one of the paper's data sets."""

    dataset: str
    model: str
    metric: str
    k: int | None


class Results:
    """Everything saved about the runs of one study.

    Args:
        scores: paths of scores.parquet; lists.parquet lies beside each.
        counts: training events per item, by the hash of the split; needed for CV_nov and the size of the catalogue.
        novel_share: share of the items that count as novel.
        earned: rewards of a click and of a purchase, of the study; needed for Reward and Yield.
        splits: folder of every split by its hash, from which Yield counts purchases.
    """

    def __init__(
        self,
        scores: Iterable[Path],
        counts: Mapping[str, np.ndarray],
        novel_share: float = 0.9,
        earned: rewards.Rewards | None = None,
        splits: Mapping[str, Path] | None = None,
    ):
        self.frame = read_scores(scores)
        self.counts = counts
        self.novel_share = novel_share
        self.earned = earned
        self.splits = splits or {}
        self.lists = lru_cache(maxsize=8)(read_lists)
        self.purchases = cache(rewards.training_purchases)

    @cached_property
    def folders(self) -> dict[tuple[str, str], dict[int, Path]]:
        """Folder of every run, by data set and model, then by seed."""
        found = defaultdict(dict)
        for dataset, model, seed, path in self.frame.select(*RUN, "path").unique().iter_rows():
            found[dataset, model][seed] = Path(path)
        return dict(found)

    @cached_property
    def saved(self) -> dict[Quantity, dict[int, float]]:
        """Saved value of every quantity, by seed in ascending order."""
        found = defaultdict(dict)
        rows = self.frame.sort("seed").drop_nulls("value")
        for *quantity, seed, value in rows.select(*Quantity._fields, "seed", "value").iter_rows():
            found[Quantity(*quantity)][seed] = value
        return dict(found)

    @cached_property
    def split(self) -> dict[str, str]:
        """Hash of the split of every data set."""
        return dict(self.frame.filter(of_runs()).select("dataset", "split").unique().iter_rows())

    def seeds(self, dataset: str, models: Iterable[str]) -> list[int]:
        """List the seeds that all these models were run with."""
        found = [set(self.folders.get((dataset, model), {})) for model in models]
        return sorted(set.intersection(*found)) if found else []

    def values(self, quantity: Quantity, seeds: Iterable[int] | None = None) -> np.ndarray:
        """Read the saved values of a metric, one per seed in ascending order."""
        by_seed = self.saved.get(quantity, {})
        return np.array([by_seed[seed] for seed in (by_seed if seeds is None else seeds)])

    def item_counts(self, dataset: str) -> np.ndarray | None:
        """Training events per item of a data set; None where its split was not given."""
        return self.counts.get(self.split.get(dataset))

    def facts(self, dataset: str, metric: str) -> Facts:
        """Gather what a metric needs beside the lists; purchases are counted only where they are asked for."""
        wanted = "purchases" in records.needs(metric)
        split = self.splits.get(self.split.get(dataset)) if wanted else None
        counts = self.item_counts(dataset)
        return Facts(
            counts,
            self.purchases(split) if split else None,
            self.earned,
            novel=None if counts is None else novel_items(counts, self.novel_share),
        )

    def sessions(self, quantity: Quantity, seed: int) -> int:
        """Count the sessions (or dialogues) with an event that a metric is about."""
        dataset, model, metric, k = quantity
        lists = metrics.rows(self.lists(self.folders[dataset, model][seed]), metric, k)
        _, weights = metrics.weighed(lists, metric, k, self.facts(dataset, metric))
        return lists.filter(pl.Series(weights > 0))["session"].n_unique()

    def per_session_scores(self, quantity: Quantity, seeds: Iterable[int]) -> np.ndarray:
        """Score every session (or dialogue) so that the mean is the metric; mean over seeds."""
        dataset, model, metric, k = quantity
        facts = self.facts(dataset, metric)
        runs = [self.lists(self.folders[dataset, model][seed]) for seed in seeds]
        return np.mean([metrics.per_session_scores(run, metric, k, facts) for run in runs], axis=0)


def read_scores(paths: Iterable[Path]) -> pl.DataFrame:
    """Read many scores.parquet as one frame with the folder of each; refuses two splits of one data set."""
    paths = [Path(path) for path in paths]
    if not paths:
        return empty_scores()
    frame = pl.read_parquet(paths, include_file_paths="path", glob=False, hive_partitioning=False)
    frame = frame.with_columns(pl.col("path").str.replace(r"[/\\][^/\\]*$", ""))
    several = (
        frame.filter(of_runs())
        .group_by("dataset")
        .agg(pl.col("split").unique())
        .filter(pl.col("split").list.len() > 1)
    )
    if len(several):
        raise ValueError(
            f"Scores of {several['dataset'][0]} come from several splits; evaluate all runs anew."
        )
    twice = frame.group_by(RUN).agg(pl.col("path").unique()).filter(pl.col("path").list.len() > 1)
    if len(twice):
        raise ValueError(
            f"One run is there twice: {', '.join(sorted(twice['path'][0]))}; remove the outdated one."
        )
    return frame


def of_runs() -> pl.Expr:
    """Select scores of runs, not the validity of simulated users, who may have learnt from other data."""
    return ~pl.col("path").str.contains("validity", literal=True)


def empty_scores() -> pl.DataFrame:
    """Scores of no run at all."""
    texts = dict.fromkeys(
        ["study", "dataset", "source", "tier", "model", "metric", "split", "path"], pl.String
    )
    return pl.DataFrame(
        schema=texts
        | {"stand_in": pl.Boolean, "seed": pl.Int64, "k": pl.Int64, "value": pl.Float64}
    )


def read_lists(run: Path) -> pl.DataFrame:
    """Read the lists of a run in the order of sessions and positions, so that models are paired row by row."""
    return pl.read_parquet(run / "lists.parquet").sort("session", "position")


def mean_of(draws: Draws, totals: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Divide totals by sizes in every draw; a draw without an event that counts stays at what was observed."""
    with np.errstate(divide="ignore", invalid="ignore"):
        values = draws.mean(totals, sizes)
    return np.where(np.isfinite(values), values, totals.sum() / sizes.sum())


class Sampling:
    """Observed values and bootstrap draws, paired over models and remembered.

    Args:
        results: what was saved.
        draws: how many draws, rounded up to a multiple of 128.
        seed: of the draws.
    """

    def __init__(self, results: Results, draws: int = 1024, seed: int = 0):
        self.results = results
        self.wanted_draws = -(-draws // (2 * WORD)) * 2 * WORD
        self.seed = seed
        self.sessions: dict[str, tuple[Halves, Draws]] = {}
        self.known: dict[tuple[Quantity, int], np.ndarray] = {}

    def observed(self, quantity: Quantity, seeds: Iterable[int]) -> float:
        """Mean over seeds on the whole test part."""
        return float(self.results.values(quantity, seeds).mean())

    def draw_all(self, quantities: Iterable[Quantity]) -> None:
        """Draw many quantities run by run, so that the lists of each run are read once."""
        for quantity in sorted(set(quantities)):
            for seed in self.results.seeds(quantity.dataset, [quantity.model]):
                self.draw_seed(quantity, seed)

    def draw(self, quantity: Quantity, seeds: Iterable[int]) -> np.ndarray:
        """Values of a quantity, averaged over seeds, in every draw of sessions and seeds."""
        seeds = list(seeds)
        values = np.stack([self.draw_seed(quantity, seed) for seed in seeds])
        words = [self.seed, crc32(f"{quantity.dataset}/{quantity.model}".encode())]
        observed = self.results.values(quantity, seeds)
        return over_seeds(values, observed, np.random.default_rng(words))

    def draw_seed(self, quantity: Quantity, seed: int) -> np.ndarray:
        """Values of one run in every draw of sessions, remembered."""
        if (quantity, seed) not in self.known:
            run = self.results.folders[quantity.dataset, quantity.model][seed]
            self.known[quantity, seed] = self.draw_run(quantity, self.results.lists(run))
        return self.known[quantity, seed]

    def draw_run(self, quantity: Quantity, lists: pl.DataFrame) -> np.ndarray:
        """Values, or deviations, of one run in every draw of sessions."""
        dataset, _, name, k = quantity
        metric, facts = records.find(name)[0], self.results.facts(dataset, name)
        metrics.require(metric, facts)
        lists = metrics.rows(lists, name, k)
        session, sessions = catalogue.session_codes(lists)
        halves, draws = self.draws_of(dataset + metrics.group(name), sessions)
        if metric.unit == SYSTEM:
            return metric.resample(halves, draws, lists, k, facts)
        if metric.unit == SESSION:
            return draws.mean(metrics.per_session(lists, name, k, facts))
        scores, weights = metrics.weighed(lists, name, k, facts)
        totals = np.bincount(session, weights=scores * weights, minlength=sessions)
        if metric.total:
            return draws.total(totals[None])[0]
        return mean_of(draws, totals, np.bincount(session, weights=weights, minlength=sessions))

    def draws_of(self, dataset: str, sessions: int) -> tuple[Halves, Draws]:
        """One set of draws for all models of a data set (or of a group of its users)."""
        if dataset not in self.sessions:
            ways = (sessions, self.wanted_draws, self.seed)
            self.sessions[dataset] = Halves(*ways), Draws(*ways)
        if self.sessions[dataset][0].sessions != sessions:
            raise ValueError(
                f"Models of {dataset} were tested on different sessions; evaluate all runs anew."
            )
        return self.sessions[dataset]
