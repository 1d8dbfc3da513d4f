"""How soon a dialogue finds its target: every metric of a turn, at every turn, from saved lists.

`SR_cold` and `NDCG@3_warm` are the same for one group of users. In all of them, k is the turn.
"""

from pathlib import Path

import polars as pl

from recloop.evaluation import records
from recloop.evaluation.metric import TURN, Facts, check_finite


def evaluate(lists: pl.DataFrame, turns: int) -> pl.DataFrame:
    """Compute every metric at every turn, for all users and, where there are several groups, for each.

    Args:
        lists: turns of dialogues, see `recloop.simulators.rollout.write`.
        turns: the last one to evaluate; turns are counted from 1.

    Returns:
        One row per metric and turn: `metric`, `k`, `value`.

    Raises:
        ValueError: no dialogues, or dialogues with fewer turns.
        NotFinite: a score that is no number.
    """
    if lists.is_empty():
        raise ValueError("There is no turn to evaluate: the lists are empty.")
    if (last := lists["position"].max()) < turns:
        raise ValueError(f"Metrics at turn {turns} are wanted, the dialogues end at turn {last}.")
    lists = lists.filter(pl.col("position").is_between(1, turns))
    names = [name for name, metric in records.METRICS.items() if metric.unit == TURN]
    gains = lists.select("position", "group", **{name: scores(lists, name) for name in names})
    found = [gains.group_by("position").agg(pl.col(names).mean())]
    groups = sorted(gains["group"].unique()) if gains["group"].n_unique() > 1 else []
    for group in groups:
        means = gains.filter(pl.col("group") == group).group_by("position")
        found.append(means.agg(pl.col(names).mean().name.suffix(f"_{group}")))
    tidy = [part.unpivot(index="position", variable_name="metric") for part in found]
    named = pl.concat(tidy).select("metric", k=pl.col("position").cast(pl.Int64), value="value")
    return named.sort("metric", "k")


def scores(lists: pl.DataFrame, name: str) -> pl.Series:
    """Score every turn of every dialogue."""
    found = records.METRICS[name].score(lists, 0, Facts())
    check_finite(found, name, None, lists)
    return pl.Series(name, found)


def judge(rows: pl.DataFrame, split: Path, evaluation: dict, vectors: Path | None) -> pl.DataFrame:
    """Compute every metric at every turn that a study about dialogues asks for; it needs rows alone."""
    return evaluate(rows, evaluation["turns"])
