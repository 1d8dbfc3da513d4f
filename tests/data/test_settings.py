"""Settings of `prepare` and `split`: kinds, ranges, and what goes with what; checked without any data."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recloop.data import filters, sessions, settings, splits
from recloop.data.settings import SettingError, check_dialogues, check_settings
from recloop.storage.settings import SettingsError

SPLIT = {"by": "session", "shares": [0.8, 0.1, 0.1]}
BY_ITEM = {"by": "item", "shares": [0.8, 0.1, 0.1]}
BUYING = {"users": 9, "lengths": [3, 9], "cold": 3}


def test_the_words_are_those_that_the_code_knows():
    assert settings.WAYS_TO_CUT == sessions.WAYS
    assert sorted(settings.WAYS_TO_SPLIT) == sorted(splits.WAYS)
    steps = filters._steps(check_settings({}, SPLIT)[0], 1)
    assert sorted(steps) == sorted((*settings.STEPS, "repeats"))


@pytest.mark.parametrize(
    ("prepare", "split", "message"),
    [
        ({"sample_sessions": -5, "order": ["sample"]}, SPLIT, "sample_sessions is -5, expected a whole number"),
        ({"sample_sessions": 0, "order": ["sample"]}, SPLIT, r"at least 1\) or null"),
        ({"sample_sessions": True, "order": ["sample"]}, SPLIT, "sample_sessions is True"),
        ({"sample_sessions": "10", "order": ["sample"]}, SPLIT, "sample_sessions is '10'"),
        ({"min_item_events": 2.5, "order": ["items"]}, SPLIT, "min_item_events is 2.5"),
        ({"min_user_sessions": None}, SPLIT, "min_user_sessions is None"),
        ({"sessions": {"by": "gap", "gap_minutes": -1}}, SPLIT, r"gap_minutes is -1, expected a number \(above 0\)"),
        ({"sessions": {"by": "gap", "gap_minutes": 0}}, SPLIT, "gap_minutes is 0"),
        ({"sessions": {"by": "gap", "gap_minutes": math.nan}}, SPLIT, "gap_minutes is nan"),
        ({"sessions": {"by": "gap"}}, SPLIT, "gap_minutes is missing"),
        ({"sessions": {"by": "count", "events": 2.5}}, SPLIT, "sessions.events is 2.5"),
        ({"sessions": {"by": "count"}}, SPLIT, "sessions.events is missing"),
        ({"sessions": {"by": "user", "last": 0}}, SPLIT, "sessions.last is 0"),
        ({"sessions": "user"}, SPLIT, "prepare.sessions is 'user', expected settings"),
        ({"events": "click"}, SPLIT, "prepare.events is 'click', expected a list"),
        ({"events": []}, SPLIT, "at least one of"),
        ({"period": ["2014-07-01", "2014-01-01"], "order": ["period"]}, SPLIT, "the earlier one first"),
        ({"period": ["2014-13-01", "2014-14-01"], "order": ["period"]}, SPLIT, "two dates"),
        ({"period": "2014", "order": ["period"]}, SPLIT, "two dates"),
        ({}, {"by": "leave_one_out", "shares": [0.8, 0.1, 0.1]}, "shares does nothing where split.by is leave_one_out"),
        ({}, {"by": "leave_one_out", "shares": [7, 7]}, r"shares is \[7, 7\], expected three that sum to 1"),
        ({}, {"by": "session"}, "shares is missing"),
        ({}, {"by": "session", "shares": [1, 0, 0]}, "each above 0"),
        ({}, {"by": "time", "shares": [0.8, 0.1, 0.2]}, "sum to 1"),
    ],
)  # fmt: skip
def test_impossible_numbers_and_settings_without_effect_stop(prepare, split, message):
    with pytest.raises(SettingError, match=message):
        check_settings(prepare, split)


@pytest.mark.parametrize(
    ("prepare", "split", "message"),
    [
        ({"items": 0}, BY_ITEM, "prepare.items is 0"),
        ({"simulator_share": 1.0}, BY_ITEM, "simulator_share is 1.0, expected a number"),
        ({"captions": {"by": "grammar", "train": -3}}, BY_ITEM, "captions.train is -3"),
        ({"captions": {"by": "grammar", "rates": {"vage": 1}}}, BY_ITEM, "did you mean 'vague'"),
        ({"captions": {"by": "grammar", "rates": {"vague": 2}}}, BY_ITEM, "rates.vague is 2"),
        ({"histories": BUYING | {"lengths": [9, 3]}}, {**BY_ITEM, "by": "user"}, "histories.lengths"),
        ({"histories": BUYING | {"users": 0}}, {**BY_ITEM, "by": "user"}, "histories.users is 0"),
        ({}, {"by": "released", "valid": 1}, "split.valid is 1"),
    ],
)  # fmt: skip
def test_impossible_settings_of_dialogues_stop(prepare, split, message):
    with pytest.raises(SettingsError, match=message):
        check_dialogues(prepare, split)


def test_defaults_are_filled_in():
    settings, way = check_settings({"sessions": {"by": "gap", "gap_minutes": 30.5}}, SPLIT)
    assert settings["sessions"] == {"by": "gap", "gap_minutes": 30.5, "events": None, "last": None}
    assert settings["repeat"] == "once"
    assert way == SPLIT | {"targets": "all"}
    captions = {"by": "grammar", "train": 3, "valid": 1, "test": 1, "rates": {"vague": 0.5}}
    dialogues, _ = check_dialogues({"captions": captions}, BY_ITEM)
    assert dialogues["captions"]["rates"] == {"vague": 0.5}
    assert dialogues["histories"] is None


@given(st.one_of(st.integers(), st.floats(), st.text(max_size=5), st.booleans(), st.none()))
def test_a_number_of_sessions_is_a_whole_number_above_0_or_stops(value):
    given_settings = {"sample_sessions": value, "order": ["sample"]}
    good = value is None or (type(value) is int and value >= 1)
    if good:
        assert check_settings(given_settings, SPLIT)[0]["sample_sessions"] == value
    else:
        with pytest.raises(SettingError, match=r"prepare\.sample_sessions"):
            check_settings(given_settings, SPLIT)
