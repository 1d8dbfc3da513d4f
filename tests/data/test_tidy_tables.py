"""What a reader may return, and what is stored of it."""

from __future__ import annotations

import json

import polars as pl
import pytest

from recloop.data import tables
from recloop.data.tables import INTERACTIONS, Reading, TableError, as_items, write_tables
from recloop.storage.files import PlaceError


def _events(**changes) -> pl.LazyFrame:
    columns = {
        "user": ["b", "a", "a"],
        "item": ["x", "y", "x"],
        "time": [3, 2, 1],
        "position": [1, 2, 3],
        "event": ["view", "view", "cart"],
        **changes,
    }
    known = {name: values for name, values in columns.items() if values is not None}
    schema = {name: INTERACTIONS.get(name, pl.String) for name in known}
    return pl.LazyFrame(known, schema=schema)


ITEMS = as_items(pl.DataFrame({"item": ["x", "y"]}))


def test_tables_are_sorted_complete_and_counted(tmp_path):
    counts = write_tables(Reading(_events(), ITEMS), tmp_path)
    stored = pl.read_parquet(tmp_path / "interactions.parquet")
    assert dict(stored.schema) == INTERACTIONS
    assert stored.select("user", "time").rows() == [("a", 1), ("a", 2), ("b", 3)]
    assert counts == json.loads((tmp_path / "read.json").read_text())
    assert counts["events"] == {"cart": 1, "view": 2}
    assert (counts["rows"], counts["users"], counts["sessions"], counts["items"]) == (3, 2, 0, 2)


def test_sorting_range_by_range_changes_nothing(tmp_path, monkeypatch):
    number = 5_000
    users = [str(place * 7919 % 997) for place in range(number)]
    events = _events(
        user=users,
        item=["x"] * number,
        time=list(range(number)),
        position=list(range(number)),
        event=["view"] * number,
    )
    write_tables(Reading(events, ITEMS), tmp_path / "whole")
    monkeypatch.setattr(tables, "ROWS_AT_ONCE", 600)
    write_tables(Reading(events, ITEMS), tmp_path / "pieces")
    whole, pieces = (
        pl.read_parquet(tmp_path / name / "interactions.parquet") for name in ("whole", "pieces")
    )
    assert whole.equals(pieces)
    assert sorted(path.name for path in (tmp_path / "pieces").iterdir()) == [
        "interactions.parquet",
        "items.parquet",
        "quarantine.parquet",
        "read.json",
    ]


@pytest.mark.parametrize(
    ("changes", "logged"),
    [
        ({"item": None}, "item is absent, expected String"),
        ({"colour": ["red"] * 3}, "colour is String, expected absent"),
    ],
)
def test_other_columns_stop(tmp_path, changes, logged):
    with pytest.raises(TableError, match=logged):
        write_tables(Reading(_events(**changes), ITEMS), tmp_path)


def test_another_type_stops(tmp_path):
    events = _events().with_columns(pl.col("time").cast(pl.Float64))
    with pytest.raises(TableError, match="time is Float64, expected Int64"):
        write_tables(Reading(events, ITEMS), tmp_path)


@pytest.mark.parametrize(
    ("changes", "logged"),
    [
        ({"event": ["view", "look", "cart"]}, "unknown_event 1"),
        ({"user": ["a", None, "b"]}, "nobody 1"),
        ({"time": [-1, 2, 3]}, "before_1970 1"),
        ({"item": ["x", "y", "z"]}, "unknown_items 1"),
        ({"item": ["x", "y", None]}, "no_item 1"),
        ({"time": [3, None, 1]}, "rows_without_time_beside_others_with_it 1"),
        ({"user": ["a", "b ", "c"]}, "blanks_around_user 1"),
        ({"rating": [1.0, float("nan"), float("inf")]}, "rating_not_finite 2"),
        ({"session": ["s", "s", "t"]}, r"session s has events of 2 users; 1 sessions are shared"),
    ],
)
def test_impossible_values_stop_and_leave_nothing(tmp_path, changes, logged):
    with pytest.raises(TableError, match=logged):
        write_tables(Reading(_events(**changes), ITEMS), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_item_described_twice_stops(tmp_path):
    with pytest.raises(TableError, match="repeated_items 1"):
        write_tables(Reading(_events(), pl.concat([ITEMS, ITEMS.head(1)])), tmp_path)


def test_exact_repetitions_are_counted_and_kept(tmp_path):
    events = _events(user=["a"] * 3, item=["x"] * 3, time=[1, 1, 2], event=["view"] * 3)
    counts = write_tables(Reading(events, ITEMS), tmp_path)
    assert (counts["rows"], counts["duplicates"]) == (3, 1)


def test_without_times_nothing_is_an_exact_repetition(tmp_path):
    events = _events(user=["a"] * 3, item=["x"] * 3, time=None, event=["view"] * 3)
    counts = write_tables(Reading(events, ITEMS), tmp_path)
    assert (counts["duplicates"], counts["times"]) == (0, None)


def test_a_full_disk_names_the_folder(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError("No space left on device (os error 28)")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(PlaceError, match=r"tables: disk full, [\d,]+ bytes are free"):
        write_tables(Reading(_events(), ITEMS), tmp_path / "tables")
