"""From tables to the three parts: what is written, and which settings stop."""

from __future__ import annotations

import json

import polars as pl
import pytest

from recloop.data.prepare import prepare
from recloop.data.settings import SettingError, check_settings
from recloop.data.splits import SplitError
from recloop.data.tables import Reading, as_items, write_tables

SPLIT = {"by": "session", "shares": [0.6, 0.2, 0.2]}


@pytest.fixture
def tables(tmp_path):
    """Ten sessions of the items c, a, c, b and one of rare items; every c is bought once."""
    sessions = [name for name in "abcdefghij" for _ in "cacb"] + ["k", "k"]
    rows = pl.LazyFrame(
        {
            "session": sessions,
            "item": [*("cacb" * 10), "x", "y"],
            "time": list(range(42)),
            "position": list(range(42)),
            "event": ["click", "click", "purchase", "click"] * 10 + ["click", "view"],
        },
        schema_overrides={"time": pl.Int64, "position": pl.Int64},
    )
    items = as_items(pl.DataFrame({"item": list("abcxy"), "title": list("ABCXY")}))
    write_tables(Reading(rows, items), tmp_path / "tables")
    return tmp_path / "tables"


def _prepare(tables, settings=None, split=SPLIT, seed=1, name="sessions"):
    output = tables.parent / name
    settings = {"order": ["items"], "min_item_events": 2, **(settings or {})}
    return prepare(tables, output, settings, split, seed, {"title": "letters"}), output


def test_parts_items_and_record_are_written(tables):
    record, output = _prepare(tables)
    train = pl.read_parquet(output / "train.parquet")
    assert dict(train.schema) == {
        "session": pl.Int64,
        "user": pl.String,
        "item": pl.List(pl.Int32),
        "event": pl.List(pl.UInt8),
        "time": pl.List(pl.Int64),
        "first_target": pl.Int32,
    }
    assert train["item"].to_list() == [[2, 0, 2, 1]] * 6
    assert train["event"].to_list() == [[0, 0, 1, 0]] * 6
    items = pl.read_parquet(output / "items.parquet")
    assert items.select("item", "id", "count", "title").rows() == [
        (0, "a", 6, "A"),
        (1, "b", 6, "B"),
        (2, "c", 12, "C"),
    ]
    assert record == json.loads((output / "split.json").read_text())
    assert record["counts"]["test"] == {
        "sessions": 2,
        "items": 3,
        "interactions": 8,
        "targets": 6,
    }
    assert record["source"] == {"title": "letters"}
    assert record["quarantined"] == 0
    assert record["catalogue"] == {"items": 3, "seen_in_training": 3, "unseen": 0}
    assert record["leakage"]["unseen_targets_test"] == 0


def test_the_hash_tells_content_from_content(tables):
    first, _ = _prepare(tables)
    again, _ = _prepare(tables, name="again")
    other, _ = _prepare(tables, seed=2, name="other")
    kinds, _ = _prepare(tables, {"purchases": []}, name="kinds")
    assert first["hash"] == again["hash"]
    assert len({first["hash"], other["hash"], kinds["hash"]}) == 3


def test_kinds_of_events_are_chosen(tables):
    record, output = _prepare(tables, {"events": ["click"]})
    assert record["counts"]["train"] == {
        "sessions": 6,
        "items": 3,
        "interactions": 18,
        "targets": 12,
    }
    assert pl.read_parquet(output / "items.parquet")["id"].to_list() == ["a", "b", "c"]


def test_a_part_without_an_event_to_predict_stops_and_leaves_nothing(tables):
    """Every session of letters has one purchase, so that nothing follows another purchase."""
    with pytest.raises(
        SplitError, match=r"training has 6 sessions but no event to predict: raise min"
    ):
        _prepare(tables, {"events": ["purchase"]})
    assert not (tables.parent / "sessions").exists()


def test_the_last_events_of_whole_histories_are_kept(tables):
    _, output = _prepare(tables, {"sessions": {"by": "given", "last": 2}})
    assert pl.read_parquet(output / "items.parquet")["id"].to_list() == ["b", "c"]
    assert pl.read_parquet(output / "test.parquet")["item"].to_list() == [[1, 0]] * 2


def test_sequences_without_times_become_sessions_of_users(tmp_path):
    sequences = {"ann": "aabcdabcdabce", "bob": "abcd"}
    rows = [(user, letter) for user, text in sequences.items() for letter in text]
    events = pl.LazyFrame(rows, schema=["user", "item"], orient="row").with_columns(
        position=pl.int_range(pl.len()), event=pl.lit("play")
    )
    items = as_items(pl.DataFrame({"item": list("abcde")}))
    write_tables(Reading(events, items), tmp_path / "tables")
    settings = {
        "sessions": {"by": "count", "events": 4},
        "order": ["repeats", "users"],
        "min_user_sessions": 3,
    }
    split = {"by": "last_session"}
    record = prepare(tmp_path / "tables", tmp_path / "out", settings, split, 1, {})
    parts = [pl.read_parquet(tmp_path / "out" / f"{part}.parquet") for part in record["counts"]]
    assert [part["item"].to_list() for part in parts] == [[[0, 1, 2, 3]]] * 2 + [[[0, 1, 2, 4]]]
    assert [step["sessions"] for step in record["steps"]] == [5, 4, 3]


def test_kinds_that_the_source_lacks_stop(tables):
    with pytest.raises(SettingError, match="of which the source has none"):
        _prepare(tables, {"events": ["play"]})


@pytest.mark.parametrize(
    ("settings", "split", "logged"),
    [
        ({"min_items_events": 3}, SPLIT, r"did you mean 'min_item_events'\?"),
        ({"events": ["clicks"]}, SPLIT, r"did you mean 'click'\?"),
        ({"order": ["item"]}, SPLIT, r"did you mean 'items'\?"),
        ({"sessions": {"gap_minute": 3}}, SPLIT, r"did you mean 'gap_minutes'\?"),
        ({"sessions": {"by": "users"}}, SPLIT, r"did you mean 'user'\?"),
        ({"repeat": "twice"}, SPLIT, "allowed: once, until_stable"),
        ({"min_item_events": 3}, SPLIT, "order has no step 'items'"),
        ({"min_user_sessions": 3}, SPLIT, "order has no step 'users'"),
        ({"order": ["repeat"]}, SPLIT, r"did you mean 'repeats'\?"),
        ({"sessions": {"by": "count", "gap_minutes": 60}}, SPLIT, r"Cut by: gap, or drop"),
        ({"sessions": {"events": 4}}, SPLIT, r"events does nothing .* cut by given. Cut by: count"),
        ({}, {"by": "sessions"}, r"did you mean 'session'\?"),
        ({}, {"buy": "session"}, r"did you mean 'by'\?"),
    ],
)
def test_mistyped_settings_stop_with_the_nearest(settings, split, logged):
    with pytest.raises(SettingError, match=logged):
        check_settings(settings, split)
