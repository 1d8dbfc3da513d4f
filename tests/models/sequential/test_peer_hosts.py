"""The hosts of PCRec: what each of them learns from and how it scores."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from recloop.data.batches import Batch
from recloop.models import build, sessions
from recloop.models.backbones.youtube_dnn import YouTubeDNN
from recloop.models.pruning import smallest
from recloop.models.sequential.bpr_mf import BPRMF, last_occurrence, outside, path
from recloop.models.sequential.peer_host import PeerHost

ITEMS, LENGTH = 20, 6


def host(**given) -> PeerHost:
    torch.manual_seed(1)
    return PeerHost(lambda: YouTubeDNN(ITEMS, dim=8, length=LENGTH, dropout=0.0), ITEMS, **given)


@pytest.fixture
def pieces() -> Batch:
    """Two pieces padded on the right, the second one from the middle of its session."""
    session = torch.tensor([[1, 2, 3, 2, ITEMS, ITEMS], [7, 8, 9, 10, 11, 12]])
    following = torch.tensor([[2, 3, 2, 5, ITEMS, ITEMS], [8, 9, 10, 11, 12, 13]])
    none = torch.zeros(2, dtype=torch.long)
    ended, start = torch.ones(2, dtype=torch.bool), torch.tensor([0, 6])
    return Batch(
        session,
        following,
        torch.zeros_like(session),
        ended,
        start,
        none,
        none,
        torch.tensor([4, 2]),
    )


# -- YouTubeDNN and the cross-entropy --------------------------------------------------------------------------------


@pytest.mark.parametrize("padded", [False, True])
def test_a_state_is_the_mean_of_what_the_perceptron_makes_of_each_item(padded):
    torch.manual_seed(1)
    backbone = YouTubeDNN(ITEMS, dim=8, length=LENGTH, dropout=0.0, padded_mean=padded)
    made = backbone.perceptron(backbone.embedding(torch.tensor([3, 1, 4])))
    empty = backbone.perceptron(torch.zeros(8))
    wanted = (made.sum(0) + 3 * empty) / LENGTH if padded else made.mean(0)
    torch.testing.assert_close(backbone(torch.tensor([[3, 1, 4]]))[0, -1], wanted)
    assert empty.abs().sum() > 0


PLACES = {
    "last": [(0, 3), (1, 5)],
    "all": [*((0, step) for step in range(4)), *((1, step) for step in range(6))],
}


@pytest.mark.parametrize("targets", PLACES)
def test_it_learns_from_the_last_item_or_from_all(targets, pieces):
    model = host(targets=targets)
    states = model.rank(model.backbone(pieces.session))
    rows = torch.stack([states[place] for place in PLACES[targets]])
    wanted = torch.stack([pieces.following[place] for place in PLACES[targets]])
    torch.testing.assert_close(model.loss(pieces), functional.cross_entropy(rows, wanted))


def test_padding_is_a_class_and_a_target_in_the_released_loss(pieces):
    model = host(padding_targets=True)
    scores = model.rank(model.backbone(pieces.session)).flatten(0, 1)
    assert scores.shape[1] == ITEMS + 1
    wanted = functional.cross_entropy(scores, pieces.following.flatten())
    torch.testing.assert_close(model.loss(pieces), wanted)
    assert model.score(pieces.session).shape == (2, ITEMS)


@pytest.mark.parametrize("padding_targets", [True, False])
def test_sessions_behind_one_another_are_learnt_as_they_are_alone(monkeypatch, padding_targets):
    backbone = {"class": "backbones.sasrec.SASRec", "dim": 8, "dropout": 0.0}
    settings = {"class": "sequential.peer_host.PeerHost", "padding_targets": padding_targets}
    model = build(settings | {"backbone": backbone}, items=ITEMS, length=LENGTH)
    torch.nn.init.normal_(model.backbone.position)
    drawn = torch.randint(ITEMS, (40, LENGTH + 1))
    drawn[torch.arange(LENGTH + 1) >= torch.randint(2, LENGTH + 2, (40, 1))] = ITEMS
    batch = Batch.whole(drawn)
    alone = model.loss(batch)
    monkeypatch.setattr(sessions, "WORTHWHILE", 0)
    assert sessions.pack(batch.session, ITEMS) is not None
    torch.testing.assert_close(model.loss(batch), alone)


def test_a_wrong_choice_of_targets_is_explained():
    with pytest.raises(ValueError, match="targets='first': expected one of all, last"):
        host(targets="first")


# -- asked without its smallest weights ------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_pruned_weights_are_the_smallest_of_every_matrix(share):
    whole, asked = host(), host(pruned=share)
    asked.load_state_dict(whole.state_dict())
    for name, weight in whole.named_parameters():
        found = asked.get_parameter(name)
        if weight.dim() == 1:
            assert torch.equal(found, weight)
        else:
            assert torch.equal(found, weight.masked_fill(smallest(weight, share), 0.0))
            zeros = (found == 0).float().mean().item()
            assert zeros == pytest.approx(max(share, ("embedding" in name) / (ITEMS + 1)), abs=0.02)


def test_smallest_is_a_share_by_rank():
    values = torch.tensor([[0.3, -0.1], [2.0, -0.2]])
    for share, count in [(0.0, 0), (0.25, 1), (0.5, 2), (1.0, 4)]:
        marked = values[smallest(values, share)].abs().sort().values
        assert marked.tolist() == values.abs().flatten().sort().values[:count].tolist()


def test_a_share_beyond_one_is_refused():
    with pytest.raises(ValueError, match=r"pruned=1\.5: expected a share from 0 to 1"):
        host(pruned=1.5)


# -- BPR-MF ----------------------------------------------------------------------------------------------------------


def test_other_items_are_uniform_among_those_that_a_user_has_not_met():
    torch.manual_seed(2)
    met = torch.tensor([[3, 3, 0, 5, 7], [1, 7, 7, 7, 7], [7, 7, 7, 7, 7], [0, 1, 2, 4, 6]])
    drawn = torch.cat([outside(met, 7) for _ in range(3000)], 1)
    for row, items in zip(drawn, met, strict=True):
        free = sorted(set(range(7)) - set(items.tolist()))
        counts = np.bincount(row.numpy(), minlength=7)
        assert set(np.flatnonzero(counts)) == set(free)
        assert counts[free] / counts.sum() == pytest.approx(1 / len(free), abs=0.02)


def test_an_item_counts_where_it_is_met_last_and_once(pieces):
    logged = path(pieces, ITEMS)
    assert logged.tolist() == [[1, 2, 3, 2, 5, ITEMS, ITEMS], [ITEMS, 8, 9, 10, 11, 12, 13]]
    real = last_occurrence(logged, ITEMS)
    assert real.tolist() == [[True, False, True, True, True, False, False], [False, *[True] * 6]]


def test_the_loss_is_a_sum_over_pairs_and_over_squares(pieces, monkeypatch):
    torch.manual_seed(1)
    model = BPRMF(ITEMS, sequences=5, dim=4, l2=0.1)
    other = torch.full((2, 7), 17)
    monkeypatch.setattr("recloop.models.sequential.bpr_mf.outside", lambda *_: other)
    wanted = 0.0
    for user, items in {4: [1, 3, 2, 5], 2: [8, 9, 10, 11, 12, 13]}.items():
        for item in items:
            mine = model.users.weight[user]
            better, worse = model.items.weight[item], model.items.weight[17]
            wanted += 0.1 * sum(one.square().sum() for one in (mine, better, worse))
            wanted -= functional.logsigmoid(mine @ better - mine @ worse)
    torch.testing.assert_close(model.loss(pieces), wanted)


@pytest.mark.parametrize("masks", [True, False])
def test_what_was_met_comes_last(masks):
    torch.manual_seed(1)
    model = BPRMF(ITEMS, sequences=5, dim=4, masks_seen=masks)
    session, owner = torch.tensor([[3, 9, ITEMS]]), torch.tensor([2])
    scores = model.score(session, owner)[0]
    plain = model.users.weight[2] @ model.items.weight.T
    if not masks:
        assert torch.equal(scores, plain)
        return
    unseen = [item for item in range(ITEMS) if item not in (3, 9)]
    assert torch.equal(scores[unseen], plain[unseen])
    assert scores[[3, 9]].max() < scores[unseen].min()
