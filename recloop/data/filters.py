"""Filters by count, period, sample and repetition, in the order that a paper states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from recloop.data import sessions


class FilterError(ValueError):
    """A filter that cannot be applied, or that leaves nothing."""


def keep_frequent_items(events: pl.DataFrame, minimum: int) -> pl.DataFrame:
    """Drop the items with fewer events than `minimum`."""
    return _keep_frequent(events, "item", minimum)


def keep_long_sessions(events: pl.DataFrame, minimum: int) -> pl.DataFrame:
    """Drop the sessions with fewer events than `minimum`."""
    return _keep_frequent(events, "session", minimum)


def keep_active_users(events: pl.DataFrame, minimum: int) -> pl.DataFrame:
    """Drop the users with fewer sessions than `minimum`; a session lies in one piece."""
    if events["user"].null_count():
        raise FilterError("users needs the user of every event. Drop users from the order.")
    session, user = events["session"].to_numpy(), events["user"].to_numpy()
    first = np.flatnonzero(np.diff(session.astype(np.int64), prepend=-1))
    active = np.bincount(user[first], minlength=user.max(initial=0) + 1) >= minimum
    return events.filter(pl.Series(active[user]))


def drop_repeats(events: pl.DataFrame, cut: dict[str, Any]) -> pl.DataFrame:
    """Drop consecutive repeats and cut what is left into sessions anew."""
    whole = sessions.drop_repeats(events, cut["by"])
    return sessions.cut(whole, cut["by"], cut["gap_minutes"], cut["events"])


def sample_sessions(events: pl.DataFrame, number: int, seed: int) -> pl.DataFrame:
    """Draw `number` sessions without replacement; all of them where there are no more."""
    session = events["session"].to_numpy()
    present = np.unique(session)
    if number >= len(present):
        return events
    drawn = np.random.Generator(np.random.PCG64(seed)).permutation(present)[:number]
    chosen = np.zeros(int(present[-1]) + 1, dtype=bool)
    chosen[drawn] = True
    return events.filter(pl.Series(chosen[session]))


def keep_period(events: pl.DataFrame, start: str, end: str) -> pl.DataFrame:
    """Keep events from `start` up to but without `end`, ISO dates in UTC."""
    if events["time"].null_count():
        raise FilterError("period needs the time of every event. Drop period from the order.")
    first, last = (_milliseconds(date) for date in (start, end))
    if first >= last:
        raise FilterError(f"period [{start}, {end}] is empty. Put the earlier date first.")
    return events.filter(pl.col("time").is_between(first, last, closed="left"))


def apply(
    events: pl.DataFrame, order: Sequence[str], settings: dict[str, Any], seed: int
) -> tuple[pl.DataFrame, list[dict[str, Any]]]:
    """Filter in the stated order and tell what is left after each step.

    Args:
        events: compact events with `session`.
        order: steps out of sample, period, repeats, items, sessions, users.
        settings: sample_sessions, period, sessions (how they are cut), min_item_events,
            min_session_events, min_user_sessions and repeat, which is `once` or `until_stable`
            (items, sessions and users again until nothing changes).
        seed: of the sample.
    """
    steps = _steps(settings, seed)
    left = [_count("read", events)]
    for name in order:
        events = _do(name, steps[name], events, left)
    counted = [name for name in order if name in ("items", "sessions", "users")]
    stable = settings["repeat"] == "once"
    while not stable:
        before = events.height
        for name in counted:
            events = _do(name, steps[name], events, left)
        stable = events.height == before
    return events, left


def _steps(settings: dict[str, Any], seed: int) -> dict[str, Callable[[pl.DataFrame], Any]]:
    number, period = settings["sample_sessions"], settings["period"]
    return {
        "sample": lambda e: sample_sessions(e, number, seed) if number is not None else e,
        "period": lambda e: keep_period(e, *period) if period is not None else e,
        "repeats": lambda e: drop_repeats(e, settings["sessions"]),
        "items": lambda e: keep_frequent_items(e, settings["min_item_events"]),
        "sessions": lambda e: keep_long_sessions(e, settings["min_session_events"]),
        "users": lambda e: keep_active_users(e, settings["min_user_sessions"]),
    }


def _do(
    name: str,
    step: Callable[[pl.DataFrame], pl.DataFrame],
    events: pl.DataFrame,
    left: list[dict[str, Any]],
) -> pl.DataFrame:
    events = step(events)
    left.append(_count(name, events))
    if not events.height:
        raise FilterError(
            f"nothing is left after {_describe_steps(left)}. Lower the minima, or widen the period."
        )
    return events


def _keep_frequent(events: pl.DataFrame, column: str, minimum: int) -> pl.DataFrame:
    values = events[column].to_numpy()
    frequent = np.bincount(values) >= minimum
    return events.filter(pl.Series(frequent[values]))


def _count(step: str, events: pl.DataFrame) -> dict[str, Any]:
    sessions, items = (
        int((np.bincount(events[c].to_numpy()) > 0).sum()) for c in ("session", "item")
    )
    return {"step": step, "sessions": sessions, "items": items, "interactions": events.height}


def _describe_steps(left: list[dict[str, Any]]) -> str:
    return " -> ".join(f"{step['step']} ({step['interactions']} events)" for step in left)


def _milliseconds(date: str) -> int:
    moment = datetime.fromisoformat(str(date))
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000)
