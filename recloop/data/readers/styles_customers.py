"""Simulated customers of real products: who chooses by attributes, beside the photographs and titles that tell them.

Nobody has published what was bought of these products; that the sequences are simulated is said wherever they stand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from recloop.data.histories import Buying, looked_at, simulate
from recloop.data.readers.styles import Words, place, read_catalogue
from recloop.data.tables import Reading, as_interactions, as_items


def read(
    raw: Path,
    where: Mapping[str, Sequence[str]],
    attributes: Mapping[str, str],
    words: Words | None = None,
    share: Sequence[float] = (0.0, 1.0),
    users: int = 1000,
    lengths: Sequence[int] = (5, 15),
    taste: float = 3.0,
    drift: float = 0.05,
    titled: float = 1.0,
    single: float = 0.0,
    seed: int = 1,
    max_malformed: float = 0.01,
) -> Reading:
    """Simulate sequences over the styles that some columns select.

    Args:
        raw, where, attributes, words, share, max_malformed: as of `styles.read_catalogue`.
        users: how many customers there are.
        lengths: shortest and longest sequence.
        taste: how many times likelier a product is chosen for each point that it collects.
        drift: chance that the points for a value are drawn anew before a choice.
        titled: share of the products whose title is told, by a hash of their names; all have a picture.
        single: share of the customers who look at one kind alone, products whose title is told or the others.
        seed: of the customers.
    """
    found = read_catalogue(raw, where, attributes, words, share, max_malformed)
    names = found.items["name"]
    numbers = pl.DataFrame({"name": names, "item": np.arange(len(names))})
    known = found.attributes.join(numbers, on="name").select("item", "attribute", "value")
    buying = Buying(users, lengths, lengths[0], drift, taste)
    random = np.random.Generator(np.random.PCG64(seed))
    told = np.array([place(f"title of {name}") < titled for name in names], dtype=bool)
    offered = looked_at(told, users, single, random) if single else None
    bought = simulate(np.arange(len(names)), known, buying, random, offered)
    title, rows = pl.when(pl.Series(told)).then(pl.col("title")), events(bought, names)
    return Reading(
        interactions=as_interactions(rows, "purchase", user=pl.col("user"), item=pl.col("item")),
        items=as_items(found.items.select(title, item="name")),
        malformed=found.malformed,
        files=(raw / "styles.csv",),
    )


def events(bought: pl.DataFrame, names: pl.Series) -> pl.LazyFrame:
    """Write one row per purchase, `line` being its place in the sequence."""
    whole = pl.concat_list("history", "target")
    places = pl.int_ranges(pl.col("items").list.len(), dtype=pl.Int64)
    listed = bought.select("user", items=whole).with_columns(line=places).explode("items", "line")
    named = names.gather(listed["items"])
    return listed.with_columns(user=pl.format("c{}", "user"), item=named).lazy()
