"""TransRec's two losses by hand, and what each of them may see; items are vectors of a table."""

import pytest
import torch
from torch import nn

from recloop.data.batches import Batch
from recloop.models.backbones.gru4rec import GRU4Rec
from recloop.models.backbones.nextitnet import NextItNet
from recloop.models.backbones.transformer import Transformer
from recloop.models.content import transrec
from recloop.models.content.transrec import TransRec, UserPretraining, part

ITEMS, DIM, LENGTH = 12, 8, 10


class Table(nn.Module):
    """An item tower without contents, as the first stage wants one."""

    def __init__(self, dim):
        super().__init__()
        self.table = nn.Embedding(ITEMS, dim)

    def forward(self, items):
        return self.table(items)

    def learn(self, parts):
        self.requires_grad_(parts == "all")


def towers(user=Transformer):
    """Two towers over a table; sizes as small as they can be."""
    torch.manual_seed(1)
    return {"item_tower": Table, "user_tower": user, "items": ITEMS, "dim": DIM}


@pytest.fixture
def whole():
    """Two users: one with nine items, one with three."""
    return torch.tensor([[0, 1, 2, 3, 4, 5, 6, 7, 8], [9, 10, 11, *[ITEMS] * 6]])


def batch_of(whole):
    return Batch.whole(whole)


def test_the_latest_items_are_the_targets_and_one_is_always_left(whole):
    parted = part(whole, 5, ITEMS)
    assert parted.context.tolist() == [[0, 1, 2, 3], [9, *[ITEMS] * 3]]
    assert parted.targets.tolist() == [[4, 5, 6, 7, 8], [10, 11, *[ITEMS] * 3]]


class Fixed(nn.Module):
    """A user tower whose state is the sum of what it has seen."""

    def __init__(self, items, dim):
        super().__init__()
        self.dim = dim

    def encode(self, vectors):
        return vectors.cumsum(1)


def test_cpc_is_five_positives_and_four_negatives_by_hand(whole, monkeypatch):
    """Eq. 3.10: the sum over five positives and four negatives of the first user, two and four of the second."""
    model = TransRec(**towers(Fixed))
    drawn = torch.tensor([[9, 10, 11, 9], [0, 0, 1, 2]])
    monkeypatch.setattr(transrec, "outside", lambda *given: drawn)
    table = 0.3 * torch.randn(ITEMS, DIM)
    with torch.no_grad():
        model.item_tower.table.weight.copy_(table)
    expected = 0.0
    for context, right, wrong in [
        ([0, 1, 2, 3], [4, 5, 6, 7, 8], [9, 10, 11, 9]),
        ([9], [10, 11], [0, 0, 1, 2]),
    ]:
        user = table[context].sum(0)
        for item in right:
            expected -= (1 / (1 + (-user @ table[item]).exp())).log()
        for item in wrong:
            expected -= (1 - 1 / (1 + (-user @ table[item]).exp())).log()
    torch.testing.assert_close(model.loss(batch_of(whole)), expected / 2)


def test_negatives_are_items_that_the_user_never_met(whole):
    torch.manual_seed(1)
    drawn = torch.cat([transrec.outside(whole, ITEMS, 4) for _ in range(200)], 1)
    assert drawn.shape == (2, 800)
    assert set(drawn[0].tolist()) == {9, 10, 11}
    assert set(drawn[1].tolist()) == set(range(9))
    assert torch.bincount(drawn[1]).min() > 50


def test_the_user_encoder_does_not_see_the_next_item(whole, monkeypatch):
    """UEP: change item t and all after it; what predicts the items up to t stays."""
    model = UserPretraining(**towers()).eval()
    seen = []
    monkeypatch.setattr(
        type(model.rank), "loss", lambda self, states, targets: seen.append(states) or states.sum()
    )
    other = whole[:1].clone()
    other[0, 4:] = torch.tensor([11, 10, 9, 0, 1])
    for items in (whole[:1], other):
        model.loss(batch_of(items))
    torch.testing.assert_close(seen[0][:4], seen[1][:4])
    assert not torch.allclose(seen[0][4], seen[1][4])


def test_uep_is_the_cross_entropy_of_every_next_item(whole):
    model = UserPretraining(**towers()).eval()
    loss = model.loss(batch_of(whole))
    total = 0.0
    for row, size in zip(whole, (9, 3), strict=True):
        vectors = model.item_tower(row[: size - 1])[None]
        chances = model.rank(model.user_tower.encode(vectors))[0].log_softmax(1)
        total -= chances[torch.arange(size - 1), row[1:size]].sum()
    torch.testing.assert_close(loss, total / 10)


@pytest.mark.parametrize("user", [Transformer, GRU4Rec, NextItNet])
def test_a_user_alone_as_in_a_padded_batch_and_no_target_in_sight(user, whole):
    model = TransRec(**towers(user)).eval()
    together = model.score(whole)
    torch.testing.assert_close(model.score(whole[1:, :3])[0], together[1])
    assert together.shape == (2, ITEMS)
    parted = part(whole, 5, ITEMS)
    changed = whole.clone()
    changed[0, 4:] = 0
    torch.testing.assert_close(part(changed, 5, ITEMS).context, parted.context)


@pytest.mark.parametrize("made", [TransRec, UserPretraining])
def test_a_loss_reaches_every_weight(made, whole):
    model = made(**towers(), **({"learns": "all"} if made is UserPretraining else {}))
    model.loss(batch_of(whole)).backward()
    unreached = {name for name, one in model.named_parameters() if one.grad is None}
    assert unreached == {"user_tower.embedding.weight"}  # the row of padding, which is no item


def test_the_catalogue_is_encoded_once_until_weights_may_change(whole, monkeypatch):
    model, calls = TransRec(**towers()).eval(), []
    encode = model.item_tower.forward
    monkeypatch.setattr(model.item_tower, "forward", lambda items: calls.append(1) or encode(items))
    with torch.no_grad():
        before = model.score(whole)
        model.score(whole)
        assert len(calls) == 1
        model.train()
        model.item_tower.table.weight.add_(1.0)
        after = model.eval().score(whole)
        assert len(calls) == 2
    assert not torch.equal(before, after)
