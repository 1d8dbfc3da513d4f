"""Losses over drawn items: against plain formulas, their expectation, and where they agree with one another."""

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from recloop.data.batches import Batch
from recloop.models import build
from recloop.models.catalogue import Catalogue

ITEMS = 30
BACKBONE = {"class": "backbones.gru4rec.GRU4Rec", "dim": 8}


def model(name, **keywords):
    torch.manual_seed(3)
    made = build({"class": name, "backbone": BACKBONE, **keywords}, items=ITEMS, length=5)
    torch.nn.init.normal_(made.rank.weight)
    torch.nn.init.normal_(made.backbone.embedding.weight[:ITEMS].detach())
    return made


def gbce(**keywords):
    return model("sequential.gbce.GBCE", **keywords)


def softmax(**keywords):
    return model("sequential.sampled_softmax.SampledSoftmax", **keywords)


@pytest.fixture
def batch():
    drawn = torch.randint(ITEMS, (40, 6), generator=torch.Generator().manual_seed(1))
    drawn[::2, 4:] = ITEMS
    return Batch.whole(drawn)


def test_gbce_is_what_the_paper_writes():
    made = gbce(negatives=10, calibration=0.6)
    right, wrong = torch.randn(7, dtype=torch.double), torch.randn(7, 10, dtype=torch.double)
    alpha = 10 / (ITEMS - 1)
    beta = alpha * (0.6 * (1 - 1 / alpha) + 1 / alpha)
    power = right.sigmoid() ** beta
    paper = -(power.log() + (1 - wrong.sigmoid()).log().sum(1)).mean() / 11
    torch.testing.assert_close(made.contrast(right, wrong), paper)


def test_gbce_as_the_release_transforms_scores():
    made = gbce(negatives=10, calibration=0.75)
    right, wrong = torch.randn(7, dtype=torch.double), torch.randn(7, 10, dtype=torch.double)
    moved = -(right.sigmoid() ** -made.power - 1).log()  # gamma(s+), README of the release
    scores = torch.cat([moved[:, None], wrong], 1)
    truth = torch.zeros_like(scores)
    truth[:, 0] = 1
    expected = binary_cross_entropy_with_logits(scores, truth)
    torch.testing.assert_close(made.contrast(right, wrong), expected)


def test_without_calibration_it_is_binary_cross_entropy():
    made = gbce(negatives=1, calibration=0.0)
    right, wrong = torch.randn(9), torch.randn(9, 1)
    truth = torch.cat([torch.ones(9, 1), torch.zeros(9, 1)], 1)
    expected = binary_cross_entropy_with_logits(torch.cat([right[:, None], wrong], 1), truth)
    torch.testing.assert_close(made.contrast(right, wrong), expected)


def test_a_full_calibration_is_one_probability_among_all_items():
    """With t = 1 beta is the drawn share (Petrov and Macdonald, Theorem 5.3): what is drawn less often weighs less."""
    assert gbce(negatives=10, calibration=1.0).power == pytest.approx(10 / (ITEMS - 1))
    assert gbce(negatives=10, calibration=0.0).power == 1


@pytest.mark.parametrize("calibration", [0.0, 0.75, 1.0])
def test_with_the_offset_a_model_that_knows_nothing_has_nothing_to_move(calibration):
    made = gbce(negatives=10, calibration=calibration, offset="prior")
    loss = [made.contrast(torch.tensor([at]), torch.full((1, 10), at)) for at in (-0.1, 0.0, 0.1)]
    assert loss[1] < min(loss[0], loss[2])
    plain = gbce(negatives=10, calibration=calibration)
    moved = torch.tensor([made.offset]), torch.full((1, 10), made.offset)
    torch.testing.assert_close(loss[1], plain.contrast(*moved))


def test_the_offset_of_one_negative_is_nothing():
    assert gbce(negatives=1, calibration=0.0, offset="prior").offset == 0


