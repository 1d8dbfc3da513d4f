"""Scores of played episodes by hand, their intervals over users, and that they are of no other study."""

import numpy as np
import polars as pl
import pytest

from recloop.evaluation import metrics, records, steps
from recloop.evaluation.episodes import evaluate, judge
from recloop.evaluation.metric import NotFinite

# User 7 has two episodes, of 1 + 2 + 3 in three steps and of 5 in one; user 9 has one, of 4 + 4.
ROWS = [
    (7, 0, 1, 1.0),
    (7, 0, 2, 2.0),
    (7, 0, 3, 3.0),
    (7, 1, 1, 5.0),
    (9, 0, 1, 4.0),
    (9, 0, 2, 4.0),
]


@pytest.fixture
def lists():
    columns = {"session": pl.Int64, "episode": pl.Int32, "position": pl.Int32, "reward": pl.Float32}
    return pl.DataFrame(ROWS, schema=columns, orient="row").with_columns(item=pl.lit(0))


def test_every_metric_by_hand(lists):
    found = dict(evaluate(lists).select("metric", "value").iter_rows())
    assert found["Return"] == pytest.approx(((6 + 5) / 2 + 8) / 2)
    assert found["Length"] == pytest.approx(((3 + 1) / 2 + 2) / 2)
    assert found["AvgReward"] == pytest.approx(19 / 6)


def test_the_first_steps_alone(lists):
    assert metrics.value(lists, "Return", 2) == pytest.approx(((3 + 5) / 2 + 8) / 2)
    assert metrics.value(lists, "Length", 1) == 1.0


def test_users_are_what_is_paired(lists):
    found = {name: metrics.per_session_scores(lists, name, 0) for name in ("Return", "AvgReward")}
    assert found["Return"].tolist() == [5.5, 8.0]
    assert found["AvgReward"].mean() == pytest.approx(19 / 6)


def test_a_judge_needs_rows_alone(lists, tmp_path):
    assert judge(lists, tmp_path, {"recent": 20}, None).equals(evaluate(lists))
    with pytest.raises(ValueError, match="no episode was played"):
        evaluate(lists.clear())


def test_a_reward_that_is_no_number_stops(lists):
    wrong = lists.with_columns(reward=pl.when(pl.col("position") == 3).then(np.nan).otherwise(1.0))
    with pytest.raises(NotFinite, match="Return@0 is nan"):
        evaluate(wrong)


def test_no_other_study_asks_for_them():
    assert set(steps.NAMES) <= set(records.METRICS)
    assert not set(steps.NAMES) & set(metrics.asked(metrics.NOTHING))
