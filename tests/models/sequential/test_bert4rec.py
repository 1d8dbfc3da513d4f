"""BERT4Rec: what is hidden, and that a hidden item is told from both of its sides and never from itself."""

import pytest
import torch

from recloop.data.batches import Batch
from recloop.models.sequential.bert4rec import BERT4Rec

ITEMS, LENGTH = 20, 7


@pytest.fixture
def model():
    torch.manual_seed(1)
    made = BERT4Rec(items=ITEMS, length=LENGTH, dim=8, hidden=0.3, only_last=0.25)
    for table in (made.rank.weight, made.hidden_item, made.position):
        torch.nn.init.normal_(table.detach())
    return made


@pytest.fixture
def whole():
    rows = torch.randint(ITEMS, (4000, 8), generator=torch.Generator().manual_seed(2))
    rows[::2, 5:] = ITEMS
    rows[::10, 1:] = ITEMS
    return rows


def test_what_is_hidden(model, whole):
    torch.manual_seed(4)
    hidden, real = model.hide(whole), whole != ITEMS
    assert not hidden[~real].any()
    assert hidden.any(1).all()
    ends = real.sum(1) - 1
    end = torch.zeros_like(hidden)
    end[torch.arange(len(whole)), ends] = True
    only_last = (hidden == end).all(1)[1::2].float().mean()  # sessions of eight items
    by_chance = 0.25 + 0.75 * (0.7**7 * 0.3 + 0.7**8)
    assert only_last == pytest.approx(by_chance, abs=0.03)
    long = hidden[1::2][~only_last_rows(hidden, end)[1::2]]
    assert long[:, :7].float().mean() == pytest.approx(0.3, abs=0.03)


def only_last_rows(hidden, end):
    return (hidden == end).all(1)


def test_a_hidden_item_says_nothing_about_itself_and_its_neighbours_do(model):
    model.eval()
    tokens = torch.tensor([[3, 4, ITEMS + 1, 6, 7]])
    before, after = tokens.clone(), tokens.clone()
    before[0, 1], after[0, 3] = 9, 9
    states = model.states(torch.cat([tokens, before, after]))[:, 2]
    assert not torch.allclose(states[0], states[1])
    assert not torch.allclose(states[0], states[2])
    batch = Batch.whole(torch.tensor([[3, 4, 5, 6], [3, 4, 8, 6]]))
    hidden = torch.tensor([[False, False, True, False]] * 2)
    whole = torch.cat([batch.session[:, :1], batch.following], 1)
    told = model.states(whole.masked_fill(hidden, model.mask))[hidden]
    torch.testing.assert_close(told[0], told[1])


def test_its_loss_is_the_cross_entropy_of_what_is_hidden(model, monkeypatch):
    model.eval()
    batch = Batch.whole(torch.tensor([[3, 4, 5, 6], [1, 2, ITEMS, ITEMS]]))
    hidden = torch.tensor([[False, True, False, True], [False, True, False, False]])
    monkeypatch.setattr(model, "hide", lambda whole: hidden)
    whole = torch.tensor([[3, 4, 5, 6], [1, 2, ITEMS, ITEMS]])
    scores = model.rank(model.states(whole.masked_fill(hidden, model.mask))[hidden])
    expected = torch.nn.functional.cross_entropy(scores, whole[hidden])
    torch.testing.assert_close(model.loss(batch), expected)


def test_a_session_is_asked_with_a_hidden_item_behind_it(model):
    model.eval()
    session = torch.tensor([[3, 4, 5], [1, ITEMS, ITEMS]])
    asked = torch.tensor([[3, 4, 5, ITEMS + 1], [1, ITEMS + 1, ITEMS, ITEMS]])
    states = model.states(asked)
    expected = model.rank(torch.stack([states[0, 3], states[1, 1]]))
    torch.testing.assert_close(model.score(session), expected)