def test_sampled_softmax_is_a_cross_entropy_among_the_drawn():
    right, wrong = torch.randn(9), torch.randn(9, 6)
    scores = torch.cat([right[:, None], wrong], 1)
    expected = cross_entropy(scores, torch.zeros(9, dtype=torch.long))
    torch.testing.assert_close(softmax().contrast(right, wrong), expected)


@pytest.mark.parametrize("drawn_for", ["position", "session"])
def test_in_expectation_every_item_is_drawn_alike(batch, drawn_for):
    made = gbce(negatives=8, drawn_for=drawn_for)
    with torch.no_grad():
        losses = torch.stack([made.loss(batch) for _ in range(300)])
        real = batch.following != ITEMS
        scores = made.rank(made.backbone(batch.session)[real])
        right = scores.gather(1, batch.following[real][:, None])[:, 0]
        drawn = 8 * torch.nn.functional.softplus(scores).mean(1)
        expected = (made.power * torch.nn.functional.softplus(-right) + drawn).mean() / 9
    assert abs(losses.mean() - expected) < 4 * losses.std() / len(losses) ** 0.5


def test_a_spared_item_is_never_drawn_and_all_others_are():
    made = softmax(negatives=20, spared=True)
    targets = torch.arange(ITEMS).repeat(50)
    drawn = made.draw(len(targets), targets.device, targets)
    assert (drawn != targets[:, None]).all()
    counts = np.bincount((drawn - targets[:, None]).remainder(ITEMS).flatten(), minlength=ITEMS)
    assert counts[0] == 0
    assert counts[1:].min() > 0.85 * counts[1:].mean()


def test_all_positions_of_a_session_meet_the_same_items(batch):
    made = gbce(negatives=5, drawn_for="session")
    states, drawn = made.backbone(batch.session), made.draw(len(batch), torch.device("cpu"))
    found = made.of_session(states, drawn)
    for row in (0, 7):
        torch.testing.assert_close(found[row], made.rank(states[row])[:, drawn[row]])


def test_a_bias_is_learned_or_stays_nothing(batch):
    for bias in (True, False):
        made = gbce(bias=bias, negatives=5)
        made.loss(batch).backward()
        assert (made.rank.bias.grad is not None) == bias
        assert (made.rank.bias == 0).all()


@pytest.mark.parametrize(
    ("keywords", "says"),
    [
        ({"negatives": 0}, "at least"),
        ({"drawn_for": "batch"}, "position or session"),
        ({"drawn_for": "session", "spared": True}, "many next items"),
        ({"calibration": 1.5}, "from 0 to 1"),
        ({"offset": "bias"}, "none or prior"),
    ],
)
def test_impossible_settings_are_refused(keywords, says):
    with pytest.raises(ValueError, match=says):
        gbce(**keywords)


def test_no_more_are_drawn_than_there_are_others():
    assert gbce(negatives=500).negatives == ITEMS - 1


@pytest.mark.parametrize("dense", [0, 1000])
@pytest.mark.parametrize("bias", [True, False])
def test_scores_of_some_items_and_their_gradients(monkeypatch, dense, bias):
    monkeypatch.setattr("recloop.models.catalogue.DENSE", dense)
    monkeypatch.setattr("recloop.models.catalogue.CHUNK", {"cpu": 1 << 12})
    monkeypatch.setattr("recloop.models.catalogue.FEWEST", 1)
    monkeypatch.setattr("recloop.models.catalogue.COPIED", 1 << 12)
    torch.manual_seed(0)
    table = Catalogue(8, 50).double()
    table.bias.requires_grad_(bias)
    states = torch.randn(300, 8, dtype=torch.double, requires_grad=True)
    items = torch.randint(50, (300, 20))
    slope = torch.randn(300, 20, dtype=torch.double)
    inputs = [states, table.weight, *([table.bias] if bias else [])]
    ours, plain = table.among(states, items), table(states).gather(1, items)
    torch.testing.assert_close(ours, plain)
    found = torch.autograd.grad((ours * slope).sum(), inputs)
    expected = torch.autograd.grad((plain * slope).sum(), inputs)
    torch.testing.assert_close(found, expected)
