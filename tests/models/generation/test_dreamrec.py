"""DreamRec: an oracle denoiser ranks the target first, guidance of 0 is none, dropout is a choice."""

import pytest
import torch
from torch.nn import functional

from recloop.models.generation.asked import Asked
from recloop.models.generation.dreamrec import DreamRec

ITEMS, LENGTH = 12, 4


def made(**settings):
    torch.manual_seed(0)
    small = {"items": ITEMS, "length": LENGTH, "dim": 8, "steps": 10, "sampling_steps": 10}
    return DreamRec(**small | settings).eval()


@pytest.fixture
def given() -> Asked:
    session = torch.tensor([[1, 2, 3, ITEMS], [4, ITEMS, ITEMS, ITEMS], [5, 6, 7, 8]])
    empty = torch.zeros(3, LENGTH, 1)
    target = torch.tensor([3, 9, 11])
    return Asked(session, empty, session != ITEMS, empty[:, 0], target, empty[:, 0])


def draw(model, given):
    return model.generate(given, torch.Generator().manual_seed(0))


def test_an_oracle_denoiser_ranks_the_target_first(given, monkeypatch):
    model = made()
    monkeypatch.setattr(model, "clean", lambda noisy, time, history: model.items(given.target))
    scores = model.score(draw(model, given), torch.zeros(ITEMS, 1))
    own = model.table.square().sum(
        1
    )  # a product favours long vectors: the target beats those that are no longer
    for row, target in zip(scores, given.target, strict=True):
        assert (row[target] >= row[own <= own[target]]).all()


def test_guidance_of_zero_is_no_guidance(given):
    """The unconditional side is never asked, so that what it says changes nothing."""
    model = made(guidance=0.0)
    before = draw(model, given)
    with torch.no_grad():
        model.nobody += 5.0
    torch.testing.assert_close(draw(model, given), before)
    guided = made(guidance=2.0)
    assert (draw(guided, given) - before).abs().max() > 0.01


def test_dropout_is_off_when_asked_unless_the_twin_wants_it(given):
    off, on = made(), made(drops_when_asked=True, dropout=0.5)
    assert torch.equal(draw(off, given), draw(off, given))
    assert not torch.equal(draw(on, given), draw(on, given))
    assert not on.training


def test_a_history_alone_is_that_of_a_padded_batch(given):
    model = made()
    together, alone = model.history(given.session), model.history(given.session[:1, :3])
    torch.testing.assert_close(together[:1], alone)


def test_a_history_is_encoded_as_in_the_released_code(given):
    """Written out for the longest history: what asks is normed and stays, what answers is not; three norms follow."""
    model, session = made(), given.session[2]
    seq = model.items.weight[session] + model.place.weight[:LENGTH]
    linear = [(one.weight, one.bias) for one in model.project]
    asking = functional.layer_norm(seq, (8,), model.norms[0].weight, model.norms[0].bias)
    query, key, value = (
        one @ weight.T + bias
        for one, (weight, bias) in zip((asking, seq, seq), linear, strict=True)
    )
    weights = (query[-1] @ key.T / 8**0.5).softmax(0)  # the last one sees all
    state = functional.layer_norm(asking[-1] + weights @ value, (8,))
    first, second = model.feed[0], model.feed[2]
    fed = second.weight @ (first.weight @ state + first.bias).relu() + second.bias
    state = functional.layer_norm(functional.layer_norm(state + fed, (8,)), (8,))
    torch.testing.assert_close(model.history(given.session)[2], state)


def test_a_loss_reaches_every_weight(given):
    model = made(unconditional=0.5).train()
    torch.manual_seed(3)
    sum(model.loss(given) for _ in range(5)).backward()
    unreached = [name for name, one in model.named_parameters() if one.grad.abs().sum() == 0]
    assert unreached == []
