"""How often a reward model agrees with people, and how far a reader is from eyes: every metric, from saved rows."""

from pathlib import Path

import polars as pl

from recloop.evaluation import judged, metrics

WHOLE = 0  # the cut-off of a metric without one


def evaluate(lists: pl.DataFrame) -> pl.DataFrame:
    """Compute every metric that the rows allow.

    Args:
        lists: rows of pairs or of words, see `recloop.evaluation.judged`.

    Returns:
        One row per metric: `metric`, `k` (0), `value`.

    Raises:
        ValueError: there is no row.
        NotFinite: a reward or a measure that is no number.
    """
    if lists.is_empty():
        raise ValueError("There is nothing to evaluate: no pair was rewarded and no word was read.")
    said = judged.measured(lists)
    names = ["MAE", *(f"MAE_{name}" for name in said)] if said else judged.OF_PAIRS
    rows = [(name, WHOLE, metrics.value(lists, name, WHOLE)) for name in names]
    schema = {"metric": pl.String, "k": pl.Int64, "value": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row").sort("metric")


def judge(rows: pl.DataFrame, split: Path, evaluation: dict, vectors: Path | None) -> pl.DataFrame:
    """Compute every metric that a study about preferences asks for; it needs rows alone."""
    return evaluate(rows)
