"""SMONAC (reconstruction): SMORL with negatives and the advantage."""

import pytest
import torch

from recloop.data.batches import cut
from recloop.models.backbones.gru4rec import GRU4Rec
from recloop.models.sequential.smonac import SMONAC
from recloop.models.sequential.smorl import SMORL

SHARED = ("items", "item_vectors", "item_counts")


@pytest.fixture
def new(facts):
    def new(kind=SMONAC, **settings):
        settings = {"updated": "one"} | settings
        torch.manual_seed(1)
        given = {name: facts[name] for name in SHARED}
        return kind(backbone=lambda: GRU4Rec(facts["items"], dim=8), **given, **settings)

    return new


@pytest.fixture
def batch(sessions, facts):
    return cut(sessions([2, 5, 9, 4, 6], [7, 3]), facts["length"], facts["items"])


def loss(model, batch):
    torch.manual_seed(5)
    return model.loss(batch)


def test_advantage_weighs_the_objectives(new):
    model = new(objective_weights=(1.0, 2.0, 0.0), advantage_limit=3.0)
    values = torch.zeros(3, 3, 3)  # objective row action, the taken action first
    values[0, 0] = torch.tensor([3.0, 0.0, 0.0])  # 3 - 1
    values[1, 0] = torch.tensor([0.0, 0.0, 1.5])  # and 0 - 1: together 1
    values[0, 1] = torch.tensor([0.0, 3.0, 0.0])  # worse than the mean: clipped to 0
    values[1, 2] = torch.tensor([9.0, 0.0, 0.0])  # 18 - 6, clipped to 3
    assert model.critic(values).tolist() == [1.0, 0.0, 3.0]


def test_during_the_warm_up_it_is_smorl_plus_the_errors_of_negatives(new, batch):
    smonac, smorl = new(warm_up=9), new(SMORL)
    smorl.load_state_dict(smonac.state_dict(), strict=False)
    gap = loss(smonac, batch) - loss(smorl, batch)
    torch.manual_seed(5)
    step = smonac.step(*smonac.toss(), batch)
    errors = smonac.distance(step.values, smonac.targets(step))[..., 1:]
    torch.testing.assert_close(gap, errors.sum(2).mean(1).sum())


def test_target_of_a_negative_by_hand(new, batch):
    model, row = new(negatives=2), 2
    step = model.step(*model.toss(), batch)
    weighed = sum(value(step.states)[row] for value in step.main.values)
    for objective, head in enumerate(step.target.values):
        ahead = head(step.target_states)[row, weighed.argmax()]
        expected = (0.5 * ahead).expand(2)  # no reward
        torch.testing.assert_close(model.targets(step)[objective, row, 1:], expected)
