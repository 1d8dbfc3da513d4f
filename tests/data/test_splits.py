"""Five ways to part sessions, counted by hand, and what must hold for all of them."""

from __future__ import annotations

from itertools import chain

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from recloop.data.leakage import LeakageError, check
from recloop.data.splits import WAYS, SplitError, check_targets, last_alone, split

SHARES = [0.8, 0.1, 0.1]


def _sessions(rows: list[tuple[str | None, list[int], int | None]]) -> pl.DataFrame:
    """Make sessions from user, items and start; the events of a session are one apart."""
    return pl.DataFrame(
        {
            "session": list(range(len(rows))),
            "user": [user for user, _, _ in rows],
            "item": [items for _, items, _ in rows],
            "event": [[0] * len(items) for _, items, _ in rows],
            "time": [
                None if start is None else [start + step for step in range(len(items))]
                for _, items, start in rows
            ],
        },
        schema={
            "session": pl.Int64,
            "user": pl.String,
            "item": pl.List(pl.Int32),
            "event": pl.List(pl.UInt8),
            "time": pl.List(pl.Int64),
        },
    )


def _ids(parts: dict[str, pl.DataFrame]) -> list[list[int]]:
    return [parts[name]["session"].to_list() for name in ("train", "valid", "test")]


def test_shares_of_sessions_are_exact_and_seeded():
    sessions = _sessions([(None, [number, 1, 2], None) for number in range(50)])
    parts = split(sessions, "session", SHARES, seed=3)
    assert [len(ids) for ids in _ids(parts)] == [40, 5, 5]
    assert sorted(chain(*_ids(parts))) == list(range(50))
    assert _ids(parts) == _ids(split(sessions, "session", SHARES, seed=3))
    assert _ids(parts) != _ids(split(sessions, "session", SHARES, seed=4))
    assert parts["test"]["first_target"].to_list() == [1] * 5


def test_leave_one_out_cuts_the_ends():
    parts = split(_sessions([("a", [1, 2, 3, 4], 0), ("b", [5, 6], 0)]), "leave_one_out")
    assert parts["train"]["item"].to_list() == [[1, 2], [5, 6]]
    assert parts["valid"]["item"].to_list() == [[1, 2, 3]]
    assert parts["test"]["item"].to_list() == [[1, 2, 3, 4]]
    assert parts["test"]["time"].to_list() == [[0, 1, 2, 3]]
    assert [parts[name]["first_target"].to_list() for name in parts] == [[1, 1], [2], [3]]


def test_the_last_session_of_a_user_tests():
    rows = [("a", 20), ("a", 10), ("a", 30), ("b", 20), ("b", 10), ("c", 10)]
    parts = split(_sessions([(user, [1, 2], start) for user, start in rows]), "last_session")
    assert _ids(parts) == [[1, 4, 5], [0], [2, 3]]


def test_without_times_the_last_session_is_the_last_in_order():
    users = ["a", "a", "b", "a", "b", "a", "c"]
    sessions = _sessions([(user, [1, number], None) for number, user in enumerate(users)])
    parts = split(sessions, "last_session")
    assert _ids(parts) == [[0, 1, 2, 6], [3], [4, 5]]
    check(parts, "last_session")
    parts["train"], parts["valid"] = parts["valid"], parts["train"]
    with pytest.raises(LeakageError, match="1 users have events in train later than a target of v"):
        check(parts, "last_session")


def test_times_of_some_sessions_only_are_no_order():
    sessions = _sessions([("a", [1, 2], None), ("a", [1, 2], 5), ("a", [1, 2], 9)])
    with pytest.raises(SplitError, match="last_session needs times"):
        split(sessions, "last_session")


def test_time_parts_by_the_start():
    starts = [90, 10, 20, 30, 40, 50, 60, 70, 80, 100]
    parts = split(_sessions([(None, [1, 2], start) for start in starts]), "time", SHARES)
    assert _ids(parts) == [[1, 2, 3, 4, 5, 6, 7, 8], [0], [9]]


def test_sessions_of_one_moment_stay_together():
    starts = [1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 10, 11, 11, 12, 12, 13, 13, 13, 14]
    parts = split(_sessions([(None, [1], start) for start in starts]), "time", [0.5, 0.2, 0.3])
    last, first = (starts[_ids(parts)[part][-1 if part == 0 else 0]] for part in (0, 1))
    assert last < first


def test_a_part_with_sessions_but_nothing_to_predict_stops():
    long, short = ("a", [1, 2, 3], 0), ("a", [1], 0)
    parts = {
        name: split(_sessions([long] * 10), "session", SHARES)[name] for name in ("train", "test")
    }
    parts["valid"] = _sessions([short] * 21).with_columns(first_target=pl.lit(1, pl.Int32))
    message = "validation has 21 sessions but no event to predict: raise min_session_events"
    with pytest.raises(SplitError, match=message):
        check_targets(parts, "session")
    check_targets(split(_sessions([long] * 10), "session", SHARES), "session")


