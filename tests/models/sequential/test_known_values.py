"""Worlds whose values are known, from value iteration."""

import pytest
import torch

from recloop.data.batches import Batch
from recloop.models.sequential.bcq import BCQ
from recloop.models.sequential.cql import CQL
from recloop.models.sequential.dqn_ns import DQN_NS
from recloop.models.sequential.policy_evaluation import EVAL
from recloop.models.sequential.snqn import SNQN
from recloop.models.sequential.sqn import SQN

ITEMS, DISCOUNT = 3, 0.5
REWARD = torch.tensor([0.2, 0.2, 1.0])  # item 2 is what people buy
SETTINGS = {"discount": DISCOUNT, "click_reward": 0.2, "purchase_reward": 1.0}


def endless(*paths):
    """Sessions in a world that never ends."""
    path = torch.tensor(paths)
    none = torch.zeros(len(path), dtype=torch.long)
    bought, going_on = (path[:, 1:] == 2).long(), torch.zeros(len(path), dtype=torch.bool)
    return Batch(path[:, :-1], path[:, 1:], bought, going_on, none, none, none, none)


def learnt(model, batch, updates=130):
    optimiser = torch.optim.SGD(model.parameters(), lr=0.7)
    torch.manual_seed(2)
    for _ in range(updates):
        optimiser.zero_grad()
        model.loss(batch).backward()
        optimiser.step()
    return [network.values[0](torch.eye(ITEMS)) for network in model.networks]


@pytest.mark.parametrize(
    ("kind", "settings"),
    [(SQN, {}), (CQL, {"conservative": 0.0}), (BCQ, {"threshold": 0.0}), (EVAL, {})],
)
def test_values_where_every_action_leads_to_its_item(kind, settings, tabular):
    """All pairs of state and action occur equally often."""
    every = [[s, a, b] for s in range(ITEMS) for a in range(ITEMS) for b in range(ITEMS)]
    found = learnt(tabular(kind, ITEMS, **settings, **SETTINGS), endless(*every))
    best = torch.mean if kind is EVAL else torch.max  # the value of the users, of the best actions
    values = torch.zeros(())
    for _ in range(30):
        values = best(REWARD + DISCOUNT * values)
    expected = (REWARD + DISCOUNT * values).expand(ITEMS, -1)
    for table in found:
        torch.testing.assert_close(table, expected, atol=0.01, rtol=0)


@pytest.mark.parametrize(("kind", "reward"), [(SNQN, 0.0), (DQN_NS, -1.0), (DQN_NS, 0.9)])
def test_values_where_users_go_round_and_reject_the_rest(kind, reward, tabular):
    """At item s users take s + 1; any other item is rejected, pays `reward` and leaves them at s."""
    model = tabular(kind, ITEMS, negatives=2, negative_reward=reward, **SETTINGS)
    found = learnt(model, endless([0, 1, 2, 0, 1, 2]))
    state = torch.arange(ITEMS)
    takes = (state + 1) % ITEMS
    table = torch.zeros(ITEMS, ITEMS)
    for _ in range(30):
        values = table.amax(1)
        table = (reward + DISCOUNT * values)[:, None].repeat(1, ITEMS)
        table[state, takes] = REWARD[takes] + DISCOUNT * values[takes]
    for values in found:
        torch.testing.assert_close(values, table, atol=0.01, rtol=0)
