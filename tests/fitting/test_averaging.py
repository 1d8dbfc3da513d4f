"""The moving average of weights: by hand, and after few updates."""

import pytest
import torch

from recloop.fitting.averaging import Average


@pytest.fixture
def model():
    """One number that learns, at 1, beside one that does not."""
    model = torch.nn.Module()
    model.weight = torch.nn.Parameter(torch.tensor(1.0))
    model.fixed = torch.nn.Parameter(torch.tensor(5.0), requires_grad=False)
    return model


def at(model, value):
    """Set the number that learns."""
    model.weight.data.fill_(value)
    return model


def test_an_average_by_hand(model):
    average = Average(model, decay=0.25)
    average.update(at(model, 3.0), 1)  # keeps 2/11, which is less than 0.25
    assert average.tensors["weight"].item() == pytest.approx(1 * 2 / 11 + 3 * 9 / 11)
    average.update(at(model, 0.0), 100)
    assert average.tensors["weight"].item() == pytest.approx((2 / 11 + 27 / 11) * 0.25)
    assert set(average.tensors) == {"weight"}


def test_a_short_training_is_judged_by_what_it_learned(model):
    average = Average(model, decay=0.9999)
    for number in range(90):
        average.update(at(model, 3.0), number + 1)
    assert average.tensors["weight"].item() == pytest.approx(3.0, abs=1e-3)


def test_the_model_has_the_average_while_a_block_runs(model):
    average = Average(model, decay=0.5)
    average.update(at(model, 3.0), 10**6)
    with average.in_place(model):
        assert model.weight.item() == 2.0
    assert (model.weight.item(), average.tensors["weight"].item()) == (3.0, 2.0)
