"""Which test events a filtered metric is about, and how much each counts: HR_purchase, NDCG_click_ips, HR_ser.

A metric is a base, such as HR, and filters behind underscores. An event counts if all filters let it:

- `click`, `purchase`: the target is an ordinary event; it is one that counts as a purchase (Xin et al. SIGIR 2020).
- `new`: the target has not occurred earlier in its session.
- `seen`, `unseen`: some training session shows the target; none does, so that nothing but its contents can be known.
- `ser`: the target does not occur in earlier sessions of the user, which makes it a serendipity item (HDT, S5.4.3).
- `image`, `text`, `mixed`: the user met items by pictures alone, by titles alone, by both (TransRec, S3.4.1).
- `ips`: events weigh by the inverse of their target's share of the training events, and weights are normalised to
  mean 1 (off-policy corrected NDCG: Xin et al. WSDM 2022; self-normalised: Swaminathan and Joachims. The
  Self-Normalized Estimator for Counterfactual Learning. NIPS 2015). An item that the training part never shows counts
  as shown once. The authors' code counts the whole data set; here the test part has no say in its own weights.
"""

import numpy as np
import polars as pl

INVERSE = "ips"
OF_USERS = "ser"  # asked for where earlier sessions of the users are known
COLUMNS = {
    "click": ("purchase", False),
    "purchase": ("purchase", True),
    "new": ("repeated", False),
    OF_USERS: ("past", False),
    "image": ("kind", "image"),
    "text": ("kind", "text"),
    "mixed": ("kind", "mixed"),
}
SHOWN = {"seen": True, "unseen": False}
KINDS = ("image", "text", "mixed")  # of users

COUNTED = (INVERSE, *SHOWN)  # what the training part shows how often decides
KNOWN = (*COLUMNS, *SHOWN, INVERSE)
ABSENT = {
    "click": "is anything but a purchase",
    "purchase": "is a purchase",
    "new": "is new to its session",
    OF_USERS: "is new to its user",
    "seen": "is in some training session",
    "unseen": "is in no training session",
    "image": "is of a user of pictures alone",
    "text": "is of a user of titles alone",
    "mixed": "is of a user of titles and pictures",
}


def check(metric: str, filters: tuple[str, ...]) -> tuple[str, ...]:
    """Return the filters of a metric.

    Raises:
        ValueError: a filter that is not known.
    """
    if unknown := [name for name in filters if name not in KNOWN]:
        raise ValueError(
            f"'{metric}' has the filter '{unknown[0]}', expected some of {', '.join(KNOWN)}."
        )
    return filters


def weights(
    lists: pl.DataFrame, filters: tuple[str, ...], counts: np.ndarray | None = None
) -> np.ndarray:
    """Weigh every event, in the order of the rows: 0 where a filter leaves it out.

    Args:
        lists: with the columns `purchase`, `repeated`, `past` and `target` where filters need them.
        filters: of the metric.
        counts: training events per item, shape (items,); for `ips`, `seen` and `unseen`.
    """
    found = np.ones(len(lists))
    for name in filters:
        found *= weight(lists, name, counts)
    return found


def weight(lists: pl.DataFrame, name: str, counts: np.ndarray | None) -> np.ndarray:
    """Weigh every event by one filter."""
    if name == INVERSE:
        return inverse_share(lists, counts)
    return shown(lists, counts, name) if name in SHOWN else chosen(lists, name)


def chosen(lists: pl.DataFrame, name: str) -> np.ndarray:
    """Mark the events that a filter lets through."""
    column, wanted = COLUMNS[name]
    if column not in lists.columns:
        raise ValueError(
            f"The filter '{name}' needs the column '{column}', which these lists have not; rank the run anew"
            f"{' with training.users: true' if name == OF_USERS else ''}."
        )
    return lists[column].to_numpy() == wanted


def shown(lists: pl.DataFrame, counts: np.ndarray | None, name: str) -> np.ndarray:
    """Mark the events whose target the training part shows, or never shows."""
    return (known(counts, name) > 0)[lists["target"].to_numpy()] == SHOWN[name]


def known(counts: np.ndarray | None, name: str) -> np.ndarray:
    """Return the training events per item; stop where they were not handed over."""
    if counts is None:
        raise ValueError(
            f"The filter '{name}' needs counts; hand over the training events per item."
        )
    return np.asarray(counts, dtype=float)


def inverse_share(lists: pl.DataFrame, counts: np.ndarray | None) -> np.ndarray:
    """Divide one by the share that each target has of the training events."""
    counts = known(counts, INVERSE)
    often = np.maximum(counts, 1.0)  # ours: never shown counts as once
    return np.sum(counts) / often[lists["target"].to_numpy()]


def why_absent(filters: tuple[str, ...]) -> str | None:
    """Explain which events a filtered metric has lacked where it was asked for and not computed."""
    wanted = [ABSENT[name] for name in filters if name in ABSENT]
    return f"no test event has a target that {' and '.join(wanted)}" if wanted else None
