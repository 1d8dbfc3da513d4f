"""Sessions parted into training, validation and test.

Every part gets `first_target`, the index of the first position of a session that is predicted: 1
where whole sessions are held out, the last position where only the last item is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recloop.data.settings import PARTS

NAMES = {"train": "training", "valid": "validation", "test": "test"}
SEQUENCES = ("item", "event", "time")


class SplitError(ValueError):
    """A split that the data does not allow."""


def split(
    sessions: pl.DataFrame, by: str, shares: Sequence[int | float] | None = None, seed: int = 0
) -> dict[str, pl.DataFrame]:
    """Part sessions in one of five ways.

    Args:
        sessions: one row per session, from `sessions.as_lists`.
        by: session (random shares), leave_one_out (last item tests, the one before validates),
            last_session (of each user; in the order of their numbers where no time is known), time
            (shares by the start of sessions), given (every event comes with its part).
        shares: of training, validation and test, for session and time.
        seed: of the random shares.
    """
    if by == "leave_one_out":
        parts = _leave_one_out(sessions)
    elif by == "given":
        parts = _given(sessions)
    else:
        part = _PARTINGS[by](
            sessions, _checked(shares) if by in ("session", "time") else None, seed
        )
        parts = {name: sessions.filter(pl.Series(part == k)) for k, name in enumerate(PARTS)}
        one = pl.lit(1, pl.Int32).alias("first_target")
        parts = {name: rows.with_columns(one) for name, rows in parts.items()}
    if empty := [name for name, rows in parts.items() if not rows.height]:
        raise SplitError(
            f"split by {by} leaves {' and '.join(empty)} empty ({sessions.height} sessions). "
            "Take more sessions, other shares or another split."
        )
    return parts


def last_alone(parts: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Predict no event of a held-out session but its last one."""
    last = (pl.col("item").list.len().cast(pl.Int32) - 1).clip(1).alias("first_target")
    return {
        name: rows if name == "train" else rows.with_columns(last) for name, rows in parts.items()
    }


def check_targets(parts: dict[str, pl.DataFrame], by: str) -> None:
    """Stop where a part has sessions but none with an event that is predicted.

    Raises:
        SplitError: names the part, counts its sessions, and says what helps.
    """
    for name, rows in parts.items():
        length = pl.col("item").list.len().cast(pl.Int64)
        if not rows.select((length - pl.col("first_target")).clip(0).sum()).item():
            raise SplitError(
                f"{NAMES[name]} has {rows.height} sessions but no event to predict: raise "
                "min_session_events (with the step sessions in prepare.order), cut the events into "
                "longer sessions (sessions.gap_minutes, sessions.events), take more sessions, or "
                f"split otherwise than by {by}."
            )


def _by_session(sessions: pl.DataFrame, shares: Any, seed: int) -> NDArray[Any]:
    number = sessions.height
    held_out = [round(share * number) for share in shares[1:]]
    part = np.repeat([0, 1, 2], [number - sum(held_out), *held_out])
    return np.random.Generator(np.random.PCG64(seed)).permutation(part)


def _by_time(sessions: pl.DataFrame, shares: Any, seed: int) -> NDArray[Any]:
    starts = _times(sessions, "time", pl.col("time").list.first())
    ordered, number = np.sort(starts), len(starts)
    cuts = np.round(np.cumsum(shares)[:2] * number).astype(int).clip(0, number - 1)
    # Sessions that start in the same millisecond stay on the same side.
    return np.searchsorted(ordered[cuts], starts, side="right")


def _by_last_session(sessions: pl.DataFrame, shares: Any, seed: int) -> NDArray[Any]:
    if sessions["user"].null_count():
        raise SplitError("split by last_session needs users. Split by session or time instead.")
    start = pl.col("time").list.first()
    if sessions["time"].null_count() < sessions.height:
        _times(sessions, "last_session", start)
    from_end = pl.struct(start, "session").rank("ordinal", descending=True).over("user")
    users_sessions = pl.len().over("user")
    part = (
        pl.when((from_end == 1) & (users_sessions > 1)).then(2)
        .when((from_end == 2) & (users_sessions > 2)).then(1)
        .otherwise(0)
    )  # fmt: skip
    return sessions.select(part=part)["part"].to_numpy()


def _leave_one_out(sessions: pl.DataFrame) -> dict[str, pl.DataFrame]:
    length = pl.col("item").list.len().cast(pl.Int32)
    parted = length >= 3  # ours: shorter sequences only train
    left_out = {
        "train": pl.when(parted).then(2).otherwise(0),
        "valid": pl.lit(1),
        "test": pl.lit(0),
    }
    parts = {}
    for name, number in left_out.items():
        rows = sessions if name == "train" else sessions.filter(parted)
        kept = [pl.col(column).list.head(length - number) for column in SEQUENCES]
        rows = rows.with_columns(kept)
        first = pl.lit(1) if name == "train" else length - 1
        parts[name] = rows.with_columns(first_target=first.cast(pl.Int32))
    return parts


def _given(sessions: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Take the part of every event: a whole session is of one part, or goes on from one part to the next.

    What a session holds of earlier parts is known when its later events are predicted.
    """
    _check_given(sessions)
    counts = [pl.col("part").list.eval(pl.element() <= k).list.sum() for k in range(len(PARTS))]
    ends = sessions.select(
        c.cast(pl.Int32).alias(name) for c, name in zip(counts, PARTS, strict=True)
    )
    sessions = pl.concat([sessions.drop("part"), ends], how="horizontal")
    before, parts = pl.lit(0, pl.Int32), {}
    for name in PARTS:
        rows = sessions.filter(pl.col(name) > before)
        first = pl.max_horizontal(before, pl.lit(1, pl.Int32)).alias("first_target")
        kept = [pl.col(column).list.head(pl.col(name)) for column in SEQUENCES]
        parts[name] = rows.with_columns(first, *kept).drop(PARTS)
        before = pl.col(name)
    return parts


def _check_given(sessions: pl.DataFrame) -> None:
    if "part" not in sessions.columns or sessions["part"].explode().null_count():
        raise SplitError(
            "split by given needs the part of every event, which the source does not have."
        )
    back = sessions.filter(
        pl.col("part").list.eval(pl.element().cast(pl.Int8).diff() < 0).list.any()
    ).height
    if back:
        raise SplitError(
            f"split by given: {back} of {sessions.height} sessions have an event of an earlier part after one of a "
            "later part, so that training would know the future. Cut sessions otherwise, or split by another way."
        )


_PARTINGS = {"session": _by_session, "time": _by_time, "last_session": _by_last_session}
WAYS = (*_PARTINGS, "leave_one_out", "given")


def _checked(shares: Sequence[int | float] | None) -> Sequence[int | float]:
    if shares is None or len(shares) != 3 or abs(sum(shares) - 1) > 1e-9 or min(shares) <= 0:
        raise SplitError(
            f"shares are {shares}, expected three above 0 that sum to 1: [.8, .1, .1]."
        )
    return shares


def _times(sessions: pl.DataFrame, by: str, moment: pl.Expr) -> NDArray[Any]:
    starts = sessions.select(start=moment)["start"]
    if starts.null_count():
        raise SplitError(f"split by {by} needs times. Split by session or leave_one_out instead.")
    return starts.to_numpy()
