"""How well answers name what users like and dislike: F1 over users, over labels, over genres; what an answer costs.

One row of `lists` is one user: `said` and `true` mark genres as liked and, behind these, as disliked; `read` says
whether the grammar has the answer (what it has not says nothing), `tokens` and `flops` what the language model was
given and did. A label is a genre on one side.

- Micro F1 is 2 TP / (said + true), all labels of all users together. It is the mean of the users' own F1, each with the
  weight of its said and true labels, so that it is paired and resampled like a metric of events.
- Macro F1 is the mean of the labels' F1 over those that some user has.
"""

from collections.abc import Callable

import numpy as np
import polars as pl

from recloop.evaluation.bootstrap import Draws
from recloop.evaluation.halves import Halves
from recloop.evaluation.metric import Facts

WHY = "it is of answers about tastes"
NAMES = (
    *("MicroF1", "MacroF1", "UserF1", "LikedF1", "DislikedF1"),
    *("ParseFailures", "Tokens", "GFLOPs"),
)
SIDES = {"both": slice(None), "liked": 0, "disliked": 1}


def elsewhere(facts: Facts) -> bool:
    """Say nothing of lists of next items, whatever is known of them; who judges answers asks by name."""
    return True


def marks(lists: pl.DataFrame, name: str, side: str) -> np.ndarray:
    """Read which labels were said or are true, shape (users, labels)."""
    found = lists[name].to_numpy().astype(bool)
    return found if side == "both" else np.split(found, 2, axis=1)[SIDES[side]]


def counts(lists: pl.DataFrame, side: str) -> tuple[np.ndarray, np.ndarray]:
    """Mark the labels that were named rightly, and add up what was said and what is true, shape (users, labels)."""
    said, true = (marks(lists, name, side) for name in ("said", "true"))
    return said & true, said.astype(float) + true


def f1(side: str) -> Callable[[pl.DataFrame, int, Facts], np.ndarray]:
    """Make the F1 of each user; 1 where nothing is said and nothing is true."""

    def score(lists: pl.DataFrame, k: int, facts: Facts) -> np.ndarray:
        right, total = (one.sum(1) for one in counts(lists, side))
        return np.where(total > 0, 2 * right / np.maximum(total, 1), 1.0)

    return score


def labels(side: str) -> Callable[[pl.DataFrame], np.ndarray]:
    """Make the weight of each user in micro F1: how many labels were said and are true."""
    return lambda lists: counts(lists, side)[1].sum(1)


def macro_f1(lists: pl.DataFrame, k: int, facts: Facts) -> float:
    """Average the F1 of all labels that some user has."""
    right, total = (one.sum(0) for one in counts(lists, "both"))
    had = marks(lists, "true", "both").any(0)
    return float((2 * right[had] / total[had]).mean())


def resampled_macro_f1(
    halves: Halves, draws: Draws, lists: pl.DataFrame, k: int, facts: Facts
) -> np.ndarray:
    """Compute macro F1 in every draw of users; a label that nobody drawn has counts as observed."""
    right, total = counts(lists, "both")
    had = marks(lists, "true", "both").any(0)
    observed = 2 * right[:, had].sum(0) / total[:, had].sum(0)
    above, below = (draws.total(one.T[had].astype(float)) for one in (right, total))
    drawn = 2 * above / np.maximum(below, 1)
    return np.where(below > 0, drawn, observed[:, None]).mean(0)


def failures(lists: pl.DataFrame, k: int, facts: Facts) -> np.ndarray:
    """Score 1 where the grammar does not have what was said."""
    return 1.0 - lists["read"].cast(pl.Float64).to_numpy()


def tokens(lists: pl.DataFrame, k: int, facts: Facts) -> np.ndarray:
    """Count the positions of the language model's input."""
    return lists["tokens"].cast(pl.Float64).to_numpy()


def giga_flops(lists: pl.DataFrame, k: int, facts: Facts) -> np.ndarray:
    """Count the floating-point operations of a query in thousand millions."""
    return lists["flops"].to_numpy() / 1e9
