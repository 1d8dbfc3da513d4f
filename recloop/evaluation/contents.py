"""How well content is recommended, and what the training took: metrics of sequences and costs."""

from pathlib import Path

import polars as pl

from recloop.evaluation import filters, metrics
from recloop.evaluation.costs import BATCHES, COLUMNS


def judge(rows: pl.DataFrame, split: Path, evaluation: dict, vectors: Path | None) -> pl.DataFrame:
    """Compute the metrics of all sequences, of kinds of users where they are told, and what the training took, at 0."""
    asked = evaluation.get("filters", ())
    known = [name for name in asked if "kind" in rows or name not in filters.KINDS]
    found = metrics.judge(rows, split, evaluation | {"filters": known}, vectors)
    costs = (COLUMNS | BATCHES).items()
    about = [(name, 0, rows[column][0]) for name, column in costs if column in rows]
    return pl.concat([found, pl.DataFrame(about, schema=found.schema, orient="row")])
