"""Adapters by hand: what they resample to, what padding and order do, attention against torch's own."""

import pytest
import torch
from torch import nn

from recloop.models.tastes import adapters

WIDTH, DIM, PLACES, USERS = 8, 6, 5, 3
SIZES = {"width": WIDTH, "dim": DIM, "places": PLACES}
KINDS = {
    "mlp": (adapters.MLP, {"hidden": 7}),
    "pooled": (adapters.MLP, {"hidden": 7, "soft": 2}),
    "transformer": (adapters.Transformer, {"layers": 1, "heads": 2, "soft": 2}),
    "uem": (adapters.Transformer, {"layers": 1, "heads": 2}),
    "perceiver": (adapters.Perceiver, {"blocks": 2, "heads": 2, "soft": 2}),
    "constant": (adapters.Constant, {"soft": 2}),
}
each = pytest.mark.parametrize("kind", KINDS)


def make(kind, **changes):
    torch.manual_seed(1)
    cls, settings = KINDS[kind]
    return cls(**SIZES | settings | changes).eval()


@pytest.fixture
def states():
    return torch.randn(USERS, PLACES, WIDTH, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def known():
    found = torch.ones(USERS, PLACES, dtype=torch.bool)
    found[1, :2] = False
    return found


@each
def test_as_many_soft_tokens_as_are_asked_for(kind, states, known):
    soft, real = make(kind)(states, known)
    number = PLACES if kind in ("mlp", "uem") else 2
    assert soft.shape == (USERS, number, DIM)
    assert real.sum(1).tolist() == ([5, 3, 5] if number == PLACES else [2, 2, 2])


@each
def test_what_is_no_interaction_changes_nothing(kind, states, known):
    adapter, other = make(kind), states.clone()
    other[1, :2] = 100.0
    one, two = adapter(states, known)[0], adapter(other, known)[0]
    real = adapter(states, known)[1]
    assert torch.allclose(one[real], two[real], atol=1e-5)


@each
def test_users_do_not_see_one_another(kind, states, known):
    adapter, order = make(kind), torch.tensor([2, 0, 1])
    one, two = adapter(states, known)[0], adapter(states[order], known[order])[0]
    assert torch.allclose(one[order], two, atol=1e-5)


@pytest.mark.parametrize("kind", ["pooled", "transformer", "perceiver"])
def test_order_is_told_by_places_alone(kind, states):
    known = torch.ones(USERS, PLACES, dtype=torch.bool)
    turned = states.flip(1)
    found = {
        told: [make(kind, positions=told)(one, known)[0] for one in (states, turned)]
        for told in (True, False)
    }
    assert not torch.allclose(*found[True], atol=1e-3)
    if kind != "pooled":  # means of neighbours have an order of their own
        assert torch.allclose(*found[False], atol=1e-5)


def test_a_short_history_has_the_places_of_the_latest_interactions(states):
    """Cutting empty places off, as batches do, moves nothing."""
    adapter, known = make("mlp"), torch.zeros(USERS, PLACES, dtype=torch.bool)
    known[:, 2:] = True
    whole = adapter(states, known)[0][:, 2:]
    assert torch.allclose(whole, adapter(states[:, 2:], known[:, 2:])[0], atol=1e-6)


def test_means_of_neighbours_by_hand():
    found = torch.tensor([[[1.0], [2.0], [3.0], [4.0], [5.0]]])
    known = torch.tensor([[False, True, True, True, True]])
    soft, real = adapters.pooled(found, known, 2)
    assert soft.flatten().tolist() == [
        2.5,
        4.5,
    ]  # places 0 to 2, of which the first is none, and 3 to 4
    soft, real = adapters.pooled(found, torch.tensor([[False, False, False, True, True]]), 2)
    assert real.tolist() == [[False, True]]


def test_perceiver_by_hand(states, known):
    """Two blocks written out with softmax and matrix products."""
    model = make("perceiver", heads=1)
    inputs = (states + model.place) * known[:, :, None]
    latents = model.latents.expand(USERS, -1, -1)
    for block in model.blocks:
        asked = block.norms[0](latents)
        latents = latents + attended(block.cross, asked, inputs, known)
        asked = block.norms[1](latents)
        latents = latents + attended(block.own, asked, asked)
        latents = latents + block.think(block.norms[2](latents))
    soft, real = model(states, known)
    assert real.all()
    assert torch.allclose(soft, model.out(latents), atol=1e-5)


def attended(layer: nn.MultiheadAttention, asked, inputs, known=None):
    """Attention of one head: softmax(q k / sqrt(d)) v."""
    weights = zip(layer.in_proj_weight.chunk(3), layer.in_proj_bias.chunk(3), strict=True)
    q, k, v = (one @ w.T + b for one, (w, b) in zip((asked, inputs, inputs), weights, strict=True))
    scores = q @ k.transpose(1, 2) / WIDTH**0.5
    if known is not None:
        scores = scores.masked_fill(~known[:, None], -torch.inf)
    return layer.out_proj(scores.softmax(2) @ v)


def test_nobody_is_told_apart_without_a_history(states, known):
    soft, _ = make("constant")(states, known)
    assert torch.equal(soft[0], soft[1])
