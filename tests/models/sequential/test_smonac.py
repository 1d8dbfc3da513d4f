"""SMONAC (reconstruction): negatives and the advantage."""

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


def test_negatives_are_never_the_positive_and_uniform_over_the_rest(new, facts):
    taken = torch.arange(facts["items"]).repeat(4000)
    torch.manual_seed(0)
    drawn = new(negatives=3).draw(taken)
    assert drawn.shape == (len(taken), 3)
    assert (drawn != taken[:, None]).all()
    counts = torch.zeros(20, 20).index_put_(
        (taken[:, None].expand_as(drawn), drawn), torch.tensor(1.0), accumulate=True
    )
    off = counts[~torch.eye(20, dtype=torch.bool)]
    expected = 4000 * 3 / 19
    chi_square = ((off - expected) ** 2 / expected).sum()
    assert chi_square < 380 + 5 * (2 * 380) ** 0.5  # degrees of freedom, five standard deviations


def test_advantage_is_zero_where_all_actions_are_worth_the_same(new):
    model = new(warm_up=0)
    assert (model.advantage(torch.full((3, 4, 11), 2.5)) == 0).all()


def test_advantage_by_hand(new):
    model = new(warm_up=0, objective_weights=(1.0, 2.0, 0.0), advantage_limit=3.0)
    values = torch.zeros(3, 3, 3)  # objective row action, the taken action first
    values[0, 0] = torch.tensor([3.0, 0.0, 0.0])  # 3 - 1
    values[1, 0] = torch.tensor([0.0, 0.0, 1.5])  # and 0 - 1: together 1
    values[0, 1] = torch.tensor([0.0, 3.0, 0.0])  # worse than the mean: clipped to 0
    values[1, 2] = torch.tensor([9.0, 0.0, 0.0])  # 18 - 6, clipped to 3
    assert model.advantage(values).tolist() == [1.0, 0.0, 3.0]


def test_advantage_teaches_the_values_nothing(new):
    values = torch.rand(3, 4, 11, requires_grad=True)
    assert not new(warm_up=0).advantage(values).requires_grad


def test_warm_up_counts_updates_and_is_part_of_the_state(new, batch):
    model = new(warm_up=2)
    values = torch.rand(3, 4, 11)
    for _ in range(2):
        assert (model.advantage(values) == 1).all()
        model.loss(batch)
    assert not (model.advantage(values) == 1).all()
    fresh = new(warm_up=2)
    fresh.load_state_dict(model.state_dict())
    assert fresh.updates == 2


def test_during_the_warm_up_it_is_smorl_plus_the_errors_of_negatives(new, batch):
    smonac, smorl = new(warm_up=9), new(SMORL)
    smorl.load_state_dict(smonac.state_dict(), strict=False)
    found = {}
    whole = smonac.negative_errors

    def spy(step, values):
        found["errors"] = whole(step, values)
        return found["errors"]

    smonac.negative_errors = spy
    gap = loss(smonac, batch) - loss(smorl, batch)
    torch.testing.assert_close(gap, found["errors"].mean(1).sum())
    assert (found["errors"] >= 0).all()


def test_error_of_a_negative_by_hand(new, batch):
    model = new(negatives=2, discount=0.5)
    step = model.step(batch)
    values = torch.rand(3, 5, 3)
    found = model.negative_errors(step, values)
    states, others = step.states[step.real], step.target_states[step.real]
    row = 2
    weighed = sum(value(states)[row] for value in step.main.values)
    for objective in range(3):
        ahead = step.target.values[objective](others)[row, weighed.argmax()]
        expected = 0.5 * ((0.5 * ahead - values[objective, row, 1:]) ** 2).sum()  # no reward
        torch.testing.assert_close(found[objective, row], expected)
