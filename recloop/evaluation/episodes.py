"""How much episodes bring and how long they last: every metric of steps, from what was played."""

from pathlib import Path

import polars as pl

from recloop.evaluation import metrics, steps

WHOLE = 0  # the cut-off of a metric of whole episodes


def evaluate(lists: pl.DataFrame) -> pl.DataFrame:
    """Compute every metric of whole episodes.

    Args:
        lists: steps of episodes, see `recloop.training.episodes.rank`.

    Returns:
        One row per metric: `metric`, `k` (0), `value`.

    Raises:
        ValueError: there is no step.
        NotFinite: a reward that is no number.
    """
    if lists.is_empty():
        raise ValueError("There is no step to evaluate: no episode was played.")
    rows = [(name, WHOLE, metrics.value(lists, name, WHOLE)) for name in steps.NAMES]
    schema = {"metric": pl.String, "k": pl.Int64, "value": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row").sort("metric")


def judge(rows: pl.DataFrame, split: Path, evaluation: dict, vectors: Path | None) -> pl.DataFrame:
    """Compute every metric that a study about episodes asks for; it needs rows alone."""
    return evaluate(rows)
