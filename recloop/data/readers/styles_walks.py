"""Product photographs with customers who do not exist: real titles and pictures, simulated sequences.

Aggarwal. Fashion Product Images (Small), products of myntra.com. Kaggle 2019, has no customers. These like one value of
each of some attributes and choose as those of the embedded marketplace do (recloop/data/worlds/marketplace.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from recloop.data.readers.styles import Words, read_catalogue
from recloop.data.tables import Reading, as_interactions, as_items
from recloop.data.worlds.marketplace import choose


def read(
    raw: Path,
    where: Mapping[str, Sequence[str]],
    attributes: Mapping[str, str],
    words: Words | None = None,
    share: Sequence[float] = (0.0, 1.0),
    liked: Sequence[str] = ("colour", "kind"),
    users: int = 2000,
    mean_length: int = 9,
    seed: int = 1,
    max_malformed: float = 0.01,
) -> Reading:
    """Let simulated customers choose among the styles that some columns select.

    Args:
        raw: folder of `styles.csv` and the archives.
        where, attributes, words, share: as of `styles.read_catalogue`.
        liked: attributes by which customers choose.
        users: how many customers.
        mean_length: mean number of choices of one.
        seed: of the customers.
        max_malformed: largest tolerated share of malformed lines.

    Raises:
        ValueError: an attribute that no style has.
    """
    found = read_catalogue(raw, where, attributes, words, share, max_malformed)
    values = np.stack([codes(found.items, found.attributes, one) for one in liked], axis=1)
    random = np.random.Generator(np.random.PCG64(seed))
    lists = choose(values, users, mean_length, random)
    names = found.items["name"].to_numpy()
    rows = pl.DataFrame(
        {
            "user": [f"user{user:05}" for user, row in enumerate(lists) for _ in row],
            "item": names[np.concatenate(lists)],
            "line": np.concatenate([np.arange(len(row)) for row in lists]),
        }
    )
    events = as_interactions(rows.lazy(), "rating", user=pl.col("user"), item=pl.col("item"))
    titles = found.items.select(item="name", title="title", category="kind")
    seen = titles.filter(pl.col("item").is_in(rows["item"].unique().implode()))
    return Reading(
        interactions=events,
        items=as_items(seen),
        malformed=found.malformed,
        files=(raw / "styles.csv",),
    )


def codes(items: pl.DataFrame, attributes: pl.DataFrame, name: str) -> np.ndarray:
    """Give numbers to the values of an attribute; an item without one has a number that no other has."""
    told = attributes.filter(pl.col("attribute") == name).unique(
        "name", keep="first", maintain_order=True
    )
    if told.is_empty():
        raise ValueError(
            f"reading.liked: no style has the attribute '{name}'; name it under reading"
        )
    value = items.select("name").join(told, on="name", how="left", maintain_order="left")["value"]
    known = np.unique(value.drop_nulls().to_numpy(), return_inverse=True)[1]
    found = len(known) + np.arange(len(value))
    found[value.is_not_null().to_numpy()] = known
    return found
