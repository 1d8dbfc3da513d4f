"""Saved scores and lists of many runs, and the bootstrap draws of any metric of any of them."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np
import polars as pl

from recloop.data.popularity import novel_items
from recloop.evaluation import bootstrap, catalogue, metrics

RUN = ["dataset", "model", "seed"]


class Quantity(NamedTuple):
    """One number of one model: a metric at a cut-off on one of the paper's data sets."""

    dataset: str
    model: str
    metric: str
    k: int


class Results:
    """Everything saved about the runs of one study.

    Args:
        scores: paths of scores.parquet; lists.parquet lies beside each.
        counts: training events per item, by the hash of the split; needed for CV_nov and the size of the catalogue.
        novel_share: share of the items that count as novel.
    """

    def __init__(
        self, scores: Iterable[Path], counts: Mapping[str, np.ndarray], novel_share: float = 0.9
    ):
        self.frame = read_scores(scores)
        self.counts = counts
        self.novel_share = novel_share
        self.lists = lru_cache(maxsize=8)(read_lists)

    def runs(self, dataset: str, model: str) -> list[Path]:
        """Folders of the runs of a model, in ascending order of their seeds."""
        mine = self.frame.filter(dataset=dataset, model=model).unique(RUN).sort("seed")
        return [Path(path) for path in mine["path"]]

    def values(self, quantity: Quantity) -> np.ndarray:
        """Read the saved values of a metric, one per seed."""
        dataset, model, metric, k = quantity
        return (
            self.frame.filter(dataset=dataset, model=model, metric=metric, k=k)
            .sort("seed")["value"]
            .to_numpy()
        )

    def item_counts(self, dataset: str) -> np.ndarray | None:
        """Training events per item of a data set; None where its split was not given."""
        splits = self.frame.filter(dataset=dataset)["split"].unique()
        return self.counts.get(splits[0]) if len(splits) else None

    def among(self, dataset: str, metric: str) -> np.ndarray:
        """Mark the items that a coverage metric is about."""
        counts = self.item_counts(dataset)
        if counts is None:
            raise ValueError(
                f"{metric} on {dataset} needs the items of its split; hand over its split.json."
            )
        return (
            novel_items(counts, self.novel_share)
            if metric == "CV_nov"
            else np.ones(len(counts), dtype=bool)
        )

    def per_event(self, quantity: Quantity) -> np.ndarray:
        """Score of every event (every session for Repetitiveness), averaged over seeds."""
        dataset, model, metric, k = quantity
        one = metrics.per_session if metric in metrics.BY_SESSION else metrics.per_event
        facts = {"counts": self.item_counts(dataset)} if metric == "Novelty" else {}
        return np.mean(
            [one(self.lists(run), metric, k, **facts) for run in self.runs(dataset, model)], axis=0
        )


def read_scores(paths: Iterable[Path]) -> pl.DataFrame:
    """Read many scores.parquet as one frame with the folder of each; refuses two splits of one data set."""
    frames = [
        pl.read_parquet(path).with_columns(path=pl.lit(str(Path(path).parent))) for path in paths
    ]
    if not frames:
        return empty_scores()
    frame = pl.concat(frames, how="vertical_relaxed")
    several = (
        frame.group_by("dataset")
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


class Sampling:
    """Observed values and bootstrap draws, paired over models and remembered.

    Args:
        results: what was saved.
        draws: how many bootstrap draws.
        seed: of the draws.
    """

    def __init__(self, results: Results, draws: int = 1024, seed: int = 0):
        self.results = results
        self.wanted_draws = draws
        self.seed = seed
        self.sessions: dict[str, bootstrap.Draws] = {}
        self.known: dict[Quantity, np.ndarray] = {}

    def observed(self, quantity: Quantity) -> float:
        """Mean over seeds on the whole test part."""
        return float(self.results.values(quantity).mean())

    def draw_all(self, quantities: Iterable[Quantity]) -> None:
        """Draw many quantities run by run, so that the lists of each run are read once."""
        for quantity in sorted(set(quantities)):
            self.draw(quantity)

    def draw(self, quantity: Quantity) -> np.ndarray:
        """Values of a quantity, averaged over seeds, in every draw of sessions and seeds."""
        if quantity not in self.known:
            runs = self.results.runs(quantity.dataset, quantity.model)
            values = np.stack([self.draw_run(quantity, self.results.lists(run)) for run in runs])
            stream = np.random.default_rng(
                [self.seed, crc32(f"{quantity.dataset}/{quantity.model}".encode())]
            )
            self.known[quantity] = bootstrap.over_seeds(
                values, self.results.values(quantity), stream
            )
        return self.known[quantity]

    def draw_run(self, quantity: Quantity, lists: pl.DataFrame) -> np.ndarray:
        """Values of one run in every draw of sessions."""
        dataset, _, metric, k = quantity
        session, sessions = catalogue.session_codes(lists)
        draws = self.draws_of(dataset, sessions)
        if metric in metrics.BY_SYSTEM:
            top = catalogue.top_items(lists, k)
            listing = np.repeat(session, top.shape[1]), top.ravel()
            among = self.results.among(dataset, metric)
            return (
                draws.gini(*listing, len(among))
                if metric == "Gini"
                else draws.coverage(*listing, among)
            )
        if metric in metrics.BY_SESSION:
            return draws.mean(metrics.per_session(lists, metric, k))
        facts = {"counts": self.results.item_counts(dataset)} if metric == "Novelty" else {}
        totals = np.bincount(
            session, weights=metrics.per_event(lists, metric, k, **facts), minlength=sessions
        )
        return draws.mean(totals, np.bincount(session, minlength=sessions))

    def draws_of(self, dataset: str, sessions: int) -> bootstrap.Draws:
        """One set of draws for all models of a data set; keeps those of one data set only, to bound memory."""
        if dataset not in self.sessions:
            self.sessions = {dataset: bootstrap.Draws(sessions, self.wanted_draws, self.seed)}
        if self.sessions[dataset].sessions != sessions:
            raise ValueError(
                f"Models of {dataset} were tested on different sessions; evaluate all runs anew."
            )
        return self.sessions[dataset]
