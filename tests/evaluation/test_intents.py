"""Measures of intents against those of scikit-learn, and what they say of lists."""

import numpy as np
import polars as pl
import pytest
from sklearn import metrics as known
from sklearn.linear_model import LogisticRegression

from recloop.evaluation import intents

RANDOM = np.random.default_rng(3)


@pytest.fixture
def labels():
    one = RANDOM.integers(0, 4, 300)
    other = np.where(RANDOM.random(300) < 0.6, one, RANDOM.integers(0, 5, 300))
    return one, other


def test_the_adjusted_rand_index_is_scikit_learn_s(labels):
    assert intents.adjusted_rand(*labels) == pytest.approx(known.adjusted_rand_score(*labels))
    assert intents.adjusted_rand(labels[0], 3 - labels[0]) == pytest.approx(1)
    assert intents.adjusted_rand(labels[0], np.zeros(300, int)) == 0
    chance = [intents.adjusted_rand(labels[0], RANDOM.permutation(labels[0])) for _ in range(200)]
    assert np.mean(chance) == pytest.approx(0, abs=0.003)


def test_mutual_information_is_scikit_learn_s(labels):
    wanted = known.mutual_info_score(*labels) / np.log(2)
    assert intents.mutual_information(*labels) == pytest.approx(wanted)


def test_the_area_under_the_curve_is_scikit_learn_s():
    scores, marks = RANDOM.integers(0, 9, 200), RANDOM.random(200) < 0.3
    assert intents.area_under_curve(scores, marks) == pytest.approx(
        known.roc_auc_score(marks, scores)
    )


def test_the_probe_is_a_logistic_regression_on_sessions_not_seen():
    points, sessions = RANDOM.normal(size=(400, 3)), np.repeat(np.arange(100), 4)
    marks = points[:, 0] + RANDOM.normal(size=400) > 0.5
    fit = sessions % 2 == 0
    learnt = LogisticRegression(C=1 / (fit.sum() * intents.RIDGE)).fit(points[fit], marks[fit])
    wanted = known.roc_auc_score(marks[~fit], learnt.decision_function(points[~fit]))
    assert intents.probe(points, marks, sessions) == pytest.approx(wanted, abs=0.01)
    assert intents.probe(points, np.zeros(400, bool), sessions) is None


def test_clusters_find_what_is_apart_and_take_what_is_alike():
    label = RANDOM.integers(0, 4, 200)
    points = 9 * np.eye(4)[label] + RANDOM.normal(size=(200, 4))
    assert intents.adjusted_rand(intents.clusters(points), label) == pytest.approx(1)
    assert intents.clusters(np.ones((5, 2))).tolist() == [0] * 5


def lists(**columns) -> pl.DataFrame:
    rows = 120
    found = {
        "session": np.repeat(np.arange(30), 4),
        "purchase": RANDOM.random(rows) < 0.5,
        "repeated": RANDOM.random(rows) < 0.5,
        "alike": RANDOM.random(rows) < 0.5,
    }
    return pl.DataFrame(found | columns)


def vectors(values: np.ndarray) -> pl.Series:
    return pl.Series(values.astype(np.float32), dtype=pl.Array(pl.Float32, values.shape[1]))


def test_lists_without_intents_have_no_measures():
    assert intents.measures(lists()) == {}


def test_a_deterministic_intent_has_no_divergence_and_a_real_log_no_truth():
    points = vectors(RANDOM.normal(size=(120, 3)))
    found = intents.measures(lists(intent=points))
    assert set(found) == {"MI", "AUC_purchase", "AUC_repeated", "AUC_alike"}
    unknown = intents.measures(
        lists(intent=points, planted=pl.Series([None] * 120, dtype=pl.Int64))
    )
    assert "ARI" not in unknown


def test_a_start_whose_cluster_goes_empty_is_left_out(monkeypatch):
    points, tried = np.arange(12.0)[:, None], []

    def fails(points, number, seed, **given):
        tried.append((number, seed))
        if number > 2 or seed:
            raise intents.ClusterError("One of the clusters is empty")
        return np.array([[2.5], [8.5]]), (points[:, 0] > 5).astype(int)

    monkeypatch.setattr(intents, "kmeans2", fails)
    assert intents.clusters(points, 3).tolist() == [0] * 6 + [1] * 6
    assert len(tried) == 2 * intents.STARTS


def test_planted_intents_are_recovered_where_they_are():
    planted = RANDOM.integers(0, 4, 120)
    told = vectors(np.eye(4)[planted] + 0.01 * RANDOM.normal(size=(120, 4)))
    nothing = vectors(0.001 * RANDOM.normal(size=(120, 4)))
    found = intents.measures(
        lists(
            intent=nothing,
            posterior=told,
            planted=planted,
            elbo=np.full(120, -2.0),
            kl=np.full(120, 0.5),
        )
    )
    assert found["ARI_posterior"] == pytest.approx(1)
    assert abs(found["ARI"]) < 0.1
    assert (found["active"], found["ELBO"], found["KL"]) == (4, -2, 0.5)
    assert set(found) <= set(intents.DESCRIPTIONS)
