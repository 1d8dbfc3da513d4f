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

from recloop.evaluation.ranking import per_event

Rewards = Mapping[str, float]


def of_events(lists: pl.DataFrame, k: int, rewards: Rewards | None) -> np.ndarray:
    """Give every event its reward times the chance that its target is among the first k."""
    if not rewards or "purchase" not in lists.columns:
        lacking = "rewards" if not rewards else "the column 'purchase' in the lists"
        raise ValueError(f"Reward needs {lacking}; give evaluation.rewards and rank the run anew.")
    earned = np.where(lists["purchase"].to_numpy(), rewards["purchase"], rewards["click"])
    return earned * per_event(lists, "HR", k)


def of_items(
    counts: np.ndarray | None, purchases: np.ndarray | None, rewards: Rewards | None
) -> np.ndarray:
    """Average the reward of each item over its training events, shape (items,).

    Args:
        counts: training events per item, shape (items,).
        purchases: those of them that count as purchases, shape (items,).
        rewards: of a click and of a purchase.
    """
    if counts is None or purchases is None or not rewards:
        raise ValueError("Yield needs rewards and the training events and purchases per item.")
    earned = rewards["click"] * (counts - purchases) + rewards["purchase"] * purchases
    return earned / np.maximum(counts, 1)


def why_absent(metric: str) -> str | None:
    """Say why Yield was asked for and not computed."""
    alike = "nothing was bought in training, so that all items earn alike"
    return alike if metric == "Yield" else None


def training_purchases(split: Path) -> np.ndarray:
    """Count the training events of each item that count as purchases, shape (items,)."""
    items = pl.scan_parquet(split / "items.parquet").select(pl.len()).collect().item()
    rows = pl.read_parquet(split / "train.parquet", columns=["item", "event"])
    events = rows.explode("item", "event").drop_nulls()
    bought = np.bincount(
        events["item"].to_numpy(), weights=events["event"].to_numpy(), minlength=items
    )
    return bought.astype(np.int64)
