"""Accuracy of rewards and errors of readers, by hand."""

import math

import polars as pl
import pytest

from recloop.evaluation.metric import NotFinite
from recloop.evaluation.preferences import evaluate

PAIRS = pl.DataFrame(
    {
        "session": [0, 0, 1, 2],
        "position": [0, 1, 2, 3],
        "chosen": [1.0, 0.0, 2.0, 5.0],
        "rejected": [0.0, 1.0, 2.0, 3.0],
    }
)


def values(lists: pl.DataFrame) -> dict[str, float]:
    return dict(evaluate(lists).select("metric", "value").iter_rows())


def test_a_tie_is_half_a_hit():
    found = values(PAIRS)
    assert found["Accuracy"] == 2.5 / 4
    gaps = (1.0, -1.0, 0.0, 2.0)
    assert found["PairLoss"] == pytest.approx(sum(math.log1p(math.exp(-gap)) for gap in gaps) / 4)


def test_errors_are_means_over_words_and_measures():
    words = pl.DataFrame({"session": [0, 0], "position": [0, 1]})
    words = words.with_columns(measured_TRT=pl.Series([1.0, 2.0]), said_TRT=pl.Series([2.0, 5.0]))
    assert values(words) == {"MAE": 2.0, "MAE_TRT": 2.0}
    both = words.with_columns(measured_FFD=pl.lit(1.0), said_FFD=pl.lit(1.0))
    assert values(both) == {"MAE": 1.0, "MAE_TRT": 2.0, "MAE_FFD": 0.0}


def test_nothing_and_no_number_are_refused():
    with pytest.raises(ValueError, match="nothing to evaluate"):
        evaluate(PAIRS.clear())
    with pytest.raises(NotFinite, match=r"(Accuracy|PairLoss)@0 is nan"):
        evaluate(PAIRS.with_columns(chosen=pl.lit(float("nan"))))
