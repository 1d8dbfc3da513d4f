"""What a judge of preferences knows: how far it orders items as users rate them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import polars as pl
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from recloop.data.ratings import read_ratings
from recloop.evaluation.run import tidy
from recloop.fitting import processor
from recloop.simulators.online import open_world
from recloop.simulators.preferences import TABLE
from recloop.simulators.telling import LEARNING
from recloop.storage import checkpoint

NORMAL = 1.96  # of a 95% interval
TOGETHER = 1 << 22  # pairs of items that are compared at once


def measure_preferences(
    sessions: Path,
    tables: Path,
    settings: dict,
    identity: dict,
    output: Path,
    preferences: Path | None = None,
    threads: int = 1,
) -> None:
    """Hold a judge of preferences against what users rate.

    Args:
        sessions: folder of a split of users.
        tables: folder of the tidy tables with their ratings.
        settings: of the judge as an environment.
        identity: study, dataset, source, stand_in, tier, model (the judge's name) and seed.
        output: parquet file of tidy results: `agreement` with its 95% interval over users (0.5 is chance), and `liked`,
            the share of items that users are said to like.
        preferences: folder of what a language model told; items of the histories that it was told do not count.
        threads: of the processor.
    """
    processor.use(threads)
    data = {"sessions": sessions, "tables": tables}
    data |= {"preferences": preferences} if preferences else {}
    judge = open_world(data, LEARNING, settings, episodes=1, memory=1)
    ratings = torch.from_numpy(read_ratings(sessions, tables, LEARNING))[: len(judge.ratings)]
    counted = torch.ones_like(ratings, dtype=torch.bool)
    if preferences:
        counted = ~checkpoint.load(preferences / TABLE)[0]["history"]
    found = agreement(judge.ratings.cpu(), ratings, counted)
    mean, error = found.mean().item(), found.std().item() / math.sqrt(len(found))
    values = {"agreement": mean}
    values |= {"agreement (low)": mean - NORMAL * error, "agreement (high)": mean + NORMAL * error}
    values |= {"liked": (judge.ratings > 0).float().mean().item()}
    rows = [{"metric": name, "k": 0, "value": value} for name, value in values.items()]
    split = json.loads((sessions / "split.json").read_text())["hash"]
    output.parent.mkdir(parents=True, exist_ok=True)
    tidy(pl.DataFrame(rows), identity | {"split": split}).write_parquet(output)


def agreement(
    liked: Float[Tensor, "user item"],
    ratings: Float[Tensor, "user item"],
    counted: Bool[Tensor, "user item"],
) -> Float[Tensor, " counted"]:
    """Return the share of pairs of items with different ratings that a judge orders alike; a tie counts half.

    Users without such a pair are left out.
    """
    users, items = counted.nonzero(as_tuple=True)
    totals = torch.zeros(2, len(liked), dtype=torch.float64)
    for part in torch.arange(len(users)).split(max(1, TOGETHER // liked.shape[1])):
        user, item = users[part], items[part]
        wanted = (ratings[user, item, None] - ratings[user]).sign() * counted[user]
        alike = wanted * (liked[user, item, None] - liked[user]).sign()
        totals.index_add_(1, user, torch.stack([alike.sum(1), wanted.abs().sum(1)]).double())
    alike, pairs = totals[:, totals[1] > 0].float()
    return (1 + alike / pairs) / 2
