"""Returns of MODT4R against the equations, by brute force and by hand."""

from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cosine_similarity

from recloop.models.decision import returns

sizes = st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(0, 999))
NEUTRAL = {
    "horizon": 1.0,
    "novelty_threshold": 0.5,
    "first_diversity": 1.0,
    "diversity_weight": 1.0,
}


def draw(batch, time, seed, dim=3):
    return torch.randn(batch, time, dim, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=30)
@given(sizes)
def test_returns_to_go_are_sums_of_what_is_left(drawn):
    reward = (draw(*drawn, dim=1).squeeze(-1) > 0).float()
    found = returns.to_go(reward)
    for t in range(reward.shape[1]):
        torch.testing.assert_close(found[:, t], reward[:, t:].sum(1))  # Eq. 4.4


def test_accuracy_return_counts_down_to_one_and_is_zero_on_padding():
    real = torch.tensor([[True, True, True], [True, False, False]])
    assert returns.accuracy(real).tolist() == [[3, 2, 1], [1, 0, 0]]  # Eq. 4.3


@settings(max_examples=30)
@given(sizes)
def test_similarity_is_the_mean_cosine_over_pairs(drawn):
    vectors = draw(*drawn)
    found = returns.similarity(vectors)
    for row, values in zip(vectors, found, strict=True):
        assert values[0] == 1
        for t in range(2, len(row) + 1):
            cosines = [cosine_similarity(a, b, dim=0) for a, b in combinations(row[:t], 2)]
            torch.testing.assert_close(values[t - 1], torch.stack(cosines).mean())


def test_mean_cosine_needs_a_pair():
    total, count = torch.tensor([[0.0, 0.0], [0.6, 0.8], [1.0, 1.0]]), torch.tensor([0, 1, 2])
    assert returns.mean_cosine(total, count).tolist() == [1, 1, 0]


def test_printed_diversity_return_is_one_plus_similarity():
    vectors = torch.tensor([[[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]]])
    found = returns.attainable_diversity(vectors)
    torch.testing.assert_close(found, torch.tensor([[2.0, 1.0, 1 + 1 / 3]]))  # Eq. 4.6


@settings(max_examples=30)
@given(sizes, st.integers(1, 6))
def test_observed_diversity_telescopes_the_rewards(drawn, steps):
    batch, time, seed = drawn
    steps = min(steps, time)
    vectors = draw(batch, time + 1, seed)
    real = (torch.arange(time) < steps).expand(batch, -1)
    similar = returns.similarity(vectors)
    reward = (similar[:, :-1] - similar[:, 1:]) * real  # Eq. 4.5, a_t = x_{t+1}
    found = returns.observed_diversity(real, vectors)[:, :steps]
    torch.testing.assert_close(found, returns.to_go(reward)[:, :steps], atol=1e-5, rtol=1e-4)


def ask(novel, vectors, sizes, **changes):
    prefix = torch.zeros(novel.shape, dtype=torch.long)
    return returns.Desired(**NEUTRAL | changes)(prefix, vectors, novel, sizes)


@pytest.fixture
def prefix():
    """x_1 … x_4, of which x_2 and x_4 are novel; directions right, up, right, left."""
    vectors = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [-1.0, 0.0]]])
    return torch.tensor([[True, True, False, True]]), vectors, torch.tensor([4])


def test_algorithm_2_by_hand(prefix):
    asked = ask(*prefix)
    assert asked["acc"].tolist() == [[4, 3, 2, 1]]  # Eq. 4.3 with T = p
    # a_1 … a_3 = x_2, x_3, x_4 are novel, not, novel: 2/3 of them, so a_4 is asked to be novel.
    assert asked["nov"].tolist() == [[3, 2, 2, 1]]
    # Sim of x_1: 1; of x_1, x_2: 0; of three: cosines 0, 1, 0; step 4 copies step 3 (line 11).
    torch.testing.assert_close(asked["div"], torch.tensor([[2.0, 1.0, 4 / 3, 4 / 3]]))


def test_printed_horizon_asks_for_one_action_more(prefix):
    assert ask(*prefix, horizon=2.0)["acc"].tolist() == [[5, 4, 3, 2]]  # T = p + 1


def test_lambda_scales_the_diversity_return_alone(prefix):
    plain, scaled = ask(*prefix), ask(*prefix, diversity_weight=2.0)
    torch.testing.assert_close(scaled["div"], 2 * plain["div"])
    assert torch.equal(scaled["acc"], plain["acc"])
    assert torch.equal(scaled["nov"], plain["nov"])


@pytest.mark.parametrize(("threshold", "last"), [(0.0, 1), (0.66, 1), (0.67, 0), (1.0, 0)])
def test_novelty_is_asked_for_where_the_past_was_novel_enough(prefix, threshold, last):
    asked = ask(*prefix, novelty_threshold=threshold)["nov"]
    assert asked.tolist() == [[2 + last, 1 + last, 1 + last, last]]  # Eq. 4.18


def test_first_step_has_a_return_of_its_own(prefix):
    novel, vectors, _ = prefix
    asked = ask(novel, vectors, torch.tensor([1]), first_diversity=1.25, novelty_threshold=0.0)
    assert asked["acc"].tolist() == [[1, 0, 0, 0]]
    assert asked["nov"].tolist() == [[0, 0, 0, 0]]  # no past to judge by
    assert asked["div"].tolist() == [[1.25, 0, 0, 0]]  # line 9


def test_what_is_asked_for_does_not_depend_on_padding(prefix):
    novel, vectors, _ = prefix
    short = ask(novel[:, :2], vectors[:, :2], torch.tensor([2]))
    padded = ask(novel, vectors, torch.tensor([2]))
    for name in short:
        torch.testing.assert_close(short[name], padded[name][:, :2])
        assert (padded[name][:, 2:] == 0).all()
