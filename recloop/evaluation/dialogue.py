"""How soon a dialogue finds its target: SR, NDCG@3 and NDCG@10 at every turn, from saved lists.

One row of `lists` is one turn of one dialogue. SR counts the dialogues whose target was shown by that turn. NDCG goes
by rank, which is 1 from the turn after the target was shown (Wu et al. RecSys 2021, released code); the rows say that
by `tied` = 0. Before it, the rank is exact under ties, see `recloop.evaluation.ranking`; a list that was drawn by
chance counts as the top of a ranking drawn by chance.

`SR_cold` and `NDCG@3_warm` are the same for one group of users. In all of them, k is the turn.
"""

import numpy as np
import polars as pl

from recloop.evaluation.ranking import GAINS, expected_gain

METRICS = ("SR", "NDCG@3", "NDCG@10")


def evaluate(lists: pl.DataFrame, turns: int) -> pl.DataFrame:
    """Compute every metric at every turn, for all users and, where there are several groups, for each.

    Args:
        lists: turns of dialogues, see `recloop.simulators.rollout.write`.
        turns: the last one to evaluate; turns are counted from 1.

    Returns:
        One row per metric and turn: `metric`, `k`, `value`.
    """
    if lists.is_empty():
        raise ValueError("There is no turn to evaluate: the lists are empty.")
    if (last := lists["position"].max()) < turns:
        raise ValueError(f"Metrics at turn {turns} are wanted, the dialogues end at turn {last}.")
    gains = lists.select("position", "group", **{name: gain(lists, name) for name in METRICS})
    gains = gains.filter(pl.col("position").is_between(1, turns))
    found = [gains.group_by("position").agg(pl.col(METRICS).mean())]
    groups = sorted(gains["group"].unique()) if gains["group"].n_unique() > 1 else []
    for group in groups:
        means = gains.filter(pl.col("group") == group).group_by("position")
        found.append(means.agg(pl.col(METRICS).mean().name.suffix(f"_{group}")))
    tidy = [part.unpivot(index="position", variable_name="metric") for part in found]
    named = pl.concat(tidy).select("metric", k=pl.col("position").cast(pl.Int64), value="value")
    return named.sort("metric", "k")


def is_dialogue(metric: str) -> bool:
    """Say whether a metric is one of dialogues, for all users or for a group."""
    return metric.partition("_")[0] in METRICS


def counted(lists: pl.DataFrame, metric: str, turn: int) -> pl.DataFrame:
    """Give the rows that a metric at a turn is about."""
    group = metric.partition("_")[2]
    rows = lists.filter(pl.col("position") == turn)
    return rows.filter(pl.col("group") == group) if group else rows


def per_event(lists: pl.DataFrame, metric: str, turn: int) -> np.ndarray:
    """Score the dialogues that a metric at a turn is about, in the order of their rows."""
    return gain(counted(lists, metric, turn), metric.partition("_")[0]).to_numpy()


def gain(lists: pl.DataFrame, metric: str) -> pl.Series:
    """Score every turn of every dialogue."""
    name, _, cutoff = metric.partition("@")
    if metric not in METRICS:
        raise ValueError(f"'{metric}' is not a score of a turn; those are {', '.join(METRICS)}.")
    if name == "SR":
        return lists["solved"].cast(pl.Float64).alias(metric)
    better = lists["better"].to_numpy().astype(np.int64)
    tied = lists["tied"].to_numpy().astype(np.int64)
    return pl.Series(metric, expected_gain(better, np.maximum(tied, 1), int(cutoff), GAINS[name]))
