"""How well content is recommended, and what the training took: metrics of sequences and costs."""

from pathlib import Path

import polars as pl

from recloop.evaluation import metrics
from recloop.evaluation.costs import COLUMNS


def judge(rows: pl.DataFrame, split: Path, evaluation: dict, vectors: Path | None) -> pl.DataFrame:
    """Compute the metrics of all sequences and, at cut-off 0, what the training took."""
    found = metrics.judge(rows, split, evaluation, vectors)
    about = [(name, 0, rows[column][0]) for name, column in COLUMNS.items() if column in rows]
    return pl.concat([found, pl.DataFrame(about, schema=found.schema, orient="row")])
