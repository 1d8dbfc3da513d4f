"""The bootstrap against plain loops and against the spread over fresh worlds."""

import numpy as np
import pytest

from recloop.evaluation.bootstrap import Draws, over_seeds
from recloop.evaluation.catalogue import gini


@pytest.fixture(scope="module")
def draws() -> Draws:
    return Draws(sessions=40, draws=128, seed=3)


def taken(draws: Draws, draw: int) -> np.ndarray:
    """Sessions of one draw, each as often as it was drawn."""
    return np.repeat(np.arange(draws.sessions), draws.weights[:, draw])


def test_every_draw_has_as_many_sessions_as_the_test_part(draws):
    assert (draws.weights.sum(axis=0, dtype=int) == 40).all()


def test_mean_agrees_with_a_loop(draws):
    random = np.random.default_rng(1)
    totals, sizes = random.random(40), random.integers(1, 5, 40)
    expected = [totals[taken(draws, d)].sum() / sizes[taken(draws, d)].sum() for d in range(128)]
    assert draws.mean(totals, sizes) == pytest.approx(expected)
    expected = [totals[taken(draws, d)].mean() for d in range(128)]
    assert draws.mean(totals) == pytest.approx(expected)


def test_standard_error_of_a_mean_is_right():
    scores = np.random.default_rng(4).random(400)
    error = Draws(400, 2048).mean(scores).std()
    assert error == pytest.approx(scores.std() / 20, rel=0.08)


def test_spread_of_gini_is_that_over_fresh_worlds():
    random = np.random.default_rng(2)
    session, chance = np.repeat(np.arange(100), 10), 1 / np.arange(1, 201)
    worlds = [random.choice(200, 1000, p=chance / chance.sum()) for _ in range(300)]
    truth = np.std([gini(np.bincount(item, minlength=200)) for item in worlds])
    found = [Draws(100, 256, seed=n).gini(session, worlds[n], 200).std() for n in range(10)]
    assert np.mean(found) == pytest.approx(truth, rel=0.12)


def test_draws_are_centred_on_what_was_observed():
    values = np.random.default_rng(1).random((1, 500))
    found = over_seeds(values, np.array([2.0]), np.random.default_rng(0))
    assert found.mean() == pytest.approx(2)
    assert found.std() == pytest.approx(values.std())


def test_spread_over_few_seeds_is_not_shrunk():
    random = np.random.default_rng(5)
    observed = np.array([0.1, 0.2, 0.6])
    found = over_seeds(np.zeros((3, 20000)), observed, random)
    assert found.mean() == pytest.approx(0.3, abs=0.005)
    assert found.std() == pytest.approx(observed.std(ddof=1) / np.sqrt(3), rel=0.03)


def test_same_seed_same_draws():
    assert (Draws(30, 64, seed=1).weights == Draws(30, 64, seed=1).weights).all()
    assert (Draws(30, 64, seed=1).weights != Draws(30, 64, seed=2).weights).any()
