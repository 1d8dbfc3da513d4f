"""Temporal-difference errors by hand, and on a world whose values are known."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, one_hot

from recloop.data.batches import Batch
from recloop.models.sequential.sqn import SQN


class LastItem(nn.Module):
    """A state that is the last item, one-hot."""

    def __init__(self, items: int):
        super().__init__()
        self.dim = items

    def forward(self, session):
        return one_hot(session, self.dim + 1)[..., :-1].float()


def tabular(items, **settings):
    model = SQN(lambda: LastItem(items), items, **settings)
    for weight in model.parameters():
        nn.init.zeros_(weight)
    return model


def fill(network, table):
    """Set Q(s, a) = table[s][a]."""
    network.values[0].weight.data = torch.tensor(table).T.contiguous()


def steps(session, following, purchase=None, ended=True):
    session, following = torch.tensor([session]), torch.tensor([following])
    purchase = torch.zeros_like(session) if purchase is None else torch.tensor([purchase])
    none = torch.zeros(1, dtype=torch.long)
    return Batch(session, following, purchase, torch.tensor([ended]), none, none, none)


MAIN = [[0.0, 1.0, 2.0], [4.0, 3.0, 0.0], [1.0, 1.5, 5.0]]
TARGET = [[7.0, 8.0, 9.0], [10.0, 20.0, 30.0], [0.5, 0.25, 0.125]]


@pytest.fixture
def model(monkeypatch):
    model = tabular(3, discount=0.5, click_reward=0.2, purchase_reward=1.0)
    monkeypatch.setattr(torch, "rand", lambda *_: torch.tensor(0.9))  # the coin says network 0
    fill(model.networks[0], MAIN)
    fill(model.networks[1], TARGET)
    return model


def errors(model, batch):
    step = model.step(batch)
    return model.td_error(step, model.accuracy_reward(step)[None], torch.ones(1))[0]


def half_square(*gaps):
    return torch.tensor([0.5 * gap**2 for gap in gaps])


def test_td_error_by_hand(model):
    # 0 -> 1 (bought) -> 2, end. At 1 the main network prefers item 0 (4 > 3), worth 10 to the target.
    batch = steps([0, 1, 3], [1, 2, 3], purchase=[1, 0, 0])
    expected = half_square(1.0 + 0.5 * 10 - MAIN[0][1], 0.2 - MAIN[1][2])
    torch.testing.assert_close(errors(model, batch), expected)


def test_the_end_of_a_piece_is_not_the_end_of_a_session(model):
    batch = steps([0, 1], [1, 2], ended=False)
    torch.testing.assert_close(errors(model, batch), half_square(0.2 + 0.5 * 10 - MAIN[0][1]))


def test_discount_weighs_the_future(model):
    model.discount = 0.0
    found = errors(model, steps([0, 1], [1, 2]))
    torch.testing.assert_close(found, half_square(0.2 - MAIN[0][1], 0.2 - MAIN[1][2]))


def test_the_coin_decides_who_learns_and_who_gives_the_target(model, monkeypatch):
    monkeypatch.setattr(torch, "rand", lambda *_: torch.tensor(0.1))
    # Now TARGET learns: at 1 it prefers item 2 (30), which MAIN values at 0.
    found = errors(model, steps([0, 1], [1, 2]))
    torch.testing.assert_close(
        found, half_square(0.2 + 0.5 * MAIN[1][2] - TARGET[0][1], 0.2 - TARGET[1][2])
    )
    model.loss(steps([0, 1], [1, 2])).backward()
    assert all(weight.grad is None for weight in model.networks[0].parameters())
    assert all(weight.grad is not None for weight in model.networks[1].parameters())


def test_loss_is_cross_entropy_plus_the_mean_error(model):
    batch = steps([0, 1], [1, 2])
    model.networks[0].rank.weight.data = torch.eye(3)
    expected = cross_entropy(torch.eye(3)[:2], torch.tensor([1, 2])) + errors(model, batch).mean()
    torch.testing.assert_close(model.loss(batch), expected)


def test_both_sides_of_the_coin_come_up(model, monkeypatch):
    monkeypatch.undo()
    torch.manual_seed(0)
    mains = [model.step(steps([0], [1])).main is model.networks[0] for _ in range(40)]
    assert 10 < sum(mains) < 30


def test_score_is_the_ranking_head_of_the_first_network(model):
    model.networks[0].rank.weight.data = torch.eye(3)
    assert model.score(torch.tensor([[0, 1], [2, 3]])).tolist() == [[0, 1, 0], [0, 0, 1]]


def test_value_head_converges_to_the_values_of_a_known_world():
    """Three items; every pair of session and action occurs; item 2 is what people buy."""
    items, discount = 3, 0.5
    path = [[s, a, b] for s in range(3) for a in range(3) for b in range(3)]
    path = torch.tensor(path)
    session, following = path[:, :-1], path[:, 1:]
    purchase = (following == 2).long()
    ended = torch.zeros(len(path), dtype=torch.bool)  # the world never ends
    none = torch.zeros(len(path), dtype=torch.long)
    batch = Batch(session, following, purchase, ended, none, none, none)
    model = tabular(items, discount=discount, click_reward=0.2, purchase_reward=1.0)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
    torch.manual_seed(2)
    for _ in range(600):
        optimiser.zero_grad()
        model.loss(batch).backward()
        optimiser.step()
    reward = torch.tensor([0.2, 0.2, 1.0])
    values = torch.zeros(items)  # of the state after each item
    for _ in range(60):
        values = (reward + discount * values).max().expand(items)  # value iteration
    expected = (reward + discount * values).expand(items, -1)
    for network in model.networks:
        found = network.values[0](torch.eye(items))
        torch.testing.assert_close(found, expected, atol=0.02, rtol=0)
