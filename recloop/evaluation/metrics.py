"""All metrics of one run from its saved lists; no model is needed.

The columns of a `lists` frame: `session`, `position`, `target`, `better` (items scored above the target), `tied`
(items scored like it, itself included), `top` (the best items, best first), `purchase` and `repeated` (of the target);
where users are known also `past` (the target occurs in earlier sessions of the user) and `familiar` (so does the
listed item). Marked metrics such as HR_purchase are explained in `recloop.evaluation.marks`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from recloop.data.popularity import novel_items
from recloop.evaluation import catalogue, dialogue, marks, ranking, rewards
from recloop.evaluation.rewards import Rewards

DOWN = ("Repetitiveness", "Gini")  # lower is better; for all others higher is
BY_SESSION = ("Repetitiveness", "UP")
BY_SYSTEM = ("CV_div", "CV_nov", "Gini")
SUMS = ("Reward",)  # over the test events; all others are means


@dataclass(frozen=True)
class Facts:
    """What some metrics need beside the lists.

    Attributes:
        counts: training events per item, shape (items,); for Novelty, Yield, `ips` and metrics of the system.
        purchases: those of them that count as purchases, shape (items,); for Yield.
        rewards: of a click and of a purchase; for Reward and Yield.
        vectors: item vectors of shape (items, dim); for ILD.
    """

    counts: np.ndarray | None = None
    purchases: np.ndarray | None = None
    rewards: Rewards | None = None
    vectors: np.ndarray | None = None


NOTHING = Facts()


def evaluate(
    lists: pl.DataFrame,
    counts: np.ndarray,
    vectors: np.ndarray | None,
    cutoffs: Sequence[int],
    novel_share: float = 0.9,
    marked: Sequence[str] = (),
    users: bool = False,
    earned: Rewards | None = None,
    purchases: np.ndarray | None = None,
) -> pl.DataFrame:
    """Compute every metric at every cut-off; a marked one that no event is about is left out, Yield without purchases.

    Args:
        lists: ranks and best items of every event.
        counts: training events per item, shape (items,).
        vectors: item vectors of shape (items, dim) for ILD; without them ILD is left out.
        cutoffs: the values of k, none above the length of the saved lists.
        novel_share: share of the items that count as novel.
        marked: marks with which HR and NDCG are computed too, such as `purchase` or `click_ips`.
        users: whether earlier sessions of the user are known, for UP, HR_ser and NDCG_ser.
        earned: rewards of a click and of a purchase; without them Reward and Yield are left out.
        purchases: training events per item that count as purchases, shape (items,); needed with `earned`.

    Returns:
        One row per metric and cut-off: `metric`, `k`, `value`.
    """
    if lists.is_empty():
        raise ValueError("There is no event to evaluate: the lists are empty.")
    facts = Facts(counts, purchases, earned, vectors)
    names, novel = asked(facts, marked, users), novel_items(counts, novel_share)
    rows = [
        (name, k, found)
        for k in cutoffs
        for name, found in at(lists, facts, names, novel, k).items()
        if found is not None
    ]
    schema = {"metric": pl.String, "k": pl.Int64, "value": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row").sort("metric", "k")


def asked(facts: Facts, marked: Sequence[str], users: bool) -> list[str]:
    """List the metrics of single events and of sessions that a study asks for."""
    names = [*ranking.GAINS, "Novelty", "Repetitiveness"]
    names += [f"{base}_{mark}" for base in marks.MARKED for mark in [*marked, *(["ser"] * users)]]
    names += ["UP", "UP_event"] if users else []
    names += ["Reward"] if facts.rewards else []
    bought = facts.purchases is None or facts.purchases.any()  # else all items earn alike
    names += ["Yield"] if facts.rewards and bought else []
    return list(dict.fromkeys(names + (["ILD"] if facts.vectors is not None else [])))


def at(
    lists: pl.DataFrame, facts: Facts, names: Sequence[str], novel: np.ndarray, k: int
) -> dict[str, float | None]:
    """Compute every metric at one cut-off."""
    top, items = catalogue.top_items(lists, k), len(novel)
    found = {name: value(lists, name, k, facts) for name in names}
    found["CV_div"] = catalogue.coverage(top, np.ones(items, dtype=bool))
    found["CV_nov"] = catalogue.coverage(top, novel)
    found["Gini"] = catalogue.gini(np.bincount(top.ravel(), minlength=items))
    return found


def value(lists: pl.DataFrame, metric: str, k: int, facts: Facts = NOTHING) -> float | None:
    """Compute one metric of events or of sessions; None where no event is one that it is about."""
    one = per_session if metric in BY_SESSION else per_event
    scores = one(lists, metric, k, facts)
    if not len(scores):
        return None
    return float(scores.sum() if metric in SUMS else scores.mean())


def per_event(lists: pl.DataFrame, metric: str, k: int, facts: Facts = NOTHING) -> np.ndarray:
    """Score every event that a metric is about, in the order of the rows; weights of events are multiplied in.

    The mean is the metric (the sum, for Reward). SR and NDCG@n are scores of dialogues at turn k.
    """
    scores, weights = weighed(counted(lists, metric, k), metric, k, facts)
    kept = weights > 0
    return scores[kept] * (weights[kept] / weights[kept].mean()) if kept.any() else scores[kept]


def weighed(
    lists: pl.DataFrame, metric: str, k: int, facts: Facts = NOTHING
) -> tuple[np.ndarray, np.ndarray]:
    """Score and weigh every row; a weight of 0 leaves an event out."""
    if dialogue.is_dialogue(metric):
        return dialogue.per_event(lists, metric, k), np.ones(len(lists))
    base, found = marks.parse(metric)
    return scored(lists, base, k, facts), marks.weights(lists, found, facts.counts)


def scored(lists: pl.DataFrame, metric: str, k: int, facts: Facts) -> np.ndarray:
    """Score every row on a metric without marks."""
    if metric in ("Novelty", "ILD"):
        return of_lists(lists, metric, k, facts)
    if metric == "UP_event":
        return catalogue.unmet(lists, k)
    if metric == "Reward":
        return rewards.of_events(lists, k, facts.rewards)
    if metric == "Yield":
        earned = rewards.of_items(facts.counts, facts.purchases, facts.rewards)
        return earned[catalogue.top_items(lists, k)].mean(axis=1)
    return ranking.per_event(lists, metric, k)


def of_lists(lists: pl.DataFrame, metric: str, k: int, facts: Facts) -> np.ndarray:
    """Score every row on Novelty or ILD, which need to know the items."""
    top = catalogue.top_items(lists, k)
    if metric == "Novelty" and facts.counts is not None:
        return catalogue.self_information(facts.counts)[top].mean(axis=1)
    if metric == "ILD" and facts.vectors is not None:
        return catalogue.dissimilarity(top, np.asarray(facts.vectors))
    raise ValueError(
        f"{metric} of an event needs {'counts' if metric == 'Novelty' else 'vectors'}."
    )


def counted(lists: pl.DataFrame, metric: str, k: int) -> pl.DataFrame:
    """Give the rows that a metric reads: all of them, or those of one turn of the dialogues of a group."""
    return dialogue.counted(lists, metric, k) if dialogue.is_dialogue(metric) else lists


def group(metric: str) -> str:
    """Name the group of users that a metric is about, `_cold` or `_warm`; empty for all users."""
    name, mark, users = metric.partition("_")
    return mark + users if dialogue.is_dialogue(name) else ""


def shares(lists: pl.DataFrame, metric: str, k: int, facts: Facts = NOTHING) -> np.ndarray:
    """Score every session by its share in a metric, so that their mean is the metric (for Reward: that of an event).

    Events of one session depend on one another, sessions do not: these are what a paired test may take for a sample.
    """
    if metric in BY_SESSION:
        return per_session(lists, metric, k, facts)
    rows = counted(lists, metric, k)
    scores, weights = weighed(rows, metric, k, facts)
    codes, sessions = catalogue.session_codes(rows)
    return np.bincount(codes, weights=scores * weights, minlength=sessions) * (
        sessions / weights.sum()
    )


def per_session(lists: pl.DataFrame, metric: str, k: int, facts: Facts = NOTHING) -> np.ndarray:
    """Score every session in ascending order of its id: the mean over its events, or its repetitions."""
    if metric == "Repetitiveness":
        return catalogue.repetitions(lists, k)
    codes, sessions = catalogue.session_codes(lists)
    scores = per_event(lists, {"UP": "UP_event"}.get(metric, metric), k, facts)
    return np.bincount(codes, weights=scores, minlength=sessions) / np.bincount(
        codes, minlength=sessions
    )