def test_a_large_number_is_a_seed():
    sessions = _sessions([(None, [number, 1, 2], None) for number in range(50)])
    assert _ids(split(sessions, "session", SHARES, seed=2**80)) != _ids(
        split(sessions, "session", SHARES, seed=2**80 + 1)
    )


@pytest.mark.parametrize("shares", [None, [0.8, 0.2], [0.9, 0.1, 0.1], [1, 0, 0]])
def test_odd_shares_stop(shares):
    with pytest.raises(SplitError, match=r"expected three above 0 that sum to 1"):
        split(_sessions([(None, [1, 2], 0)] * 10), "session", shares)


@pytest.mark.parametrize(
    ("by", "user", "start", "logged"),
    [
        ("time", "a", None, "needs times"),
        ("last_session", None, 1, "needs users"),
        ("session", None, 1, "leaves valid and test empty"),
    ],
)
def test_what_the_data_do_not_allow_is_told(by, user, start, logged):
    sessions = _sessions([(user, [1, 2, 3], start)] * 2)
    with pytest.raises(SplitError, match=logged):
        split(sessions, by, SHARES)


rows = st.tuples(
    st.sampled_from("abc"),
    st.lists(st.integers(0, 9), min_size=1, max_size=6),
    st.integers(0, 50).map(lambda start: 10 * start),
)


@settings(max_examples=25)
@given(st.lists(rows, min_size=12, max_size=40, unique_by=lambda row: row[2]), st.integers(0, 9))
@pytest.mark.parametrize("by", WAYS)
def test_no_split_leaks(by, visits, seed):
    sessions = _sessions(visits)
    assume(by != "leave_one_out" or sum(len(items) >= 3 for _, items, _ in visits) > 0)
    assume(by != "last_session" or max(_count(visits).values()) > 2)
    if by == "given":
        given = [[place % 3] * len(items) for place, (_, items, _) in enumerate(visits)]
        sessions = sessions.with_columns(pl.Series("part", given, dtype=pl.List(pl.UInt8)))
    parts = split(sessions, by, [0.6, 0.2, 0.2], seed)
    assume(not parts["valid"]["item"].sort().equals(parts["test"]["item"].sort()))
    check(parts, by)
    whole = parts["train"] if by == "leave_one_out" else pl.concat(parts.values())
    assert sorted(whole["session"]) == sessions["session"].to_list()


def _count(visits: list) -> dict[str, int]:
    return {user: sum(other == user for other, _, _ in visits) for user, _, _ in visits}


def _parted(rows: list[tuple[list[int], list[int]]]) -> pl.DataFrame:
    """Make sessions of items with the part (0, 1, 2) of each."""
    sessions = _sessions([(None, items, None) for items, _ in rows])
    parts = pl.Series("part", [parts for _, parts in rows], dtype=pl.List(pl.UInt8))
    return sessions.with_columns(parts)


def test_given_parts_of_whole_sessions():
    parts = split(_parted([([1, 2], [0, 0]), ([3, 4], [1, 1]), ([5, 6, 7], [2, 2, 2])]), "given")
    assert _ids(parts) == [[0], [1], [2]]
    assert parts["test"]["first_target"].to_list() == [1]
    check(parts, "given")


def test_given_parts_of_sessions_that_go_on():
    parts = split(_parted([([1, 2, 3, 4, 5], [0, 0, 1, 2, 2]), ([6, 7], [0, 2])]), "given")
    assert parts["train"]["item"].to_list() == [[1, 2], [6]]
    assert parts["valid"]["item"].to_list() == [[1, 2, 3]]
    assert parts["valid"]["first_target"].to_list() == [2]
    assert parts["test"]["item"].to_list() == [[1, 2, 3, 4, 5], [6, 7]]
    assert parts["test"]["first_target"].to_list() == [3, 1]
    assert "part" not in parts["test"].columns
    check(parts, "given")


def test_given_parts_that_know_the_future():
    with pytest.raises(SplitError, match="1 of 2 sessions have an event of an earlier part"):
        split(_parted([([1, 2, 3], [0, 1, 0]), ([4, 5], [0, 2])]), "given")
    with pytest.raises(SplitError, match="needs the part of every event"):
        split(_sessions([(None, [1, 2], None)]), "given")


def test_the_last_event_alone_can_be_what_held_out_sessions_predict():
    parts = split(_sessions([(None, [1, 2, 3, n], n) for n in range(10)]), "session", SHARES, 1)
    last = last_alone(parts)
    assert last["train"].equals(parts["train"])
    assert {*last["valid"]["first_target"], *last["test"]["first_target"]} == {3}
    assert last["test"].drop("first_target").equals(parts["test"].drop("first_target"))
