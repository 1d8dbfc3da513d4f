"""SAC, EVAL, CQL and BCQ: what each of them changes in SQN."""

import pytest
import torch
from torch.nn.functional import cross_entropy, smooth_l1_loss

from recloop.models import catalogue
from recloop.models.sequential.bcq import BCQ
from recloop.models.sequential.cql import CQL
from recloop.models.sequential.policy_evaluation import EVAL
from recloop.models.sequential.sac import SAC
from recloop.models.sequential.sqn import SQN

MAIN = [[0.0, 1.0, 2.0], [4.0, 3.0, 0.0], [1.0, 1.5, 5.0]]
TARGET = [[7.0, 8.0, 9.0], [10.0, 20.0, 30.0], [0.5, 0.25, 0.125]]
RANK = [[0.0, 0.5, 1.0], [0.0, 1.0, 0.9], [0.0, 0.0, 0.0]]


@pytest.fixture
def new(tabular, fill, network_0):
    def new(kind, **settings):
        model = tabular(kind, 3, **settings)
        fill(model.networks[0], MAIN)
        fill(model.networks[1], TARGET)
        model.networks[0].rank.weight.data = torch.tensor(RANK).T.contiguous()
        return model

    return new


@pytest.fixture
def batch(steps):
    return steps([0, 1, 3], [1, 2, 3], purchase=[1, 0, 0])


def step_of(model, batch):
    return model.step(*model.toss(), batch)


def test_sac_weights_imitation_by_the_value_of_what_was_done(new, batch):
    model = new(SAC, warm_up=1)
    assert model.loss(batch) == new(SQN).loss(batch)
    nats = cross_entropy(torch.tensor(RANK)[:2], torch.tensor([1, 2]), reduction="none")
    values = torch.tensor([MAIN[0][1], MAIN[1][2]])
    step = step_of(model, batch)  # an update of its own
    expected = (values * nats).mean() + model.errors(step).sum()
    torch.testing.assert_close(model.loss(batch), expected)
    assert model.updates == 3
    assert not model.critic(step.values.detach()).requires_grad


def test_eval_looks_at_what_the_user_did_next(new, batch):
    model = new(EVAL)
    targets = model.targets(step_of(model, batch))[0, :, 0]
    torch.testing.assert_close(targets, torch.tensor([5.0 + 0.5 * TARGET[1][2], 1.0]))


def test_cql_holds_down_what_was_not_done(new, batch):
    plain, loss = new(SQN).loss(batch), {}
    for weight in (0.0, 0.1, 1.0):
        loss[weight] = new(CQL, conservative=weight).loss(batch)
    table = torch.tensor(MAIN)[:2]
    penalty = (table.logsumexp(1) - torch.tensor([MAIN[0][1], MAIN[1][2]])).mean()
    assert loss[0.0] == plain
    torch.testing.assert_close(loss[0.1], plain + 0.1 * penalty)
    torch.testing.assert_close(loss[1.0], plain + penalty)


@pytest.mark.parametrize(
    ("threshold", "item"),
    [(0.0, 0), (0.36, 0), (0.37, 2), (0.8, 2), (0.9, 2), (0.91, 1), (0.9999, 1)],
)
def test_bcq_looks_among_likely_items(new, batch, threshold, item):
    # At 1 the chances are as 0.37 : 1 : 0.905 and the target values 10, 20, 30; the main values are 4, 3, 0.
    model = new(BCQ, threshold=threshold)
    model.networks[0].values[0].weight.data[2, 1] = 3.5
    found = model.targets(step_of(model, batch))[0, 0, 0]
    torch.testing.assert_close(found, torch.tensor(1 + 0.5 * TARGET[1][item]))


def test_bcq_looks_in_chunks(new, steps, monkeypatch):
    model, long = new(BCQ), steps([0, 1, 2, 1, 0], [1, 2, 1, 0, 2])
    step = step_of(model, long)
    whole = model.choose(step, step.reached)
    monkeypatch.setitem(catalogue.CHUNK, "cpu", 3)
    monkeypatch.setattr(catalogue, "FEWEST", 1)
    assert torch.equal(model.choose(step, step.reached), whole)
    assert model.choose(step, step.reached & False).shape == (0,)


def test_bcq_loss_by_hand(new, batch):
    model, table = new(BCQ, logit_penalty=0.5), torch.tensor(RANK)[:2]
    step, taken = step_of(model, batch), torch.tensor([1, 2])
    values = torch.tensor([MAIN[0][1], MAIN[1][2]])
    expected = (
        cross_entropy(table, taken)
        + 0.5 * table.square().mean()
        + smooth_l1_loss(values, model.targets(step)[0, :, 0])
    )
    torch.testing.assert_close(model.loss(batch), expected)


def test_bcq_ranks_allowed_items_above_all_others(new):
    model = new(BCQ, threshold=0.5, ranked_by="values")
    scores = model.score(torch.tensor([[1], [2], [0]]))
    assert scores.argsort(descending=True).tolist() == [[1, 2, 0], [2, 1, 0], [2, 1, 0]]
    assert scores[1].tolist() == MAIN[2]  # all are as likely


@pytest.mark.parametrize("threshold", [-0.1, 1.0])
def test_bcq_refuses_a_threshold_that_allows_nothing(tabular, threshold):
    with pytest.raises(ValueError, match=r"\[0, 1\)"):
        tabular(BCQ, 3, threshold=threshold)
