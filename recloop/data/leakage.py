"""Does the training part know what it must not? Checked on every split, loudly."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import polars as pl

Parts = dict[str, pl.DataFrame]


class LeakageError(ValueError):
    """A part of the data knows what another part is asked."""


def check(parts: Parts, by: str) -> dict[str, Any]:
    """Stop where the future or the test is known to training; report what is only worth knowing.

    Args:
        parts: train, valid and test, from `splits.split`.
        by: how they were parted.
    """
    _no_repeated_ids(parts)
    if by in ("leave_one_out", "given"):
        _only_earlier_items(parts)
    else:
        _no_common_ids(parts)
    _validation_is_not_test(parts)
    if by == "time":
        _no_later_start(parts)
    if by in ("last_session", "time"):
        _no_later_training(parts)
    return report(parts)


def report(parts: Parts) -> dict[str, Any]:
    """Compute the shares of held-out sessions seen in training and of unseen targets."""
    contents = {name: _contents(rows) for name, rows in parts.items()}
    return {
        **{
            f"identical_{part}_in_train": float(
                contents[part].is_in(contents["train"].implode()).mean()
            )
            for part in ("valid", "test")
        },
        "repeated_sessions_in_train": 1 - contents["train"].n_unique() / len(contents["train"]),
        **{f"unseen_targets_{part}": _unseen(parts, part) for part in ("valid", "test")},
    }


def _no_repeated_ids(parts: Parts) -> None:
    for name, rows in parts.items():
        repeated = rows.height - rows["session"].n_unique()
        _stop_if(repeated, f"{repeated} session ids occur twice in {name}")


def _no_common_ids(parts: Parts) -> None:
    for first, second in combinations(parts, 2):
        common = parts[first].join(parts[second], on="session", how="semi").height
        _stop_if(common, f"{common} sessions are in {first} and in {second}")


def _validation_is_not_test(parts: Parts) -> None:
    valid, test = (_contents(parts[name]).sort() for name in ("valid", "test"))
    _stop_if(valid.equals(test), "validation equals test")


def _only_earlier_items(parts: Parts) -> None:
    """Leave one out: what a part trains on or is given ends before the next part's target."""
    for earlier, later in (("train", "valid"), ("valid", "test")):
        both = parts[earlier].join(parts[later], on="session", suffix="_later")
        length = pl.col("item").list.len()
        differs = pl.lit(False)
        for column in ("item", "time"):
            prefix = pl.col(f"{column}_later").list.head(length)
            differs |= pl.col(column).ne_missing(prefix)
        known = length > pl.col("first_target_later")
        wrong = both.filter(known | differs).height
        _stop_if(wrong, f"{wrong} sessions of {earlier} know the target of {later}")


def _no_later_training(parts: Parts) -> None:
    """No training event of a user, where users are known, is later than a target of theirs.

    Without times, sessions are numbered in the order in which they happened.
    """
    timed = not any(rows["time"].null_count() for rows in parts.values())
    end = pl.col("time").list.max().max() if timed else pl.col("session").max()
    target = pl.col("time").list.get(1, null_on_oob=True) if timed else pl.col("session")
    for earlier, later in (("train", "valid"), ("train", "test"), ("valid", "test")):
        ends = parts[earlier].group_by("user").agg(end=end)
        asked = parts[later].select("user", asked=target)
        both = ends.join(asked, on="user").filter(pl.col("end") > pl.col("asked"))
        wrong = both["user"].n_unique()
        _stop_if(wrong, f"{wrong} users have events in {earlier} later than a target of {later}")


def _no_later_start(parts: Parts) -> None:
    """Time: every session of an earlier part starts before the first of a later part."""
    start = pl.col("time").list.first()
    for earlier, later in (("train", "valid"), ("valid", "test")):
        begins = parts[later].select(start.min()).item()
        wrong = parts[earlier].filter(start >= begins).height
        _stop_if(wrong, f"{wrong} sessions of {earlier} start after {later} has begun")


def _contents(rows: pl.DataFrame) -> pl.Series:
    return rows.select(content=pl.struct("item", "time").hash())["content"]


def _unseen(parts: Parts, part: str) -> float:
    asked = pl.col("item").list.slice(pl.col("first_target"))
    targets = parts[part].select(item=asked).explode("item")["item"].drop_nulls()
    return float((~targets.is_in(parts["train"]["item"].explode().unique().implode())).mean() or 0)


def _stop_if(wrong: object, message: str) -> None:
    if wrong:
        raise LeakageError(f"leakage: {message}. This split must not be used; nothing was written.")
