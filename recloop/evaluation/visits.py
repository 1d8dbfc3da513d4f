"""Scores of sessions with users who look for something: one per session, in ascending order of its number.

A session that ends without success has used up its turns, so that its length is what is printed for it.
"""

import numpy as np
import polars as pl

from recloop.evaluation.metric import Facts


def by_session(lists: pl.DataFrame, score: pl.Expr) -> np.ndarray:
    """Score every session."""
    rows = lists.group_by("session").agg(score=score.cast(pl.Float64)).sort("session")
    return rows["score"].to_numpy()


def successes(lists: pl.DataFrame, k: int, facts: Facts) -> np.ndarray:
    """Score 1 where the user was content within k turns."""
    return by_session(lists, (pl.col("solved") & (pl.col("position") <= k)).any())


def interactions(lists: pl.DataFrame, k: int, facts: Facts) -> np.ndarray:
    """Count turns; a user who is never content has all of them."""
    return by_session(lists, pl.len())


def violations(lists: pl.DataFrame, k: int, facts: Facts) -> np.ndarray:
    """Add up the attributes of shown items that contradict what was said before."""
    return by_session(lists, pl.col("violated").sum())


def named(lists: pl.DataFrame, k: int, facts: Facts) -> np.ndarray:
    """Average what was named rightly."""
    return by_session(lists, pl.col("right").mean())
