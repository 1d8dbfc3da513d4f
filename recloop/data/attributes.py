"""Attributes of the items of a catalogue, as words can name them."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import torch
from jaxtyping import Float
from torch import Tensor


def read_attributes(catalogue: Path) -> list[dict[str, frozenset[str]]]:
    """Return each item's values by attribute; the kind of product is an attribute where kinds differ.

    Args:
        catalogue: folder of `recloop.data.catalogues.build_catalogue`.
    """
    items = pl.read_parquet(catalogue / "items.parquet", columns=["item", "kind"])
    rows = pl.read_parquet(catalogue / "attributes.parquet")
    if "kind" not in rows["attribute"] and items["kind"].n_unique() > 1:
        kinds = items.select(
            "item", attribute=pl.lit("kind"), value=pl.col("kind").str.to_lowercase()
        )
        rows = pl.concat([kinds, rows])
    found: list[dict[str, set[str]]] = [{} for _ in range(items.height)]
    for item, attribute, value in (
        rows.select("item", "attribute", "value").drop_nulls().iter_rows()
    ):
        found[item].setdefault(attribute, set()).add(value)
    return [{name: frozenset(values) for name, values in one.items()} for one in found]


def many_hot(
    attributes: Sequence[dict[str, frozenset[str]]],
) -> Float[Tensor, "item value"]:
    """Mark the values of each item: two items differ in as many columns as values that only one of them has."""
    pairs = [
        {(name, value) for name, values in one.items() for value in values} for one in attributes
    ]
    place = {pair: column for column, pair in enumerate(sorted(set().union(*pairs)))}
    table = torch.zeros(len(pairs), len(place))
    for row, mine in enumerate(pairs):
        table[row, [place[pair] for pair in mine]] = 1.0
    return table
