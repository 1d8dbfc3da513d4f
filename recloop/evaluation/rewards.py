"""What recommendations earn: rewards of the log, `{click: 0.2, purchase: 1.0}`, as metrics.

- Reward is cumulative: the sum over the test events of their reward, where the target is among the first k (Xin et al.
  SIGIR 2020). Ties are broken in expectation, as for HR.
- Yield is the mean over all listed items of the reward that an item's training events had on average; an item without
  any has 0. It asks what is recommended, not whether it is what happened next: a model that is asked for more reward
  should list items that earn more. Ours.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from recloop.evaluation.catalogue import top_items
from recloop.evaluation.metric import Facts
from recloop.evaluation.ranking import per_event

Rewards = Mapping[str, float]


def of_hits(lists: pl.DataFrame, k: int, facts: Facts) -> np.ndarray:
    """Score every event with its reward times the probability that its target is among the first k."""
    if "purchase" not in lists.columns:
        raise ValueError("Reward needs the column 'purchase' in the lists; rank the run anew.")
    click, purchase = facts.rewards["click"], facts.rewards["purchase"]
    return np.where(lists["purchase"].to_numpy(), purchase, click) * per_event(lists, "HR", k)


def of_lists(lists: pl.DataFrame, k: int, facts: Facts) -> np.ndarray:
    """Average the reward of the listed items."""
    earned = of_items(facts.counts, facts.purchases, facts.rewards)
    return earned[top_items(lists, k)].mean(axis=1)


def nothing_bought(facts: Facts) -> bool:
    """Check whether no training event counts as a purchase, so that all items earn alike."""
    return not facts.purchases.any()


def of_items(counts: np.ndarray, purchases: np.ndarray, rewards: Rewards) -> np.ndarray:
    """Average the reward of each item over its training events, shape (items,).

    Args:
        counts: training events per item, shape (items,).
        purchases: those of them that count as purchases, shape (items,).
        rewards: of a click and of a purchase.
    """
    earned = rewards["click"] * (counts - purchases) + rewards["purchase"] * purchases
    return earned / np.maximum(counts, 1)


def training_purchases(split: Path) -> np.ndarray:
    """Count the training events of each item that count as purchases, shape (items,)."""
    items = pl.scan_parquet(split / "items.parquet").select(pl.len()).collect().item()
    rows = pl.read_parquet(split / "train.parquet", columns=["item", "event"])
    events = rows.explode("item", "event").drop_nulls()
    bought = np.bincount(
        events["item"].to_numpy(), weights=events["event"].to_numpy(), minlength=items
    )
    return bought.astype(np.int64)
