"""The output layer against torch's own cross-entropy."""

import pytest
import torch
from torch.nn.functional import cross_entropy, linear

from recloop.models import catalogue
from recloop.models.catalogue import Catalogue

ROWS, DIM, ITEMS = 23, 5, 11


@pytest.fixture
def world():
    torch.manual_seed(0)
    layer = Catalogue(DIM, ITEMS).double()
    states = torch.randn(ROWS, DIM, dtype=torch.double, requires_grad=True)
    return layer, states, torch.randint(ITEMS, (ROWS,)), torch.rand(ROWS, dtype=torch.double)


def gradients(loss, layer, states):
    return torch.autograd.grad(loss, [states, layer.weight, layer.bias])


@pytest.mark.parametrize("rows", [1, 2, 7, 22, 23, 24])
@pytest.mark.parametrize("weighted", [False, True])
def test_loss_and_gradients_are_those_of_torch_at_every_chunk_size(
    world, monkeypatch, rows, weighted
):
    layer, states, targets, weights = world
    monkeypatch.setitem(catalogue.CHUNK, "cpu", rows * ITEMS)
    monkeypatch.setattr(catalogue, "FEWEST", 1)
    plain = cross_entropy(layer(states), targets, reduction="none")
    plain = (plain * weights).mean() if weighted else plain.mean()
    ours = layer.loss(states, targets, weights if weighted else None)
    torch.testing.assert_close(ours, plain)
    # Half of it, so that the slope from above counts.
    pairs = zip(
        gradients(ours / 2, layer, states), gradients(plain / 2, layer, states), strict=True
    )
    for found, expected in pairs:
        torch.testing.assert_close(found, expected)


def test_a_second_weight_may_hang_on_the_chance_of_the_target(world, monkeypatch):
    monkeypatch.setitem(catalogue.CHUNK, "cpu", 4 * ITEMS)
    monkeypatch.setattr(catalogue, "FEWEST", 1)
    layer, states, targets, weights = world
    with torch.no_grad():
        chances = layer(states).softmax(1).gather(1, targets[:, None]).squeeze(1)
    whole = layer.loss(states, targets, weights * chances * targets)
    found = layer.loss(states, targets, weights, lambda generator, items: generator * items)
    torch.testing.assert_close(found, whole)
    pairs = zip(gradients(found, layer, states), gradients(whole, layer, states), strict=True)
    for ours, expected in pairs:
        torch.testing.assert_close(ours, expected)


def test_mean_square_is_that_of_all_scores(world):
    layer, states, _, _ = world
    plain, ours = layer(states).square().mean(), layer.mean_square(states)
    torch.testing.assert_close(ours, plain)
    pairs = zip(gradients(ours, layer, states), gradients(plain, layer, states), strict=True)
    for found, expected in pairs:
        torch.testing.assert_close(found, expected)


def test_gradients_agree_with_finite_differences(world):
    layer, states, targets, weights = world

    def loss(states, weight, bias):
        return catalogue._CrossEntropy.apply(states, weight, bias, targets, weights)

    assert torch.autograd.gradcheck(loss, (states, layer.weight, layer.bias))


def test_loss_holds_one_chunk_of_scores_however_many_rows(monkeypatch):
    monkeypatch.setitem(catalogue.CHUNK, "cpu", 3 * ITEMS)
    monkeypatch.setattr(catalogue, "FEWEST", 1)
    held, softmax = [], torch.softmax

    def spy(*inputs, **keywords):
        held.append(softmax(*inputs, **keywords))
        return held[-1]

    monkeypatch.setattr(torch, "softmax", spy)
    layer, states = Catalogue(DIM, ITEMS), torch.randn(ROWS, DIM)
    layer.loss(states, torch.zeros(ROWS, dtype=torch.long))
    assert max(len(scores) for scores in held) == 3
    assert sum(len(scores) for scores in held) == ROWS
    assert len({scores.data_ptr() for scores in held}) == 1  # the same memory again


def test_a_chunk_has_at_least_one_row(monkeypatch, world):
    layer, states, targets, _ = world
    monkeypatch.setitem(catalogue.CHUNK, "cpu", 1)
    monkeypatch.setattr(catalogue, "FEWEST", 1)
    torch.testing.assert_close(layer.loss(states, targets), cross_entropy(layer(states), targets))


def test_loss_of_nothing_is_zero():
    layer = Catalogue(DIM, ITEMS)
    assert layer.loss(torch.empty(0, DIM), torch.empty(0, dtype=torch.long)) == 0


def test_loss_stays_finite_where_a_target_has_no_chance_left():
    layer = Catalogue(1, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1e4], [-1e4]]))
    states = torch.ones(1, 1, requires_grad=True)
    loss = layer.loss(states, torch.tensor([1]))
    loss.backward()
    assert loss.isfinite()
    torch.testing.assert_close(states.grad, torch.tensor([[2e4]]))


def test_best_finds_the_highest_score_in_chunks(world, monkeypatch):
    layer, states, _, _ = world
    monkeypatch.setitem(catalogue.CHUNK, "cpu", 4 * ITEMS)
    monkeypatch.setattr(catalogue, "FEWEST", 1)
    assert torch.equal(layer.best(states), layer(states).argmax(1))
    assert layer.best(states[:0]).shape == (0,)


def test_at_scores_given_items_and_learns_from_them(world):
    layer, states, targets, _ = world
    scores = layer.at(states, targets)
    expected = layer(states).gather(1, targets[:, None]).squeeze(1)
    torch.testing.assert_close(scores, expected)
    pairs = zip(
        gradients(scores.sum(), layer, states),
        gradients(expected.sum(), layer, states),
        strict=True,
    )
    for found, wanted in pairs:
        torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("ask", ["all", "some"])
def test_scores_are_not_rounded_under_autocast(ask):
    torch.manual_seed(1)
    layer, states = Catalogue(DIM, ITEMS), torch.randn(ROWS, DIM).bfloat16()
    items = torch.randint(ITEMS, (ROWS, 3))

    def loss(given):
        return layer.loss(given, items[:, 0]) if ask == "all" else layer.among(given, items).sum()

    with torch.autocast("cpu", torch.bfloat16):
        found = loss(states)
    assert found.dtype == torch.float32
    assert torch.equal(found, loss(states.float()))


@pytest.mark.parametrize("rows", [(), (3,), (catalogue.FEW,), (9, 7)])
def test_scores_are_those_of_a_linear_layer(world, rows):
    layer, *_ = world
    states = torch.randn(*rows, DIM, dtype=torch.double, requires_grad=True)
    ours, theirs = layer(states), linear(states, layer.weight, layer.bias)
    torch.testing.assert_close(ours, theirs)
    wanted = (states, layer.weight, layer.bias)
    slope = torch.randn_like(ours)
    found = torch.autograd.grad((ours * slope).sum(), wanted)
    torch.testing.assert_close(found, torch.autograd.grad((theirs * slope).sum(), wanted))
