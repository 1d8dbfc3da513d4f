"""Scores of played episodes: what a user gave in all, how long it lasted, and what an item was worth.

One row of `lists` is one step: `session` (the user), `episode`, `position` (from 1), `item`, `reward`. Where k is not 0
only the first k steps of an episode count. Source: thesis, Sec 7.5.3.
"""

import numpy as np
import polars as pl

from recloop.evaluation.metric import Facts

NAMES = ("Return", "Length", "AvgReward")
WHY = "it is of played episodes, lists of next items have no rewards"


def in_lists(facts: Facts) -> bool:
    """Say nothing of lists of next items, whatever is known of them; who plays episodes asks by name."""
    return True


def first(lists: pl.DataFrame, k: int) -> pl.DataFrame:
    """Take the first k steps of every episode, all where k is 0."""
    return lists.filter(pl.col("position") <= k) if k else lists


def returns(lists: pl.DataFrame, k: int, facts: Facts) -> np.ndarray:
    """Average the sum of rewards over the episodes of each user."""
    return by_user(lists, k, pl.col("reward").cast(pl.Float64).sum())


def lengths(lists: pl.DataFrame, k: int, facts: Facts) -> np.ndarray:
    """Average the number of steps over the episodes of each user."""
    return by_user(lists, k, pl.len().cast(pl.Float64))


def by_user(lists: pl.DataFrame, k: int, total: pl.Expr) -> np.ndarray:
    """Divide a total of each user by the user's episodes; users in ascending order."""
    share = total.alias("total") / pl.col("episode").n_unique()
    return first(lists, k).group_by("session").agg(share).sort("session")["total"].to_numpy()


def rewards(lists: pl.DataFrame, k: int, facts: Facts) -> np.ndarray:
    """Score each step by its reward."""
    return lists["reward"].cast(pl.Float64).to_numpy()
