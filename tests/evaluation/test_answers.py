"""F1 of answers: by hand, against scikit-learn, and resampled like what it is."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import f1_score

from recloop.evaluation import answers, metrics, records
from recloop.evaluation.bootstrap import Draws
from recloop.evaluation.halves import Halves
from recloop.evaluation.metric import Facts


def lists(said, true, read=None, **more) -> pl.DataFrame:
    users, labels = np.shape(said)
    kind = pl.Array(pl.Boolean, labels)
    return pl.DataFrame(
        {
            "session": np.arange(users),
            "position": [1] * users,
            "read": [True] * users if read is None else read,
            "tokens": [12] * users,
            "flops": [2e9] * users,
            "said": pl.Series(np.array(said, bool).tolist(), dtype=kind),
            "true": pl.Series(np.array(true, bool).tolist(), dtype=kind),
        }
    ).with_columns(**more)


def value(rows, name):
    return metrics.value(rows, name, 0)


def test_by_hand():
    """Two users, two genres: the first half of the labels is liked, the second disliked."""
    rows = lists([[1, 0, 0, 1], [0, 0, 0, 0]], [[1, 0, 1, 0], [0, 1, 0, 1]], read=[True, False])
    assert value(rows, "MicroF1") == pytest.approx(2 * 1 / (2 + 4))
    assert value(rows, "LikedF1") == pytest.approx(2 * 1 / (1 + 2))
    assert value(rows, "DislikedF1") == 0
    assert value(rows, "UserF1") == pytest.approx((2 * 1 / 4 + 0) / 2)
    assert value(rows, "MacroF1") == pytest.approx((1 + 0 + 0 + 0) / 4)
    assert value(rows, "ParseFailures") == 0.5
    assert (value(rows, "Tokens"), value(rows, "GFLOPs")) == (12, 2)


@pytest.fixture(scope="module")
def many():
    random = np.random.default_rng(3)
    true = random.random((60, 8)) < 0.3
    true[:, 5] = False  # a label that nobody has
    said = np.where(random.random(true.shape) < 0.8, true, random.random(true.shape) < 0.5)
    return lists(said, true), said, true


def test_against_scikit_learn(many):
    rows, said, true = many
    assert value(rows, "MicroF1") == pytest.approx(f1_score(true, said, average="micro"))
    had = true.any(0)
    expected = f1_score(true[:, had], said[:, had], average="macro")
    assert value(rows, "MacroF1") == pytest.approx(expected)
    expected = f1_score(true, said, average="samples", zero_division=1.0)
    assert value(rows, "UserF1") == pytest.approx(expected)


def test_what_is_paired_has_the_metric_for_its_mean(many):
    rows, _, _ = many
    for name in ("MicroF1", "LikedF1", "DislikedF1", "UserF1"):
        scores = metrics.per_session_scores(rows, name, 0)
        assert len(scores) == 60
        assert scores.mean() == pytest.approx(value(rows, name))


def test_macro_f1_is_resampled_over_users(many):
    rows, said, true = many
    draws = Draws(60, 256)
    found = records.find("MacroF1")[0].resample(Halves(60, 128), draws, rows, 0, Facts())
    taken = np.repeat(np.arange(60), draws.weights[:, 7])
    had = true[taken].any(0) & true.any(0)
    assert had.sum() == true.any(0).sum()
    by_hand = f1_score(true[taken][:, had], said[taken][:, had], average="macro")
    assert found[7] == pytest.approx(by_hand)
    assert abs(found.mean() - value(rows, "MacroF1")) < 3 * found.std()


def test_every_metric_is_computed_and_no_answer_is_none(many):
    found = answers.judge(many[0], Path(), {}, None)
    assert found["metric"].to_list() == sorted(found["metric"])
    assert found["value"].null_count() == 0
    with pytest.raises(ValueError, match="nobody was asked"):
        answers.judge(many[0].clear(), Path(), {}, None)
