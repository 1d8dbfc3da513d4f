"""Titles, brands, categories and attributes that lie beside the events in a file of their own.

The official click logs name no products. An embedded world writes `items.csv` beside its events;
whoever has such a file for a real log can put it in the same place.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recloop.data.companions import read_companion
from recloop.data.quarantine import MalformedError
from recloop.data.settings import CATALOGUE
from recloop.data.tables import ITEMS, as_items

SEPARATOR = "|"  # between the attributes of an item


def beside(raw: Path) -> tuple[Path, ...]:
    """List the catalogue of a folder of raw files, where it has one."""
    path = raw / CATALOGUE
    return (path,) if path.exists() else ()


def describe(items: pl.DataFrame, raw: Path) -> pl.DataFrame:
    """Add what `items.csv` says to the items that occur; what it says goes first.

    Raises:
        MalformedError: it has other columns, an item twice, or none of the items that occur.
    """
    if not beside(raw):
        return as_items(items)
    path = raw / CATALOGUE
    known = read_companion(path, "item", tuple(ITEMS)[1:])
    both = items.join(known, on="item", how="left", suffix="_catalogue")
    _check_known(items, known, path)
    common = [name for name in known.columns if f"{name}_catalogue" in both.columns]
    both = both.with_columns(pl.coalesce(f"{name}_catalogue", name).alias(name) for name in common)
    return as_items(_listed(both))


def _check_known(items: pl.DataFrame, known: pl.DataFrame, path: Path) -> None:
    if known.height and items.join(known, on="item", how="semi").is_empty():
        raise MalformedError(
            f"{path}: none of its {known.height} items occurs in the events, the first one is "
            f"{known['item'][0]!r}. Expected the ids of the events, such as {items['item'].min()!r}."
        )


def _listed(items: pl.DataFrame) -> pl.DataFrame:
    """Part attributes that are written as one text."""
    if items.schema.get("attributes") != pl.String:
        return items
    listed = pl.col("attributes").str.split(SEPARATOR).list.eval(pl.element().str.strip_chars())
    return items.with_columns(attributes=listed)
