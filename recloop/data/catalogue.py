"""Titles, brands and categories that lie beside the events in a file of their own.

The official click logs name no products. An embedded world writes `items.csv` beside its events;
whoever has such a file for a real log can put it in the same place.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recloop.data.tables import as_items

CATALOGUE = "items.csv"


def describe(items: pl.DataFrame, raw: Path) -> pl.DataFrame:
    """Add what `items.csv` says to the items that occur; what it says goes first."""
    path = raw / CATALOGUE
    if not path.exists():
        return as_items(items)
    known = pl.read_csv(path, infer_schema=False)
    both = items.join(known, on="item", how="left", suffix="_catalogue")
    told = [name for name in known.columns if f"{name}_catalogue" in both.columns]
    return as_items(
        both.with_columns(pl.coalesce(f"{name}_catalogue", name).alias(name) for name in told)
    )
