"""Every kind of leak, put in by hand, is found."""

from __future__ import annotations

import polars as pl
import pytest

from recloop.data.leakage import LeakageError, check, report


def _part(*rows: tuple[int, list[int], list[int] | None], user: str = "a", first: int = 1):
    return pl.DataFrame(
        {
            "session": [session for session, _, _ in rows],
            "user": [user] * len(rows),
            "item": [items for _, items, _ in rows],
            "event": [[0] * len(items) for _, items, _ in rows],
            "time": [times for _, _, times in rows],
            "first_target": [first] * len(rows),
        },
        schema={
            "session": pl.Int64,
            "user": pl.String,
            "item": pl.List(pl.Int32),
            "event": pl.List(pl.UInt8),
            "time": pl.List(pl.Int64),
            "first_target": pl.Int32,
        },
    )


def _parts(**changes: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return {
        "train": _part((0, [1, 2], [0, 1]), (1, [2, 3], [2, 3])),
        "valid": _part((2, [1, 3], [4, 5])),
        "test": _part((3, [2, 1], [6, 7])),
        **changes,
    }


@pytest.mark.parametrize("by", ["session", "last_session", "time"])
def test_a_clean_split_passes(by):
    check(_parts(), by)


@pytest.mark.parametrize(
    ("by", "changes", "logged"),
    [
        ("session", {"test": _part((0, [2, 1], [6, 7]))}, "1 sessions are in train and in test"),
        ("session", {"valid": _part((3, [9], [4]))}, "1 sessions are in valid and in test"),
        (
            "session",
            {"train": _part((0, [1, 2], [0, 1]), (0, [2, 3], [2, 3]))},
            "1 session ids occur twice in train",
        ),
        ("session", {"valid": _part((2, [2, 1], [6, 7]))}, "validation equals test"),
        (
            "last_session",
            {"train": _part((0, [1, 2], [0, 9]))},
            "1 users have events in train later than a target of valid",
        ),
        (
            "time",
            {"train": _part((0, [1, 2], [5, 9]))},
            "1 sessions of train start after valid has begun",
        ),
        (
            "time",
            {"valid": _part((2, [1, 3], [8, 9]))},
            "1 sessions of valid start after test has begun",
        ),
    ],
)
def test_leaks_are_found(by, changes, logged):
    with pytest.raises(LeakageError, match=logged):
        check(_parts(**changes), by)


def test_a_users_training_may_not_outlast_the_test_in_a_split_by_time():
    overlapping = _parts(train=_part((0, [1, 2], [0, 99])))
    with pytest.raises(LeakageError, match="events in train later than a target of valid"):
        check(overlapping, "time")
    others = {name: rows.with_columns(user=pl.lit(name)) for name, rows in overlapping.items()}
    check(others, "time")


def _left_out(train: list[int], valid: list[int], test: list[int]) -> dict[str, pl.DataFrame]:
    return {
        "train": _part((0, train, None)),
        "valid": _part((0, valid, None), first=len(valid) - 1),
        "test": _part((0, test, None), first=len(test) - 1),
    }


def test_leave_one_out_may_share_ids_but_no_targets():
    check(_left_out([1, 2], [1, 2, 3], [1, 2, 3, 4]), "leave_one_out")
    with pytest.raises(LeakageError, match="1 sessions of train know the target of valid"):
        check(_left_out([1, 2, 3], [1, 2, 3], [1, 2, 3, 4]), "leave_one_out")
    with pytest.raises(LeakageError, match="know the target of test"):
        check(_left_out([1, 2], [1, 2, 9], [1, 2, 3, 4]), "leave_one_out")
    with pytest.raises(LeakageError, match="know the target of valid"):
        parts = _left_out([1, 2], [1, 2, 3], [1, 2, 3, 4])
        later = parts["train"].with_columns(time=pl.Series([[8, 9]]))
        check({**parts, "train": later}, "leave_one_out")


def test_the_report_counts_what_is_only_worth_knowing():
    parts = _parts(
        train=_part((0, [1, 2], [0, 1]), (1, [1, 2], [0, 1])),
        valid=_part((2, [1, 2], [0, 1]), (3, [1, 9], [4, 5])),
        test=_part((4, [1, 8, 9, 2], [6, 7, 8, 9])),
    )
    assert report(parts) == {
        "identical_valid_in_train": 0.5,
        "identical_test_in_train": 0.0,
        "repeated_sessions_in_train": 0.5,
        "unseen_targets_valid": 0.5,
        "unseen_targets_test": pytest.approx(2 / 3),
    }
