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
from recloop.simulators.online import open_world
from recloop.simulators.preferences import TABLE
from recloop.simulators.telling import LEARNING
from recloop.storage import checkpoint

NORMAL = 1.96  # of a 95% interval


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
    torch.set_num_threads(threads)
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
    found = []
    for mine, true, use in zip(liked, ratings, counted, strict=True):
        wanted = (true[use, None] - true[None, use]).sign()
        same = wanted * (mine[use, None] - mine[None, use]).sign()
        if (wanted != 0).any():
            found.append((1 + same[wanted != 0].mean().item()) / 2)
    return torch.tensor(found)
