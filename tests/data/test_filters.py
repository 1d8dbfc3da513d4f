"""Filters by count, sample, period and repetition, once and until nothing changes."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recloop.data.filters import FilterError, apply
from recloop.data.sessions import cut

DEFAULTS = {
    "sample_sessions": None,
    "period": None,
    "min_item_events": 1,
    "min_session_events": 1,
    "min_user_sessions": 1,
    "sessions": {"by": "user", "gap_minutes": None, "events": None},
    "repeat": "once",
}
DAY = 86_400_000


def _events(*sessions: str, days: list[int] | None = None) -> pl.DataFrame:
    """Make one session per text, one item per letter."""
    rows = [(number, ord(item) - 97) for number, text in enumerate(sessions) for item in text]
    columns = {
        "session": [session for session, _ in rows],
        "item": [item for _, item in rows],
        "time": [day * DAY for day in days] if days else [None] * len(rows),
    }
    return pl.DataFrame(columns, schema={"session": pl.UInt32, "item": pl.UInt32, "time": pl.Int64})


def _filter(events: pl.DataFrame, *order: str, seed: int = 0, **settings) -> list[str]:
    left, _ = apply(events, order, {**DEFAULTS, **settings}, seed)
    texts = left.group_by("session", maintain_order=True).agg("item")["item"]
    return ["".join(chr(97 + item) for item in items) for items in texts]


MINIMA = {"min_item_events": 2, "min_session_events": 2}


def test_the_order_decides():
    events = _events("aab", "cc", "cb", "d")
    assert _filter(events, "items", "sessions", **MINIMA) == ["aab", "cc", "cb"]
    events = _events("ad", "ab", "d", "bb")
    assert _filter(events, "items", "sessions", **MINIMA) == ["ad", "ab", "bb"]
    assert _filter(events, "sessions", "items", **MINIMA) == ["a", "ab", "bb"]


def test_once_leaves_rare_items_that_until_stable_removes():
    events = _events("ab", "bc", "ac", "ad", "de", "e")
    assert _filter(events, "sessions", "items", **MINIMA) == ["ab", "bc", "ac", "ad", "d"]
    stable = _filter(events, "sessions", "items", **MINIMA, repeat="until_stable")
    assert stable == ["ab", "bc", "ac"]


def test_every_step_is_told():
    _, steps = apply(_events("aab", "c"), ["sessions"], {**DEFAULTS, **MINIMA}, 0)
    assert steps == [
        {"step": "read", "sessions": 2, "items": 3, "interactions": 4},
        {"step": "sessions", "sessions": 1, "items": 2, "interactions": 3},
    ]


def test_a_sample_is_seeded_and_whole():
    events = _events(*("abc" for _ in range(50)))
    first, _ = apply(events, ["sample"], {**DEFAULTS, "sample_sessions": 20}, 7)
    again, _ = apply(events, ["sample"], {**DEFAULTS, "sample_sessions": 20}, 7)
    other, _ = apply(events, ["sample"], {**DEFAULTS, "sample_sessions": 20}, 8)
    assert first.height == 60
    assert first["session"].n_unique() == 20
    assert first.equals(again)
    assert not first.equals(other)


def test_a_sample_larger_than_the_data_is_the_data():
    assert _filter(_events("ab", "c"), "sample", sample_sessions=9) == ["ab", "c"]


def _of_users(*users: str, each: int) -> pl.DataFrame:
    """Make one user per text, one item per letter, cut after every `each` events."""
    events = _events(*users).with_columns(pl.col("session").alias("user"), given=None)
    return cut(events, "count", each=each)


def test_users_with_few_sessions_go():
    events = _of_users("abcd", "ab", "abcde", each=2)
    assert _filter(events, "users", min_user_sessions=2) == ["ab", "cd", "ab", "cd", "e"]
    with pytest.raises(FilterError, match=r"sessions \(10 events\) -> users \(0 events\)"):
        _filter(events, "sessions", "users", min_session_events=2, min_user_sessions=3)


def test_users_lose_sessions_until_nothing_changes():
    events = _of_users("abab", "abab", "abxx", "xcca", each=2)
    order = ("items", "sessions", "users")
    minima = {**MINIMA, "min_item_events": 3, "min_user_sessions": 2}
    assert _filter(events, *order, **minima) == ["ab"] * 5 + ["xx"]
    assert _filter(events, *order, **minima, repeat="until_stable") == ["ab"] * 4


def test_repeats_go_before_sessions_are_cut():
    events = _of_users("aabbca", "aab", each=2)
    by_count = {"by": "count", "gap_minutes": None, "events": 2}
    assert _filter(events, "repeats", sessions=by_count) == ["ab", "ca", "ab"]


def test_a_period_ends_before_its_last_day():
    events = _events("abcd", days=[0, 1, 2, 3])
    assert _filter(events, "period", period=["1970-01-02", "1970-01-04"]) == ["bc"]


def test_faults_are_told():
    with pytest.raises(FilterError, match=r"read \(3 events\) -> items \(0 events\)"):
        _filter(_events("abc"), "items", min_item_events=2)
    nobody = _events("ab").with_columns(user=pl.lit(None, pl.UInt32))
    with pytest.raises(FilterError, match="users needs the user of every event"):
        _filter(nobody, "users", min_user_sessions=2)
    with pytest.raises(FilterError, match="needs the time"):
        _filter(_events("ab"), "period", period=["2012-06-01", "2012-06-08"])
    with pytest.raises(FilterError, match="earlier date first"):
        _filter(_events("a", days=[1]), "period", period=["2012-06-08", "2012-06-01"])


@settings(max_examples=25)
@given(st.lists(st.text("abcde", min_size=1, max_size=6), min_size=1, max_size=12))
def test_until_stable_leaves_only_the_frequent(texts):
    events = _events(*texts, "vwxyz" * 3)  # one session always survives
    settings = {**DEFAULTS, "min_item_events": 3, "min_session_events": 3, "repeat": "until_stable"}
    left, _ = apply(events, ["items", "sessions"], settings, 0)
    for column in ("item", "session"):
        assert left[column].value_counts()["count"].min() >= 3
    assert left.join(events, on=["session", "item"], how="anti").is_empty()
