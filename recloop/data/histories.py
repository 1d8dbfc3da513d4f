"""Purchase sequences: simulated over a real catalogue, or as somebody published them.

Simulated (ours: no public data set pairs purchases with pictures that may be redistributed): a user's taste is a whole
number of points for each attribute value, some of which are drawn anew before each purchase; an item is bought with a
chance that grows by a factor with every point it collects; nothing is bought twice. Sums of small whole numbers and
products are exact, so that every machine simulates the same purchases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

# How many points a user gives an attribute value, and what share of the values gets that many.
POINTS, SHARES = (0, 1, 3), (0.7, 0.2, 0.1)
USERS_AT_ONCE = 256  # 256 users x 30,000 items of float64 are 61 MB
SHORTER = (
    0.6  # each length is that much rarer than the one before; the papers' lengths fall likewise
)


@dataclass(frozen=True)
class Buying:
    """How simulated users buy.

    Args:
        users: how many there are.
        lengths: shortest and longest sequence, the target included.
        cold: length of the sequences of users called cold.
        drift: chance that the points for a value are drawn anew before a purchase.
        taste: how many times likelier an item is bought for each point that it collects.
    """

    users: int
    lengths: Sequence[int]
    cold: int
    drift: float = 0.1
    taste: float = 2.0


def simulate(
    items: Int[np.ndarray, " pool"],
    rows: pl.DataFrame,
    buying: Buying,
    random: np.random.Generator,
    offered: Bool[np.ndarray, "user pool"] | None = None,
) -> pl.DataFrame:
    """Simulate one sequence for each user.

    Args:
        items: the items that can be bought.
        rows: item, attribute and value, several rows for an item.
        buying: how users buy.
        random: source of all draws.
        offered: which items each user looks at; all, unless given.

    Returns:
        user (Int64), history (List(Int32)), target (Int32), group ("cold" or "warm").

    Raises:
        ValueError: fewer items than the longest sequence, or a user who looks at fewer.
    """
    shortest, longest = buying.lengths
    if not 2 <= shortest <= longest <= len(items):
        raise ValueError(
            f"histories.lengths are {list(buying.lengths)} over {len(items)} items; expected shortest and longest "
            "sequence, at least 2, at most as many as there are items. Take other lengths or more items."
        )
    if offered is None:
        offered = np.broadcast_to(np.True_, (buying.users, len(items)))
    if (seen := offered.sum(1).min(initial=len(items))) < longest:
        raise ValueError(
            f"histories: a user looks at {seen} items, expected at least the {longest} of the longest sequence. "
            "Take shorter lengths, more items, or let users look at more of them."
        )
    length = draw_lengths(buying, random)
    table = value_table(items, rows)
    starts = range(0, buying.users, USERS_AT_ONCE)
    parts = [slice(start, start + USERS_AT_ONCE) for start in starts]
    bought = [_buy(table, length[part], offered[part], buying, random) for part in parts]
    return _as_dialogues(items[np.concatenate(bought)], length, buying.cold)


def looked_at(
    titled: Bool[np.ndarray, " item"], users: int, single: float, random: np.random.Generator
) -> Bool[np.ndarray, "user item"]:
    """Say which items each user looks at: those with a title, those without one, or all.

    Args:
        titled: which items have one.
        users: how many there are.
        single: share of the users who look at one of both kinds alone, half of them at each.
        random: of the kinds of users.
    """
    kind = random.random(users)[:, None]
    return np.where(kind < single / 2, titled, np.where(kind < single, ~titled, True))


def draw_lengths(buying: Buying, random: np.random.Generator) -> Int[np.ndarray, " user"]:
    """Draw the lengths of all sequences, falling geometrically from the shortest on."""
    shortest, longest = buying.lengths
    weight = np.cumprod(np.full(longest - shortest + 1, SHORTER))
    bounds = np.cumsum(weight) / weight.sum()
    return shortest + np.searchsorted(bounds[:-1], random.random(buying.users), side="right")


def value_table(
    items: Int[np.ndarray, " pool"], rows: pl.DataFrame
) -> Float[np.ndarray, "pool value"]:
    """Mark with 1 which item has which attribute value."""
    places = pl.DataFrame({"item": items, "place": np.arange(len(items))})
    values = (
        rows.select("attribute", "value")
        .unique()
        .sort("attribute", "value")
        .with_row_index("column")
    )
    marked = rows.with_columns(pl.col("item").cast(places.schema["item"])).join(places, on="item")
    marked = marked.join(values, on=["attribute", "value"])
    table = np.zeros((len(items), max(values.height, 1)), dtype=np.float32)
    table[marked["place"].to_numpy(), marked["column"].to_numpy()] = 1
    return table


def published(sequences: pl.DataFrame, cold: int | None = None) -> pl.DataFrame:
    """Take published sequences as they are; the last item is the target and is taken out of the history.

    Args:
        sequences: user, position, item and part, as in `sequences.parquet` of a catalogue; gaps are lost items.
        cold: length of the sequences of users called cold; None for the shortest that occurs.

    Returns:
        user (Int64), history (List(Int32)), target (Int32), group, part (String or null).
    """
    first = sequences["position"].min()  # sources count from 0 or 1
    last = pl.col("item").sort_by("position").last().over("user")
    # As published: a purchase without a picture is left out of the history, yet makes nobody cold.
    length = (pl.col("position").max() - first + 1).over("user")
    rows = sequences.with_columns(target=last, length=length)
    rows = rows.filter(pl.len().over("user") > 1).sort("user", "position")
    cold = cold or rows["length"].min()
    earlier = pl.col("item").filter(pl.col("item") != pl.col("target"))
    listed = rows.group_by("user", maintain_order=True).agg(
        earlier.cast(pl.Int32).alias("history"), pl.col("target", "length", "part").first()
    )
    return listed.select(
        pl.int_range(pl.len(), dtype=pl.Int64).alias("user"),
        "history",
        pl.col("target").cast(pl.Int32),
        _group(pl.col("length"), cold).alias("group"),
        "part",
    )


def _buy(
    table: NDArray[Any],
    length: NDArray[Any],
    offered: NDArray[Any],
    buying: Buying,
    random: np.random.Generator,
) -> NDArray[Any]:
    """Choose the items of some users, one purchase of all of them at a time; places in the pool."""
    users, longest = len(length), buying.lengths[1]
    bounds = np.cumsum(SHARES)[:-1]
    points = np.array(POINTS, dtype=np.float32)
    taste = points[np.searchsorted(bounds, random.random((users, table.shape[1])), side="right")]
    chosen = np.zeros((users, longest), dtype=np.int64)
    free = offered.copy()
    for step in range(longest):
        renewed = random.random(taste.shape) < buying.drift
        fresh = points[np.searchsorted(bounds, random.random(taste.shape), side="right")]
        taste = np.where(renewed & (step > 0), fresh, taste)
        chosen[:, step] = _choose(taste @ table.T, free, buying.taste, random)
        free[np.arange(users), chosen[:, step]] = False
    return chosen


def _choose(
    match: NDArray[Any], free: NDArray[Any], taste: float, random: np.random.Generator
) -> NDArray[Any]:
    """Draw one item for each user, in proportion to `taste` to the power of its points."""
    best = np.where(free, match, -1).max(axis=1, keepdims=True)
    below = np.maximum(best - match, 0).astype(np.int64)  # points behind the best
    weight = np.cumprod(np.concatenate([[1.0], np.full(below.max(), 1 / taste)]))[below] * free
    heights = np.cumsum(weight, axis=1)
    draw = random.random((len(match), 1)) * heights[:, -1:]
    return (heights <= draw).sum(axis=1).clip(max=match.shape[1] - 1)


def _as_dialogues(bought: NDArray[Any], length: NDArray[Any], cold: int) -> pl.DataFrame:
    whole = pl.DataFrame({"item": bought.astype(np.int32), "length": length})
    items = pl.col("item").arr.to_list()
    return whole.select(
        user=pl.int_range(pl.len(), dtype=pl.Int64),
        history=items.list.head(pl.col("length") - 1),
        target=items.list.get(pl.col("length") - 1),
        group=_group(pl.col("length"), cold),
    )


def _group(length: pl.Expr, cold: int) -> pl.Expr:
    # PMMIR, S4.1: users with the least interactions (3 on Shoes, 4 on Dresses) are cold.
    return pl.when(length <= cold).then(pl.lit("cold")).otherwise(pl.lit("warm"))
