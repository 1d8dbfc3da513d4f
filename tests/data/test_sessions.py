"""Cutting by given id, by user, by gap and by count, on cases small enough to count by hand."""

from __future__ import annotations

from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recloop.data.sessions import MINUTE, SessionError, as_lists, cut, drop_repeats, keep_last

SCHEMA = {
    "given": pl.UInt32,
    "user": pl.UInt32,
    "item": pl.UInt32,
    "time": pl.Int64,
    "purchase": pl.UInt8,
}


def _events(given=None, user=None, minutes=None, items=None) -> pl.DataFrame:
    number = len(next(column for column in (given, user, minutes) if column is not None))
    columns = {
        "given": given or [None] * number,
        "user": user or [None] * number,
        "item": items or list(range(number)),
        "time": [minute * MINUTE for minute in minutes] if minutes else [None] * number,
        "purchase": [0] * number,
    }
    return pl.DataFrame(columns, schema=SCHEMA)


def _sessions(events: pl.DataFrame) -> list[list[int]]:
    return as_lists(events)["item"].to_list()


def test_given_sessions_are_kept():
    events = _events(given=[0, 0, 3, 5, 5])
    assert _sessions(cut(events, "given")) == [[0, 1], [2], [3, 4]]


def test_a_user_is_one_session_in_time():
    events = _events(given=[0, 1, 2], user=[1, 0, 1], minutes=[5, 3, 4])
    assert _sessions(cut(events, "user")) == [[1], [2, 0]]


def test_ties_of_time_keep_their_order():
    events = _events(user=[0, 0, 0], minutes=[1, 1, 1], items=[7, 5, 6])
    assert _sessions(cut(events, "user")) == [[7, 5, 6]]


def test_a_gap_cuts_when_it_is_longer():
    events = _events(user=[0, 0, 0, 1, 1], minutes=[0, 60, 121, 122, 123])
    assert _sessions(cut(events, "gap", gap_minutes=60)) == [[0, 1], [2], [3, 4]]


def test_a_count_cuts_each_user_alone_and_needs_no_times():
    events = _events(user=[0, 1, 0, 0, 1, 0, 0])
    assert _sessions(cut(events, "count", each=2)) == [[0, 2], [3, 5], [6], [1, 4]]
    assert _sessions(cut(events, "count", each=1)) == [[0], [2], [3], [5], [6], [1], [4]]


def test_the_first_of_repeated_events_is_kept():
    events = _events(given=[0, 0, 1, 1], user=[0, 0, 0, 1], minutes=[0, 1, 2, 3], items=[7] * 4)
    by_user = drop_repeats(events, "user")
    assert by_user.select("user", pl.col("time") // MINUTE).rows() == [(0, 0), (1, 3)]
    assert drop_repeats(events, "given")["given"].to_list() == [0, 1]


def test_the_last_events_are_kept():
    events = cut(_events(given=[0, 0, 0, 1, 2, 2]), "given")
    assert _sessions(keep_last(events, 2)) == [[1, 2], [3], [4, 5]]


def test_lists_are_numbered_anew_and_keep_types():
    listed = as_lists(cut(_events(given=[4, 9]), "given"))
    assert dict(listed.schema) == {
        "session": pl.Int64,
        "user": pl.UInt32,
        "item": pl.List(pl.Int32),
        "event": pl.List(pl.UInt8),
        "time": pl.List(pl.Int64),
    }
    assert listed["session"].to_list() == [0, 1]
    assert listed["time"].to_list() == [None, None]


@pytest.mark.parametrize(
    ("by", "logged"),
    [
        ("given", r"session of every event, 2 of 2 .*Cut by user or gap"),
        ("user", r"user of every event.*Cut by given"),
    ],
)
def test_what_the_source_lacks_is_told(by, logged):
    with pytest.raises(SessionError, match=logged):
        cut(_events(minutes=[1, 2]), by)


def test_a_gap_needs_times_and_minutes():
    with pytest.raises(SessionError, match="needs the time"):
        cut(_events(user=[0, 0]), "gap", gap_minutes=1)
    with pytest.raises(SessionError, match="gap_minutes: 60"):
        cut(_events(user=[0, 0], minutes=[1, 2]), "gap")


@pytest.mark.parametrize("each", [None, 0])
def test_a_count_needs_a_number(each):
    with pytest.raises(SessionError, match="events: 4"):
        cut(_events(user=[0, 0]), "count", each=each)


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 500)), min_size=1, max_size=40),
    st.integers(1, 100),
)
def test_gaps_lie_between_sessions_and_nowhere_else(visits, gap):
    users, minutes = zip(*visits, strict=True)
    events = cut(_events(user=list(users), minutes=list(minutes)), "gap", gap_minutes=gap)
    assert sorted(events["item"]) == list(range(len(visits)))
    rows = events.select("session", "user", pl.col("time") // MINUTE).rows()
    for (session, user, minute), (later, next_user, next_minute) in pairwise(rows):
        assert (session == later) == (user == next_user and next_minute - minute <= gap)
