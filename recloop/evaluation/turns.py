"""Scores of dialogues at one turn: whether the target was shown, and how far up the ranking it stands.

One row of `lists` is one turn of one dialogue. NDCG goes by rank, which is 1 from the turn after the target was shown
(Wu et al. RecSys 2021, released code); the rows say that by `tied` = 0. Before it, the rank is exact under ties, see
`recloop.evaluation.ranking`; a list drawn at random counts as the top of a random ranking.
"""

from collections.abc import Callable

import numpy as np
import polars as pl

from recloop.evaluation.metric import Facts
from recloop.evaluation.ranking import GAINS, expected_gain


def of_group(lists: pl.DataFrame, turn: int, groups: tuple[str, ...] = ()) -> pl.DataFrame:
    """Take the rows of one turn, of all users or of one group of them."""
    rows = lists.filter(pl.col("position") == turn)
    return rows.filter(pl.col("group").is_in(groups)) if groups else rows


def solved(lists: pl.DataFrame, turn: int, facts: Facts) -> np.ndarray:
    """Score 1 where the target has been shown."""
    return lists["solved"].cast(pl.Float64).to_numpy()


def gain_within(cutoff: int) -> Callable[[pl.DataFrame, int, Facts], np.ndarray]:
    """Make NDCG at a cut-off of the list."""

    def score(lists: pl.DataFrame, turn: int, facts: Facts) -> np.ndarray:
        better = lists["better"].to_numpy().astype(np.int64)
        tied = lists["tied"].to_numpy().astype(np.int64)
        return expected_gain(better, np.maximum(tied, 1), cutoff, GAINS["NDCG"])

    return score
