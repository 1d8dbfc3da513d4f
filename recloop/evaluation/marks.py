"""Which test events a marked metric is about, and how much each counts: HR_purchase, NDCG_click_ips, HR_ser.

A metric is a base, HR, NDCG or MRR, and marks behind underscores. An event counts if all marks let it:

- `click`, `purchase`: the target is an ordinary event; it is one that counts as a purchase (Xin et al. SIGIR 2020).
- `new`: the target has not occurred earlier in its session.
- `ser`: the target does not occur in earlier sessions of the user, which makes it a serendipity item (HDT, S5.4.3).
- `ips`: events weigh by the inverse of their target's share of the training events, and weights are normalised to
  mean 1 (off-policy corrected NDCG: Xin et al. WSDM 2022; self-normalised: Swaminathan and Joachims. The
  Self-Normalized Estimator for Counterfactual Learning. NIPS 2015). An item that the training part never shows counts
  as shown once. The authors' code counts the whole data set; here the test part has no say in its own weights.
"""

import numpy as np
import polars as pl

from recloop.evaluation.ranking import GAINS

MARKED = ("HR", "NDCG")  # what is computed for every mark of a study
COLUMNS = {
    "click": ("purchase", False),
    "purchase": ("purchase", True),
    "new": ("repeated", False),
    "ser": ("past", False),
}
KNOWN = (*COLUMNS, "ips")
ABSENT = {
    "click": "is anything but a purchase",
    "purchase": "is a purchase",
    "new": "is new to its session",
    "ser": "is new to its user",
}


def parse(metric: str) -> tuple[str, tuple[str, ...]]:
    """Part `HR_purchase_new` into its base and its marks; a metric that takes none is its own base.

    Raises:
        ValueError: a mark that is not known.
    """
    base, *marks = metric.split("_")
    if base not in GAINS:
        return metric, ()
    if unknown := [mark for mark in marks if mark not in KNOWN]:
        raise ValueError(
            f"'{metric}' has the mark '{unknown[0]}', expected some of {', '.join(KNOWN)}."
        )
    return base, tuple(marks)


def weights(
    lists: pl.DataFrame, marks: tuple[str, ...], counts: np.ndarray | None = None
) -> np.ndarray:
    """Weigh every event, in the order of the rows: 0 where a mark leaves it out.

    Args:
        lists: with the columns `purchase`, `repeated`, `past` and `target` where marks need them.
        marks: of the metric.
        counts: training events per item, shape (items,); for `ips` only.
    """
    found = np.ones(len(lists))
    for mark in marks:
        found *= inverse_share(lists, counts) if mark == "ips" else chosen(lists, mark)
    return found


def chosen(lists: pl.DataFrame, mark: str) -> np.ndarray:
    """Mark the events that a mark is about."""
    column, wanted = COLUMNS[mark]
    if column not in lists.columns:
        raise ValueError(
            f"The mark '{mark}' needs the column '{column}', which these lists have not; rank the run anew"
            f"{' with training.users: true' if mark == 'ser' else ''}."
        )
    return lists[column].to_numpy() == wanted


def inverse_share(lists: pl.DataFrame, counts: np.ndarray | None) -> np.ndarray:
    """Divide one by the share that each target has of the training events."""
    if counts is None:
        raise ValueError("The mark 'ips' needs counts; hand over the training events per item.")
    shown = np.maximum(np.asarray(counts, dtype=float), 1.0)  # ours: never shown counts as once
    return np.sum(counts) / shown[lists["target"].to_numpy()]


def why_absent(metric: str) -> str | None:
    """Say which events a marked metric has lacked where it was asked for and not computed."""
    wanted = [ABSENT[mark] for mark in parse(metric)[1] if mark in ABSENT]
    return f"no test event has a target that {' and '.join(wanted)}" if wanted else None
