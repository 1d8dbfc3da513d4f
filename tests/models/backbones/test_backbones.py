"""Every backbone keeps one contract: causal states, one per step, and an idle padding row."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from recloop.models.backbones.caser import Caser
from recloop.models.backbones.gru4rec import GRU4Rec
from recloop.models.backbones.ligr import LiGR
from recloop.models.backbones.mamba import Mamba
from recloop.models.backbones.nextitnet import NextItNet
from recloop.models.backbones.sasrec import SASRec

ITEMS, DIM, LENGTH = 20, 6, 8
BACKBONES = [GRU4Rec, Caser, NextItNet, SASRec, LiGR, Mamba]
sessions = st.lists(st.integers(0, ITEMS - 1), min_size=1, max_size=LENGTH)
kinds = pytest.mark.parametrize("kind", BACKBONES)


def lively(kind, **sizes):
    """Make a backbone whose weights are large enough for a mistake to show."""
    torch.manual_seed(5)
    backbone = kind(ITEMS, **{"dim": DIM, "length": LENGTH, **sizes})
    nn.init.normal_(backbone.embedding.weight[:ITEMS].detach())
    if issubclass(kind, SASRec):
        nn.init.normal_(backbone.position)
    return backbone.eval()


def padded(*rows, time=LENGTH):
    return torch.tensor([[*row, *[ITEMS] * (time - len(row))] for row in rows])


@kinds
def test_gives_one_state_per_step(kind):
    backbone = lively(kind)
    for time in (1, 3, LENGTH):
        assert backbone(padded([1], [2], time=time)).shape == (2, time, backbone.dim)


@kinds
@settings(max_examples=25)
@given(session=sessions, other=sessions)
def test_a_prefix_has_the_same_state_alone_padded_or_inside_a_longer_session(kind, session, other):
    backbone = lively(kind)
    longer = (session + other)[:LENGTH]
    time = len(session)
    alone = backbone(torch.tensor([session]))
    torch.testing.assert_close(backbone(padded(session))[:, :time], alone)
    torch.testing.assert_close(backbone(padded(longer, other))[:1, :time], alone)


@kinds
def test_a_session_is_embedded_and_then_encoded(kind):
    backbone, session = lively(kind), padded([1, 2, 3], [4])
    embedded = backbone.embed(session)
    assert embedded.shape == (2, LENGTH, backbone.width)
    assert (embedded[1, 1:] == 0).all()
    assert torch.equal(backbone.encode(embedded), backbone(session))


@kinds
def test_states_depend_on_the_items_and_their_order(kind):
    first, second, third = lively(kind)(padded([1, 2, 3], [2, 1, 3], [4, 2, 3]))[:, 2]
    assert not torch.allclose(first, second)
    assert not torch.allclose(first, third)


@kinds
def test_padding_row_is_zero_and_stays_so(kind):
    backbone = lively(kind).train()
    optimiser = torch.optim.Adam(backbone.parameters(), lr=0.1)
    backbone(padded([1, 2], [3])).square().sum().backward()
    row_gradients = backbone.embedding.weight.grad.abs().sum(1)
    optimiser.step()
    assert row_gradients[ITEMS] == 0
    assert (row_gradients[1:4] > 0).all()
    assert (backbone.embedding.weight[ITEMS] == 0).all()


@kinds
def test_gradient_reaches_every_weight(kind):
    backbone = lively(kind)
    target = torch.randn(2, LENGTH, backbone.dim)
    (backbone(padded(range(8), range(8, 16))) * target).sum().backward()
    assert all(weight.grad.abs().sum() > 0 for weight in backbone.parameters())


@kinds
def test_item_table_starts_as_in_the_authors_code(kind):
    table = kind(3000).embedding.weight
    assert table.shape == (3001, 64)
    assert (table[3000] == 0).all()
    assert table[:3000].std().item() == pytest.approx(0.01, rel=0.02)


@pytest.mark.parametrize(
    ("kind", "dim", "weights"),
    [
        (GRU4Rec, 64, 3 * (64 * 64 + 64 * 64 + 2 * 64)),
        (Caser, 112, sum(16 * (height * 64 + 1) for height in (2, 3, 4)) + 10 + 1),
        (NextItNet, 64, 6 * (2 * (3 * 64 * 64 + 64) + 2 * 2 * 64)),
        (SASRec, 64, 10 * 64 + 5 * (64 * 64 + 64) + 3 * 2 * 64),
    ],
)
def test_default_sizes_follow_the_paper(kind, dim, weights):
    backbone = kind(ITEMS)
    assert backbone.dim == dim
    assert sum(w.numel() for w in backbone.parameters()) == (ITEMS + 1) * 64 + weights


@kinds
def test_learns_the_ring(kind):
    """In ring world, item i is always followed by i + 1."""
    torch.manual_seed(1)
    backbone = kind(ITEMS, dim=16, length=4)
    head = nn.Linear(backbone.dim, ITEMS)
    optimiser = torch.optim.Adam([*backbone.parameters(), *head.parameters()], lr=0.02)
    session = (torch.arange(ITEMS)[:, None] + torch.arange(4)) % ITEMS
    following = (session + 1) % ITEMS
    for _ in range(120):
        optimiser.zero_grad()
        nn.functional.cross_entropy(head(backbone(session)).mT, following).backward()
        optimiser.step()
    chosen = head(backbone.eval()(session)).argmax(-1)
    assert (chosen == following).float().mean() > 0.95


def test_sasrec_refuses_a_session_without_positions():
    with pytest.raises(ValueError, match="9 steps, but SASRec has length=8"):
        lively(SASRec)(padded([1], time=LENGTH + 1))


def test_sasrec_sees_positions_from_the_start_of_the_session():
    states = lively(SASRec, dropout=0.0)(padded([1, 1, 1]))[0]
    assert not torch.allclose(states[0], states[1])


def test_gru_can_go_on_from_a_state():
    backbone, session = lively(GRU4Rec), torch.tensor([[1, 2, 3, 4]])
    states = backbone(session)
    rest = backbone.encode(backbone.embed(session[:, 2:]), start=states[:, 1])
    torch.testing.assert_close(rest, states[:, 2:])


def test_gru_stacks_layers():
    assert lively(GRU4Rec, layers=2).gru.num_layers == 2


def test_gru4rec_drops_what_goes_in_and_what_comes_out_in_training_alone():
    torch.manual_seed(1)
    plain = GRU4Rec(20, 8)
    torch.manual_seed(1)
    wet = GRU4Rec(20, 8, dropout=0.5)
    session = torch.tensor([[1, 2, 3]])
    assert torch.equal(plain(session), plain.eval()(session))  # no dropout unless asked for
    assert torch.equal(plain(session), wet.eval()(session))
    found = wet.train()(session)
    assert 0 < (found == 0).float().mean() < 1
    assert not torch.allclose(found[found != 0], 2 * plain(session)[found != 0])
