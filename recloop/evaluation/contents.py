"""Metrics of studies whose items are read: those of next items, and what learning took where it was measured."""

from pathlib import Path

import polars as pl

from recloop.evaluation import costs, filters, metrics


def judge(rows: pl.DataFrame, split: Path, evaluation: dict, vectors: Path | None) -> pl.DataFrame:
    """Compute the metrics of all sequences, of kinds of users where they are told, and what the training took, at 0."""
    asked = evaluation.get("filters", ())
    known = [name for name in asked if "kind" in rows or name not in filters.KINDS]
    found = metrics.judge(rows, split, evaluation | {"filters": known}, vectors)
    spent = [
        (name, 0, metrics.value(rows, name, 0))
        for name, column in costs.COLUMNS.items()
        if column in rows.columns
    ]
    return pl.concat([found, pl.DataFrame(spent, schema=found.schema, orient="row")])
