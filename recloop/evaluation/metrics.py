"""All metrics of one run from its saved lists; no model is needed.

The columns of a `lists` frame: `session`, `position`, `target`, `better` (items scored above the target), `tied`
(items scored like it, itself included) and `top` (the best items, best first).
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from recloop.data.popularity import novel_items
from recloop.evaluation import catalogue, dialogue, ranking

DOWN = ("Repetitiveness", "Gini")  # lower is better; for all others higher is
BY_SESSION = ("Repetitiveness",)
BY_SYSTEM = ("CV_div", "CV_nov", "Gini")


def evaluate(
    lists: pl.DataFrame,
    counts: np.ndarray,
    vectors: np.ndarray | None,
    cutoffs: Sequence[int],
    novel_share: float = 0.9,
) -> pl.DataFrame:
    """Compute every metric at every cut-off.

    Args:
        lists: ranks and best items of every event.
        counts: training events per item, shape (items,).
        vectors: item vectors of shape (items, dim) for ILD; without them ILD is left out.
        cutoffs: the values of k, none above the length of the saved lists.
        novel_share: share of the items that count as novel.

    Returns:
        One row per metric and cut-off: `metric`, `k`, `value`.
    """
    if lists.is_empty():
        raise ValueError("There is no event to evaluate: the lists are empty.")
    novel = novel_items(counts, novel_share)
    rows = [
        (name, k, value)
        for k in cutoffs
        for name, value in at(lists, counts, vectors, novel, k).items()
    ]
    schema = {"metric": pl.String, "k": pl.Int64, "value": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row").sort("metric", "k")


def at(
    lists: pl.DataFrame, counts: np.ndarray, vectors: np.ndarray | None, novel: np.ndarray, k: int
) -> dict:
    """Compute every metric at one cut-off."""
    top = catalogue.top_items(lists, k)
    values = {name: ranking.per_event(lists, name, k).mean() for name in ranking.GAINS}
    values["CV_div"] = catalogue.coverage(top, np.ones(len(counts), dtype=bool))
    values["CV_nov"] = catalogue.coverage(top, novel)
    values["Repetitiveness"] = catalogue.repetitions(lists, k).mean()
    values["Novelty"] = catalogue.self_information(counts)[top].mean()
    values["Gini"] = catalogue.gini(np.bincount(top.ravel(), minlength=len(counts)))
    if vectors is not None:
        values["ILD"] = catalogue.dissimilarity(top, np.asarray(vectors)).mean()
    return {name: float(value) for name, value in values.items()}


def per_event(
    lists: pl.DataFrame,
    metric: str,
    k: int,
    counts: np.ndarray | None = None,
    vectors: np.ndarray | None = None,
) -> np.ndarray:
    """Score every event that `counted` gives, in the order of the rows.

    Novelty needs `counts` and ILD needs `vectors`; SR and NDCG@n are scores of dialogues at turn k.
    """
    if dialogue.is_dialogue(metric):
        return dialogue.per_event(lists, metric, k)
    if metric == "Novelty" and counts is not None:
        return catalogue.self_information(counts)[catalogue.top_items(lists, k)].mean(axis=1)
    if metric == "ILD" and vectors is not None:
        return catalogue.dissimilarity(catalogue.top_items(lists, k), vectors)
    if metric in ("Novelty", "ILD"):
        raise ValueError(
            f"{metric} of an event needs {'counts' if metric == 'Novelty' else 'vectors'}."
        )
    return ranking.per_event(lists, metric, k)


def counted(lists: pl.DataFrame, metric: str, k: int) -> pl.DataFrame:
    """Give the events that a metric is about: all of them, or those of one turn of the dialogues of a group."""
    return dialogue.counted(lists, metric, k) if dialogue.is_dialogue(metric) else lists


def group(metric: str) -> str:
    """Name the group of users that a metric is about, `_cold` or `_warm`; empty for all users."""
    name, mark, users = metric.partition("_")
    return mark + users if dialogue.is_dialogue(name) else ""


def per_session(lists: pl.DataFrame, metric: str, k: int, **facts: np.ndarray) -> np.ndarray:
    """Score every session in ascending order of its id: the mean over its events, or its repetitions."""
    if metric == "Repetitiveness":
        return catalogue.repetitions(lists, k)
    codes, sessions = catalogue.session_codes(lists)
    scores = per_event(lists, metric, k, **facts)
    return np.bincount(codes, weights=scores, minlength=sessions) / np.bincount(
        codes, minlength=sessions
    )
