"""The personal backbones: plain without a past, and the user everywhere with one."""

import pytest
import torch
from torch import nn

from recloop.models.backbones.caser import Caser
from recloop.models.backbones.gru4rec import GRU4Rec
from recloop.models.backbones.nextitnet import NextItNet
from recloop.models.backbones.personal import personal, visible
from recloop.models.backbones.sasrec import SASRec

ITEMS, DIM, LENGTH = 20, 6, 8
SESSION = torch.tensor([[1, 2, 3, 4, 20], [5, 6, 20, 20, 20]])
kinds = pytest.mark.parametrize("kind", [GRU4Rec, Caser, NextItNet, SASRec])


@pytest.fixture
def new():
    def new(kind):
        torch.manual_seed(5)
        plain = kind(ITEMS, DIM, LENGTH)
        nn.init.normal_(plain.embedding.weight[:ITEMS].detach())
        return plain, personal(plain).eval()

    return new


@kinds
def test_a_user_without_a_past_has_the_plain_states(new, kind):
    plain, backbone = new(kind)
    known = torch.tensor([False, False])
    states = backbone(SESSION, torch.randn(2, DIM), known)
    torch.testing.assert_close(states[..., : plain.dim], plain(SESSION))
    assert (states[..., plain.dim :] == 0).all()
    assert states.shape[-1] == backbone.dim


@kinds
def test_a_user_starts_no_larger_than_an_item(kind):
    torch.manual_seed(5)
    backbone = personal(kind(ITEMS, 64, LENGTH))
    goes_in = backbone.share * backbone.project(torch.randn(500, 64))
    assert goes_in.std() < 2 * backbone.embedding.weight[:ITEMS].std()


@kinds
def test_the_past_reaches_every_step_of_its_own_user_only(new, kind):
    _, backbone = new(kind)
    user, known = torch.randn(2, DIM), torch.tensor([True, True])
    other = torch.stack([user[0] + 1, user[1]])
    before, after = (backbone(SESSION, vector, known) for vector in (user, other))
    assert (before[0] != after[0]).any(-1).all()
    assert torch.equal(before[1], after[1])


@kinds
def test_states_of_a_known_user_see_no_later_item(new, kind):
    _, backbone = new(kind)
    user, known = torch.randn(2, DIM), torch.tensor([True, False])
    changed = SESSION.clone()
    changed[:, 3:] = 9
    before, after = (backbone(items, user, known)[:, :3] for items in (SESSION, changed))
    torch.testing.assert_close(before[0], after[0])
    torch.testing.assert_close(before[1, :2], after[1, :2])


@kinds
def test_gradient_reaches_every_weight(new, kind):
    _, backbone = new(kind)
    states = backbone(SESSION, torch.randn(2, DIM), torch.tensor([True, False]))
    (states * torch.randn_like(states)).sum().backward()
    assert all(weight.grad.abs().sum() > 0 for weight in backbone.parameters())


def test_only_the_first_token_is_hidden():
    sees = visible(3, torch.tensor([True, False])).int().tolist()
    assert sees == [[[1, 0, 0], [1, 1, 0], [1, 1, 1]], [[1, 0, 0], [0, 1, 0], [0, 1, 1]]]


def test_refuses_a_backbone_without_a_personal_form():
    with pytest.raises(ValueError, match="Linear has no personal form"):
        personal(nn.Linear(2, 2))
