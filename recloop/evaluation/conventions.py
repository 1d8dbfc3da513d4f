"""Lists of others scored by our metrics, and by the conventions under which others compute metrics of the same names.

A list is what somebody recommends to a user; the truth is what was relevant, one item or several. Our own convention is
`OURS`: every relevant item is an event, its rank is uniform over the places that ties allow, and a metric is the mean
over events (`recloop.evaluation.ranking`). A library differs from it in some of the fields of `Convention` and in
nothing else: docs/metrics.md has the numbers, benchmarks/cross_evaluation.py makes them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from scipy.special import gammaln

from recloop.evaluation.ranking import Gain, expected_gain

METRICS = ("HR", "Recall", "NDCG", "MRR")
FAR = 1 << 40  # a rank below every list
DISCOUNTS: dict[str, Gain] = {
    "rank + 1": lambda rank: 1 / np.log2(rank + 1),
    "rank": lambda rank: (
        1 / np.maximum(np.log2(rank), 1)
    ),  # Järvelin and Kekäläinen: none before rank 2
}
CHOICES = {
    "unit": ("event", "user"),
    "ties": ("expected", "listed", "item"),
    "discount": tuple(DISCOUNTS),
    "ideal": ("cut", "whole"),
    "recall": ("whole", "cut"),
    "absent": ("zero", "left out"),
}


@dataclass(frozen=True)
class Convention:
    """What a metric's name leaves open.

    Args:
        unit: whether every relevant item of a user is an event of its own, or a user is one, with ideal gains, recall
            over what is relevant, and its first hit for HR and MRR.
        ties: items of one score have the expectation over their orders, stand as they were listed, or by item, the
            later first, as text.
        discount: `rank + 1`: a gain of 1 / log2(rank + 1); `rank`: 1 / log2(rank), and 1 for the first.
        ideal: whether the best gain of a user is that of its first k relevant items or of all.
        recall: whether hits are divided by all relevant items or by k where there are more.
        absent: whether a user without a list counts as zero or is left out.

    Raises:
        ValueError: a choice that there is not.
    """

    unit: str = "event"
    ties: str = "expected"
    discount: str = "rank + 1"
    ideal: str = "cut"
    recall: str = "whole"
    absent: str = "zero"

    def __post_init__(self):
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name} {getattr(self, name)!r} is not known; take one of {', '.join(known)}"
                )


OURS = Convention()
LIBRARIES = {  # as measured: docs/metrics.md
    "trec_eval": Convention(unit="user", ties="item", absent="left out"),
    "LensKit": Convention(unit="user", ties="listed", discount="rank", recall="cut"),
}


def variants() -> dict[str, Convention]:
    """List conventions: ours, users in the place of events, and that with each other choice alone."""
    user = replace(OURS, unit="user")
    found = {"ours": OURS, "unit=user": user}
    for name, (_, *others) in CHOICES.items():
        if name != "unit":
            found |= {f"unit=user, {name}={one}": replace(user, **{name: one}) for one in others}
    return found | LIBRARIES


def score(
    lists: pl.DataFrame, truth: pl.DataFrame, cutoffs: Sequence[int], by: Convention = OURS
) -> dict[str, float]:
    """Score lists.

    Args:
        lists: rows of `user`, `item` and `score`, in the order in which they were listed; an item once per user.
        truth: rows of `user` and `item`, each once.
        cutoffs: values of k.
        by: the convention.

    Returns:
        values by metric@k; HR and Recall are one under our own convention.

    Raises:
        ValueError: there is no relevant item, or with `absent="left out"` no user with a list.
    """
    if by.absent == "left out":
        truth = truth.join(lists.select("user").unique(), on="user", how="semi")
    if truth.is_empty():
        raise ValueError("There is nothing relevant to look for in the lists.")
    events = truth.join(placed(lists, by.ties), on=["user", "item"], how="left").sort("user")
    better = events["better"].fill_null(FAR).to_numpy().astype(np.int64)
    tied = events["tied"].fill_null(1).to_numpy().astype(np.int64)
    if by.unit == "event":
        return {name: mean for name, mean in of_events(better, tied, cutoffs, by)}
    _, user = np.unique(events["user"].to_numpy(), return_inverse=True)
    return {name: mean for name, mean in of_users(better, tied, user, cutoffs, by)}


def placed(lists: pl.DataFrame, ties: str) -> pl.DataFrame:
    """Count for each listed item the items that stand above it, and those level with it, itself included."""
    if ties == "expected":
        above = (pl.col("score").rank("min", descending=True).over("user") - 1).alias("better")
        return lists.with_columns(above, pl.len().over("user", "score").alias("tied"))
    order = ["item"] if ties == "item" else []
    lists = lists.sort(
        ["user", "score", *order], descending=[False, True, *map(bool, order)], maintain_order=True
    )
    return lists.with_columns(better=pl.int_range(pl.len()).over("user"), tied=pl.lit(1))


def of_events(
    better: np.ndarray, tied: np.ndarray, cutoffs: Iterable[int], by: Convention
) -> Iterable[tuple[str, float]]:
    """Average over relevant items; shapes (events,)."""
    gains = {"HR": np.ones_like, "Recall": np.ones_like, "NDCG": DISCOUNTS[by.discount]}
    for name, gain in (gains | {"MRR": np.reciprocal}).items():
        for k in cutoffs:
            yield f"{name}@{k}", float(expected_gain(better, tied, k, gain).mean())


def of_users(
    better: np.ndarray, tied: np.ndarray, user: np.ndarray, cutoffs: Iterable[int], by: Convention
) -> Iterable[tuple[str, float]]:
    """Average over users; shapes (events,), `user` being the number of each event's."""
    relevant = np.bincount(user)
    first = first_groups(better, tied, user, len(relevant))
    for k in cutoffs:
        hits = np.bincount(user, expected_gain(better, tied, k, np.ones_like))
        among = np.minimum(relevant, k) if by.recall == "cut" else relevant
        gained = np.bincount(user, expected_gain(better, tied, k, DISCOUNTS[by.discount]))
        best = ideal(relevant, k if by.ideal == "cut" else int(relevant.max()), by.discount)
        yield f"HR@{k}", float(first_gain(*first, k, np.ones_like).mean())
        yield f"Recall@{k}", float((hits / among).mean())
        yield f"NDCG@{k}", float((gained / best).mean())
        yield f"MRR@{k}", float(first_gain(*first, k, np.reciprocal).mean())


