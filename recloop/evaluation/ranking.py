"""How far up the list the next item stands: HR, NDCG and MRR, exact under ties.

Every event has one relevant item. Of the items, `better` score strictly higher than it and `tied` score the same
(itself included), so its rank is uniform on better + 1 .. better + tied. Each metric is its expectation over that
rank: no tie is ever broken at random or by item id, and a scorer that gives all N items one score gets HR@k = k / N.

Sources: Xin et al. SIGIR 2020 for HR and NDCG with one relevant item (ideal gain 1); McSherry & Najork. Computing
information retrieval performance measures efficiently in the presence of tied scores. ECIR 2008.
"""

from collections.abc import Callable

import numpy as np
import polars as pl

from recloop.evaluation.metric import Facts

Gain = Callable[[np.ndarray], np.ndarray]

GAINS: dict[str, Gain] = {
    "HR": np.ones_like,
    "NDCG": lambda rank: 1 / np.log2(rank + 1),
    "MRR": lambda rank: 1 / rank,
}


def expected_gain(better: np.ndarray, tied: np.ndarray, k: int, gain: Gain) -> np.ndarray:
    """Average `gain(rank)` over the ranks that ties allow; ranks below the first k gain nothing."""
    gained = np.concatenate([[0.0], np.cumsum(gain(np.arange(1.0, k + 1)))])
    first, last = np.minimum(better, k), np.minimum(better + tied, k)
    return (gained[last] - gained[first]) / tied


def per_event(lists: pl.DataFrame, metric: str, k: int) -> np.ndarray:
    """Score every event of `lists` on HR, NDCG or MRR at k, in the order of its rows."""
    if metric not in GAINS:
        raise ValueError(
            f"'{metric}' is not a score of single events; those are {', '.join(GAINS)}."
        )
    better = lists["better"].to_numpy().astype(np.int64)
    tied = lists["tied"].to_numpy().astype(np.int64)
    return expected_gain(better, tied, k, GAINS[metric])


def scores_of(metric: str) -> Callable[[pl.DataFrame, int, Facts], np.ndarray]:
    """Make the score of a record from the name of a gain."""
    return lambda lists, k, facts: per_event(lists, metric, k)
