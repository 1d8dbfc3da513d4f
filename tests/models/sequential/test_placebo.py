"""Placebos: what is taken from the rewards, and that it is taken from every method."""

import pytest
import torch

from recloop.data.batches import Batch, cut
from recloop.models import build
from recloop.models.sequential import placebo
from recloop.models.sequential.dqn_ns import DQN_NS
from recloop.models.sequential.snqn import SNQN
from recloop.models.sequential.sqn import SQN

METHODS = [
    "sqn.SQN",
    "policy_evaluation.EVAL",
    "sac.SAC",
    "snqn.SNQN",
    "sa2c.SA2C",
    "dqn_ns.DQN_NS",
    "bcq.BCQ",
    "cql.CQL",
]


@pytest.fixture
def batch(sessions, facts):
    return cut(sessions([2, 5, 9, 4, 6, 1, 0, 3, 8], [7, 3]), facts["length"], facts["items"])


def bought(batch, purchase):
    return Batch(**vars(batch) | {"purchase": purchase})


def loss_of(method, kind, batch, facts):
    settings = {"warm_up": 0} if method in ("sac.SAC", "sa2c.SA2C") else {}
    backbone = {"class": "backbones.gru4rec.GRU4Rec", "dim": 8}
    torch.manual_seed(1)
    model = build(
        {"class": f"sequential.{method}", "backbone": backbone, "placebo": kind} | settings,
        **facts,
    )
    return model.loss(batch)


@pytest.mark.parametrize("method", METHODS)
def test_purchases_are_nothing_to_a_placebo(method, batch, facts):
    none, all_ = (bought(batch, torch.full_like(batch.purchase, kind)) for kind in (0, 1))
    for kind in placebo.KINDS:
        pair = [loss_of(method, kind, logged, facts) for logged in (none, all_)]
        assert torch.equal(*pair) == (kind not in ("none", "shuffled_reward")), kind


def targets(model, batch):
    step = model.step(*model.toss(), batch)
    found = model.targets(step)
    assert found.shape == step.values.shape
    return found[0]


def test_zero_reward_is_zero_for_negatives_too(tabular, steps):
    model = tabular(DQN_NS, 3, placebo="zero_reward")
    assert (targets(model, steps([0, 1], [1, 2], purchase=[0, 1])) == 0).all()
    assert (targets(tabular(DQN_NS, 3), steps([0, 1], [1, 2]))[:, 1:] == -1).all()


def test_shuffled_rewards_are_those_of_the_log_in_another_order(tabular, steps):
    model = tabular(SNQN, 3, placebo="shuffled_reward", negative_reward=-1.0)
    torch.manual_seed(0)
    found = targets(model, steps([0, 1] * 10, [1, 2] * 10, purchase=[1] * 5 + [0] * 15))
    assert (found[:, 1:] == -1).all()
    given = found[:, 0]
    assert given.sort().values.tolist() == pytest.approx([0.2] * 15 + [1.0] * 5)
    assert (given[:5] != 1).any()


def test_shuffling_keeps_the_objectives_of_a_transition_together():
    rewards = torch.arange(40.0).reshape(2, 20, 1)
    torch.manual_seed(0)
    found = placebo.rewards("shuffled_reward", rewards)
    assert torch.equal(found[1] - found[0], torch.full((20, 1), 20.0))
    assert not torch.equal(found, rewards)


@pytest.mark.parametrize("kind", [SQN, SNQN])
def test_a_constant_target_is_one(kind, tabular, steps):
    model = tabular(kind, 3, placebo="constant_target")
    assert (targets(model, steps([0, 1], [1, 2], purchase=[0, 1])) == 1).all()


@pytest.mark.parametrize("kind", [SQN, SNQN])
def test_the_auxiliary_target_is_the_number_of_items_seen(kind, tabular, steps):
    model = tabular(kind, 3, placebo="auxiliary")
    found = targets(model, steps([0, 1, 2, 3], [1, 2, 0, 3], start=10))
    expected = torch.tensor([[1.1], [1.2], [1.3]])
    torch.testing.assert_close(found, expected.expand_as(found))
