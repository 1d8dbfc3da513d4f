"""Events cut into sessions: as the source gives them, by user, by gaps in time, or by count.

Events are a compact table, ordered as they happened: given and user (codes, null where unknown),
item (code), time (milliseconds), purchase (0 or 1); cutting adds the column `session`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

MINUTE = 60_000  # milliseconds


class SessionError(ValueError):
    """The source lacks what this way of cutting needs."""


WAYS = ("given", "user", "gap", "count")


def cut(
    events: pl.DataFrame,
    by: str,
    gap_minutes: int | float | None = None,
    each: int | None = None,
) -> pl.DataFrame:
    """Cut events and number the sessions 0, 1, ... in the order in which they lie.

    Args:
        events: compact events.
        by: given, user (one session each), gap (longer than gap_minutes) or count.
        gap_minutes: for gap, the longest pause inside a session.
        each: for count, the events of a session; the last session of a user may have fewer.
    """
    if by == "given":
        _need(events, "given", "sessions by: given", "user or gap")
        return _number(events, _changes(events["given"]))
    _need(events, "user", f"sessions by: {by}", "given")
    events = events.sort("user", "time", maintain_order=True)
    starts = _changes(events["user"])
    if by == "count":
        if each is None or each < 1:
            raise SessionError(
                f"sessions by: count has events: {each}, expected how many events make a session, "
                "for example events: 4."
            )
        starts = _places(starts) % each == 0
    if by == "gap":
        _need(events, "time", "sessions by: gap", "given or user")
        if gap_minutes is None:
            raise SessionError("sessions by: gap needs gap_minutes, for example gap_minutes: 60.")
        times = events["time"].to_numpy()
        starts[1:] |= np.diff(times) > gap_minutes * MINUTE
    return _number(events, starts)


def drop_repeats(events: pl.DataFrame, by: str) -> pl.DataFrame:
    """Keep the first of consecutive events on one item, within a user or, by given, a session."""
    whose = "given" if by == "given" else "user"
    return events.filter(pl.Series(_changes(events[whose]) | _changes(events["item"])))


def keep_last(events: pl.DataFrame, number: int) -> pl.DataFrame:
    """Keep the last events of every session, at most `number`."""
    session = events["session"].to_numpy()
    ends = np.searchsorted(session, session, side="right")
    return events.filter(pl.Series(ends - np.arange(len(session)) <= number))


def as_lists(events: pl.DataFrame) -> pl.DataFrame:
    """Turn events into one row per session, numbered 0, 1, ... by their last event where times are known.

    The parts of a given split come along, one for each event. Neighbourhood models take the order of rows for recency.
    """
    timed = events["time"].null_count() < events.height
    time = pl.col("time") if timed else pl.lit(None, pl.List(pl.Int64)).first()
    listed = events.group_by("session", maintain_order=True).agg(
        pl.col("user").first(),
        pl.col("item").cast(pl.Int32),
        pl.col("purchase").alias("event"),
        time.alias("time"),
        *(["part"] if "part" in events.columns else []),
    )
    if timed:
        listed = listed.sort(pl.col("time").list.last(), maintain_order=True)
    return listed.with_columns(session=pl.int_range(pl.len(), dtype=pl.Int64))


def _need(events: pl.DataFrame, column: str, wish: str, instead: str) -> None:
    if unknown := events[column].null_count():
        name = {"given": "session"}.get(column, column)
        raise SessionError(
            f"{wish} needs the {name} of every event, {unknown} of {events.height} events have "
            f"none. Cut by {instead} instead."
        )


def _changes(column: pl.Series) -> NDArray[Any]:
    values = column.to_numpy()
    starts = np.ones(len(values), dtype=bool)
    starts[1:] = values[1:] != values[:-1]
    return starts


def _places(starts: NDArray[Any]) -> NDArray[Any]:
    """Count from 0 on since the last start."""
    first = np.flatnonzero(starts)
    return np.arange(len(starts)) - np.repeat(first, np.diff(first, append=len(starts)))


def _number(events: pl.DataFrame, starts: NDArray[Any]) -> pl.DataFrame:
    numbers = np.cumsum(starts, dtype=np.int64) - 1
    return events.with_columns(pl.Series("session", numbers.astype(np.uint32)))