def ideal(relevant: np.ndarray, k: int, discount: str) -> np.ndarray:
    """Return the gain of all relevant items in the first places, of each user, shape (users,)."""
    gained = np.cumsum(DISCOUNTS[discount](np.arange(1.0, k + 1)))
    return gained[np.minimum(relevant, k) - 1]


def first_groups(
    better: np.ndarray, tied: np.ndarray, user: np.ndarray, users: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the highest score of a relevant item: how many items stand above, are level, and are relevant among these.

    Args:
        better, tied: of each event, shape (events,).
        user: of each event, ascending.
        users: how many.

    Returns:
        three arrays of shape (users,).
    """
    above = np.full(users, FAR)
    np.minimum.at(above, user, better)
    own = better == above[user]
    level = np.zeros(users, np.int64)
    level[user[own]] = tied[own]
    return above, level, np.bincount(user[own], minlength=users)


def first_gain(
    above: np.ndarray, level: np.ndarray, relevant: np.ndarray, k: int, gain: Gain
) -> np.ndarray:
    """Average the gain of the first hit over the orders of its ties.

    Of `level` items in random order, `relevant` of them relevant, the first relevant one is number j with probability
    C(level - j, relevant - 1) / C(level, relevant).
    """
    place = np.arange(1, k + 1)
    number = place - above[:, None]  # within the tie, of every rank
    rest = level[:, None] - number
    there = (number >= 1) & (rest >= relevant[:, None] - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        chance = np.exp(
            log_choose(rest, relevant[:, None] - 1) - log_choose(level, relevant)[:, None]
        )
    return (np.where(there, chance, 0.0) * gain(place.astype(float))).sum(1)


def log_choose(n: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Return the logarithm of the binomial coefficient; what is impossible is no number."""
    return gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)


def of_own(lists: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Turn lists.parquet of a run into lists and truth: every event is a user of its own, named session:position.

    What is tied in them is not said beyond the target: items stand in the order of the list.
    """
    event = pl.format("{}:{}", "session", "position").alias("user")
    listed = lists.select(event, pl.col("top").cast(pl.List(pl.Int64)).alias("item"))
    listed = listed.explode("item").with_columns(
        pl.col("item").cast(pl.String), score=-pl.int_range(pl.len()).over("user").cast(pl.Float64)
    )
    return listed, lists.select(event, pl.col("target").cast(pl.String).alias("item"))
