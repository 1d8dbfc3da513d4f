"""What peers exchange, tensor by tensor, against numbers by hand, numpy and scipy."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from recloop.training import exchange

CRITERIA = exchange.CRITERIA


def weights(seed: int) -> dict[str, torch.Tensor]:
    """Three tensors with a bias and a norm, as a state lists them; the smallest entry of each differs in size."""
    torch.manual_seed(seed)
    shapes = {
        "table.weight": (9, 4),
        "norm.weight": (4,),
        "layer.weight": (4, 4),
        "layer.bias": (4,),
    }
    return {name: torch.randn(shape) * (1 + seed) for name, shape in shapes.items()}


def same(one, other) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("draw", [torch.randn, torch.rand])
def test_entropy_is_that_of_numpy_s_histogram(draw):
    weight = draw(40, 30, generator=torch.Generator().manual_seed(1))
    counts = np.histogram(weight.numpy(), bins=10)[0]
    assert exchange.entropy(weight) == pytest.approx(stats.entropy(counts), abs=1e-3)


def test_entropy_by_hand():
    assert exchange.entropy(torch.tensor([0.0, 0.0, 1.0, 1.0])) == pytest.approx(math.log(2))
    assert exchange.entropy(torch.arange(10.0)) == pytest.approx(math.log(10))
    assert exchange.entropy(torch.full((3, 3), 0.5)) == 0


@pytest.mark.parametrize("criterion", CRITERIA)
def test_equal_peers_have_equal_shares_and_change_nothing(criterion):
    own = weights(1)
    mixed, shares = exchange.layer_wise(own, own, criterion, alpha=30.0, largest=1.0)
    assert set(shares.values()) == {0.5}
    for name, one in mixed.items():
        torch.testing.assert_close(one, own[name])


def test_the_share_follows_the_more_important_tensor():
    flat, spread = (
        torch.zeros(10, 1).index_fill(0, torch.tensor([0]), 1.0),
        torch.arange(10.0)[:, None],
    )
    difference = stats.entropy([1] * 10) - stats.entropy([9, 1])
    for alpha in (0.0, 1.0, 3.0):
        found = exchange.own_share(spread, flat, "entropy", alpha, 0.8)
        assert found == pytest.approx(0.8 / (1 + math.exp(-alpha * difference)))
    norms = exchange.own_share(flat, spread, "l1", 2.0, 1.0)
    assert norms == pytest.approx(1 / (1 + math.exp(-2.0 * (1 - 45) / 46)))
    assert exchange.own_share(spread, flat, "entropy", 1e6, 1.0) == 1.0
    assert exchange.own_share(flat, spread, "entropy", 1e6, 1.0) == 0.0


@pytest.mark.parametrize("criterion", CRITERIA)
def test_both_change_by_one_snapshot_and_with_b_of_one_to_one_network(criterion):
    """The shares of both sum to b: where b is 1 each peer becomes the same mixture of both."""
    one, two = weights(1), weights(2)
    kept = {name: weight.clone() for name, weight in one.items()}
    given = {"criterion": criterion, "alpha": 5.0, "largest": 1.0}
    first, mine = exchange.layer_wise(one, two, **given)
    second, theirs = exchange.layer_wise(two, one, **given)
    assert same(one, kept)
    for name, share in mine.items():
        assert share + theirs[name] == pytest.approx(1.0)
    for name in one:
        torch.testing.assert_close(first[name], second[name])


def test_a_bias_or_norm_has_the_share_of_the_matrix_before_it():
    one, two = weights(1), weights(2)
    mixed, shares = exchange.layer_wise(one, two, "entropy", 5.0, 1.0)
    assert list(shares) == ["table.weight", "layer.weight"]
    for name, before in {"norm.weight": "table.weight", "layer.bias": "layer.weight"}.items():
        share = shares[before]
        torch.testing.assert_close(mixed[name], share * one[name] + (1 - share) * two[name])


def test_nothing_or_everything_is_copied_entry_by_entry():
    one, two = weights(1), weights(2)
    assert same(exchange.parameter_wise(one, two, 0.0), one)
    whole = exchange.parameter_wise(one, two, 1.0)
    for name, weight in whole.items():
        assert torch.equal(weight, two[name] if weight.dim() > 1 else one[name]), name


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_the_smallest_entries_are_the_peer_s_noise_or_zero(share):
    one, two = weights(1), weights(2)
    ways = {
        "peer": exchange.parameter_wise(one, two, share),
        "noise": exchange.noisy(one, share, 0.05),
        "zero": exchange.pruned(one, share),
    }
    for name, weight in one.items():
        small = weight.abs() < np.quantile(weight.abs().numpy(), share)
        if weight.dim() == 1:
            assert all(torch.equal(way[name], weight) for way in ways.values())
            continue
        for way in ways.values():
            assert torch.equal(way[name] != weight, small)
        assert torch.equal(ways["peer"][name][small], two[name][small])
        assert not ways["zero"][name][small].any()


def test_noise_falls_by_its_schedule():
    found = [exchange.noise_deviation(epoch, 0.05, 30) for epoch in (0, 29, 30, 59, 60)]
    assert found == pytest.approx([0.05, 0.05, 0.0025, 0.0025, 0.000125])
    torch.manual_seed(0)
    zeros = {"table": torch.zeros(200, 200)}
    assert exchange.noisy(zeros, 1.0, 0.05)["table"].std().item() == pytest.approx(0.05, rel=0.02)


def test_cosine_is_over_all_weights_together():
    one, two = weights(1), weights(2)
    flat = [torch.cat([weight.flatten() for weight in way.values()]) for way in (one, two)]
    assert exchange.cosine(one, two) == pytest.approx(
        torch.cosine_similarity(*flat, dim=0).item(), abs=1e-6
    )
    assert exchange.cosine(one, one) == pytest.approx(1.0)
    assert exchange.cosine({}, {}) == 0.0
