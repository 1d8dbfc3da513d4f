"""All metrics of one run from its saved lists; no model is needed.

The columns of a `lists` frame: `session`, `position`, `target`, `better` (items scored above the target), `tied`
(items scored like it, itself included), `top` (the best items, best first), `purchase` and `repeated` (of the target);
where users are known also `past` (the target occurs in earlier sessions of the user) and `familiar` (so does the
listed item). Filtered metrics such as HR_purchase are explained in `recloop.evaluation.filters`, what each metric is in
`recloop.evaluation.records`.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from safetensors.numpy import load_file

from recloop.data.popularity import novel_items
from recloop.evaluation import catalogue, filters, records, turns
from recloop.evaluation.metric import SESSION, SYSTEM, TURN, Facts, Metric, check_finite
from recloop.evaluation.rewards import Rewards, training_purchases

NOTHING = Facts()


def evaluate(
    lists: pl.DataFrame,
    counts: np.ndarray,
    vectors: np.ndarray | None,
    cutoffs: Sequence[int],
    novel_share: float = 0.9,
    filtered: Sequence[str] = (),
    users: bool = False,
    earned: Rewards | None = None,
    purchases: np.ndarray | None = None,
) -> pl.DataFrame:
    """Compute every metric at every cut-off; one that no event is about, or that has nothing to say, is left out.

    Args:
        lists: ranks and best items of every event.
        counts: training events per item, shape (items,).
        vectors: item vectors of shape (items, dim) for ILD; without them ILD is left out.
        cutoffs: the values of k, none above the length of the saved lists.
        novel_share: share of the items that count as novel.
        filtered: filters with which HR and NDCG are computed too, such as `purchase` or `click_ips`.
        users: whether earlier sessions of the user are known, for UP, HR_ser and NDCG_ser.
        earned: rewards of a click and of a purchase; without them Reward and Yield are left out.
        purchases: training events per item that count as purchases, shape (items,); needed for Yield.

    Returns:
        One row per metric and cut-off: `metric`, `k`, `value`.

    Raises:
        ValueError: there is no event.
        NotFinite: a score that is no number.
    """
    if lists.is_empty():
        raise ValueError("There is no event to evaluate: the lists are empty.")
    facts = Facts(counts, purchases, earned, vectors, novel_items(counts, novel_share), users)
    rows = [
        (name, k, found)
        for k in cutoffs
        for name in asked(facts, filtered)
        if (found := value(lists, name, k, facts)) is not None
    ]
    schema = {"metric": pl.String, "k": pl.Int64, "value": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row").sort("metric", "k")


def asked(facts: Facts, filtered: Sequence[str] = ()) -> list[str]:
    """List the metrics that the facts allow, `ser` among the filters where users are known."""
    metrics = [
        metric
        for metric in records.METRICS.values()
        if metric.unit != TURN and not metric.lacks(facts) and not metric.says_nothing(facts)
    ]
    kinds = [*filtered, *([filters.OF_USERS] if facts.users else [])]
    names = [metric.name for metric in metrics]
    names += [f"{one.name}_{kind}" for one in metrics if one.filters == "all" for kind in kinds]
    return list(dict.fromkeys(names))


def value(lists: pl.DataFrame, name: str, k: int, facts: Facts = NOTHING) -> float | None:
    """Compute one metric; None where no event is one that it is about.

    Raises:
        ValueError: it needs a fact that is not given.
        NotFinite: a score that is no number.
    """
    metric, _ = records.find(name)
    if metric.unit == SYSTEM:
        return checked(metric, name, lists, k, facts)
    one = per_session if metric.unit == SESSION else per_event
    scores = one(lists, name, k, facts)
    if not len(scores):
        return None
    return float(scores.sum() if metric.total else scores.mean())


def per_event(lists: pl.DataFrame, name: str, k: int, facts: Facts = NOTHING) -> np.ndarray:
    """Score every event that a metric is about, in the order of the rows; weights of events are multiplied in.

    The mean is the metric (the sum, for Reward). Metrics of dialogues score the rows of turn k.
    """
    scores, weights = weighed(rows(lists, name, k), name, k, facts)
    kept = weights > 0
    return scores[kept] * (weights[kept] / weights[kept].mean()) if kept.any() else scores[kept]


def rows(lists: pl.DataFrame, name: str, k: int) -> pl.DataFrame:
    """Take the rows that a metric reads: all of them, or those of one turn of the dialogues of a group."""
    metric, groups = records.find(name)
    return turns.of_group(lists, k, groups) if metric.unit == TURN else lists


def weighed(
    lists: pl.DataFrame, name: str, k: int, facts: Facts = NOTHING
) -> tuple[np.ndarray, np.ndarray]:
    """Score and weigh the rows that a metric reads; a weight of 0 leaves an event out."""
    metric, kinds = records.find(name)
    scores = checked(metric, name, lists, k, facts)
    kinds = () if metric.unit == TURN else kinds
    found = filters.weights(lists, kinds, facts.counts)
    return scores, found * metric.weigh(lists) if metric.weigh else found


def checked(
    metric: Metric, name: str, lists: pl.DataFrame, k: int, facts: Facts
) -> np.ndarray | float:
    """Score lists and stop at what is no number."""
    require(metric, facts)
    with np.errstate(divide="ignore", invalid="ignore"):  # what is no number is named below
        scores = metric.score(lists, k, facts)
    check_finite(scores, name, k, None if metric.unit in (SESSION, SYSTEM) else lists)
    return scores


def require(metric: Metric, facts: Facts) -> None:
    """Stop where a metric does not get what it needs."""
    if lacking := metric.lacks(facts):
        raise ValueError(
            f"{metric.name} needs {' and '.join(lacking)}; hand over the split and the settings of evaluation."
        )


def group(name: str) -> str:
    """Return the suffix of a metric's user group, `_cold` or `_warm`; empty for all users."""
    metric, groups = records.find(name)
    return f"_{groups[0]}" if metric.unit == TURN and groups else ""


