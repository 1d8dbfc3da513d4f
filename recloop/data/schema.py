"""Columns of tidy tables: their types, their ranges, and what a source knows of all rows or of none.

Declared once beside each table and checked once for every reader.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl


@dataclass(frozen=True)
class Column:
    """What a column may hold.

    Args:
        dtype: type of the values.
        null: whether single rows may lack it.
        optional: whether a source may not know it; then it is null in every row, never in some only.
        name: whether it names something: then it is not empty and has no blanks at its ends.
        least: smallest value allowed.
        too_low: what a smaller value is called where it is counted.
        finite: whether NaN and infinity are faults.
        words: the values allowed; all where there are none.
    """

    dtype: Any
    null: bool = False
    optional: bool = False
    name: bool = False
    least: int | float | None = None
    too_low: str = ""
    finite: bool = False
    words: tuple[str, ...] = ()


def dtypes(columns: Mapping[str, Column]) -> dict[str, Any]:
    """Return the type of each column, as a data frame wants its schema."""
    return {name: column.dtype for name, column in columns.items()}


def faults(columns: Mapping[str, Column]) -> dict[str, pl.Expr]:
    """Count the rows that break the rules, by what is wrong with them."""
    found = {}
    for name, column in columns.items():
        found |= _faults(name, column)
    return found


def _faults(name: str, column: Column) -> dict[str, pl.Expr]:
    value, nulls = pl.col(name), pl.col(name).null_count()
    found = {}
    if column.optional:
        some = pl.when(nulls < pl.len()).then(nulls).otherwise(0)
        found[f"rows_without_{name}_beside_others_with_it"] = some
    elif not column.null:
        empty = (value == "").sum() if column.name else 0
        found[f"no_{name}"] = nulls + empty
    if column.name:
        found[f"blanks_around_{name}"] = (value != value.str.strip_chars()).sum()
    if column.words:
        found[f"unknown_{name}"] = (~value.is_in(column.words)).sum()
    if column.least is not None:
        found[column.too_low] = (value < column.least).sum()
    if column.finite:
        found[f"{name}_not_finite"] = (~value.is_finite()).sum()
    return found
