"""How well answers name tastes: every metric of tastes, from what was said."""

from pathlib import Path

import polars as pl

from recloop.evaluation import metrics, tastes

WHOLE = 0  # the cut-off of a metric of whole answers


def judge(rows: pl.DataFrame, split: Path, evaluation: dict, vectors: Path | None) -> pl.DataFrame:
    """Compute every metric of answers about tastes; it needs rows alone.

    Raises:
        ValueError: there is no answer.
    """
    if rows.is_empty():
        raise ValueError("There is no answer to evaluate: nobody was asked about.")
    found = [(name, WHOLE, metrics.value(rows, name, WHOLE)) for name in tastes.NAMES]
    schema = {"metric": pl.String, "k": pl.Int64, "value": pl.Float64}
    return pl.DataFrame(found, schema=schema, orient="row").sort("metric")