def per_session_scores(
    lists: pl.DataFrame, name: str, k: int, facts: Facts = NOTHING
) -> np.ndarray:
    """Score every session so that the mean is the metric (for Reward: that of an event).

    Events of one session depend on one another, sessions do not: these are what a paired test may take for a sample.
    """
    if records.find(name)[0].unit == SESSION:
        return per_session(lists, name, k, facts)
    lists = rows(lists, name, k)
    scores, weights = weighed(lists, name, k, facts)
    codes, sessions = catalogue.session_codes(lists)
    return np.bincount(codes, weights=scores * weights, minlength=sessions) * (
        sessions / weights.sum()
    )


def per_session(lists: pl.DataFrame, name: str, k: int, facts: Facts = NOTHING) -> np.ndarray:
    """Score every session in ascending order of its id; a metric of events by its mean over them."""
    metric, _ = records.find(name)
    if metric.unit == SESSION:
        return checked(metric, name, lists, k, facts)
    codes, sessions = catalogue.session_codes(lists)
    return catalogue.mean_by_session(codes, sessions, per_event(lists, name, k, facts))


def item_table(weights: Path) -> np.ndarray | None:
    """Read the item embeddings of a backbone, without the row for padding; None where it was not run."""
    table = load_file(weights).get("backbone.embedding.weight")
    return None if table is None else table[:-1]


def judge(rows: pl.DataFrame, split: Path, evaluation: dict, vectors: Path | None) -> pl.DataFrame:
    """Compute every metric that a study about sequences asks for."""
    counts = pl.read_parquet(split / "items.parquet", columns=["count"])["count"].to_numpy()
    table = item_table(vectors) if vectors else None
    earned = evaluation.get("rewards")
    return evaluate(
        rows,
        counts,
        table,
        evaluation["cutoffs"],
        evaluation["novel_share"],
        evaluation.get("filters", ()),
        evaluation.get("users", False),
        earned,
        training_purchases(split) if earned else None,
    )
