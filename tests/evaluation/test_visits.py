"""Metrics of sessions with users, by hand."""

import polars as pl
import pytest

from recloop.evaluation import metrics, records, shopping

# Done after 2 turns; never done in 3; done at once.
LISTS = pl.DataFrame(
    {
        "session": [0, 0, 1, 1, 1, 2],
        "position": [1, 2, 1, 2, 3, 1],
        "solved": [False, True, False, False, False, True],
        "violated": [0, 1, 0, 2, 3, 0],
    }
)


def test_metrics_are_those_counted_by_hand():
    found = {(name, k): value for name, k, value in shopping.evaluate(LISTS, 3).iter_rows()}
    assert found["Success", 1] == pytest.approx(1 / 3)
    assert found["Success", 2] == found["Success", 3] == pytest.approx(2 / 3)
    assert found["NI", 0] == pytest.approx((2 + 3 + 1) / 3)
    assert found["NV", 0] == pytest.approx((1 + 5 + 0) / 3)


def test_less_is_better_where_turns_are_counted():
    assert [records.direction(name) for name in ("Success", "NI", "NV")] == [1, -1, -1]
    assert metrics.per_session_scores(LISTS, "NI", 0).tolist() == [2.0, 3.0, 1.0]


def test_what_was_named_is_averaged_by_thing():
    rows = pl.DataFrame({"session": [0, 0, 1], "position": [1, 2, 1], "right": [1.0, 0.0, 1.0]})
    found = shopping.evaluate(rows, 3)
    assert found.rows() == [("Named", 0, pytest.approx(0.75))]


def test_no_session_is_an_error():
    with pytest.raises(ValueError, match="no session was held"):
        shopping.evaluate(LISTS.clear(), 3)
