"""How soon users find what they look for, and how often they are shown what they ruled out: from saved turns.

One row of `lists` is one turn: `session`, `position` (from 1), `solved` (the user is content) and `violated`
(attributes of the item that contradict what was said before). Perception and speech have a row per thing that was
named instead, and whether that was `right`. Source: Zhang et al. AAAI 2022, Offline Interactive Recommendation.
"""

from pathlib import Path

import polars as pl

from recloop.evaluation import metrics

SCHEMA = {"metric": pl.String, "k": pl.Int64, "value": pl.Float64}


def evaluate(lists: pl.DataFrame, turns: int) -> pl.DataFrame:
    """Compute every metric of sessions with users, or of what was named.

    Args:
        lists: saved turns, or things named.
        turns: most turns of a session, each of which is a cut-off of the success rate.

    Returns:
        One row per metric and cut-off: `metric`, `k` (0 without a cut-off), `value`.

    Raises:
        ValueError: there is no row.
        NotFinite: a score that is no number.
    """
    if lists.is_empty():
        raise ValueError("There is no turn to evaluate: no session was held.")
    if "right" in lists.columns:
        pairs = [("Named", 0)]
    else:
        pairs = [("Success", k) for k in range(1, turns + 1)] + [("NI", 0), ("NV", 0)]
    rows = [(name, k, metrics.value(lists, name, k)) for name, k in pairs]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row").sort("metric", "k")


def judge(rows: pl.DataFrame, split: Path, evaluation: dict, vectors: Path | None) -> pl.DataFrame:
    """Compute every metric that a study about attributes asks for; it needs rows alone."""
    return evaluate(rows, evaluation["turns"])
