"""Scores of rewarded pairs and of words that were read.

One row of `lists` is a pair (`session`, the prompt, `position`, the pair, `chosen` and `rejected`, the rewards, and
`longer`), or a word of a sentence (`session`, `position`, and of each measure `measured_…` and `said_…`). There is no
cut-off: k is 0.
"""

from collections.abc import Callable

import numpy as np
import polars as pl

from recloop.evaluation.metric import Facts

Score = Callable[[pl.DataFrame, int, Facts], np.ndarray]
FEATURES = ("nFix", "FFD", "GPT", "TRT", "fixProp")
OF_PAIRS = ("Accuracy", "PairLoss")
OF_WORDS = ("MAE", *(f"MAE_{name}" for name in FEATURES))
WHY_PAIRS = "it is of pairs of answers, and these are words that were read"
WHY_WORDS = "it is of measures that this reader does not say"


def elsewhere(facts: Facts) -> bool:
    """Say nothing of lists of next items, whatever is known of them; who judges pairs or words asks by name."""
    return True


def accuracy(lists: pl.DataFrame, k: int, facts: Facts) -> np.ndarray:
    """Score 1 where the chosen answer has the higher reward, a half where both have the same."""
    gap = margins(lists)
    return (gap > 0) + 0.5 * (gap == 0)


def pair_loss(lists: pl.DataFrame, k: int, facts: Facts) -> np.ndarray:
    """Score -log sigmoid of the reward of the chosen answer over that of the rejected one."""
    return np.logaddexp(0, -margins(lists))


def margins(lists: pl.DataFrame) -> np.ndarray:
    """Subtract the reward of the rejected answer from that of the chosen one."""
    return lists["chosen"].to_numpy() - lists["rejected"].to_numpy()


def error_of(name: str) -> Score:
    """Make the absolute error of one measure."""

    def score(lists: pl.DataFrame, k: int, facts: Facts) -> np.ndarray:
        return np.abs(lists[f"said_{name}"].to_numpy() - lists[f"measured_{name}"].to_numpy())

    return score


def error(lists: pl.DataFrame, k: int, facts: Facts) -> np.ndarray:
    """Average the absolute errors over the measures that there are."""
    return np.mean([error_of(name)(lists, k, facts) for name in measured(lists)], axis=0)


def measured(lists: pl.DataFrame) -> list[str]:
    """List the measures of words that were read."""
    return [name for name in FEATURES if f"said_{name}" in lists.columns]
