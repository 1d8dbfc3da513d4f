"""Noise: going to a step at once is going there step by step, the variance stays between its bounds."""

import pytest
import torch

from recloop.models.generation.noise import SCHEDULES, Noise, schedule

names = pytest.mark.parametrize("name", SCHEDULES)


@names
def test_the_closed_form_is_the_steps(name):
    """Mean and variance of z_t, carried through every step by hand (Eqs. 8.1 and 8.2)."""
    noise, mean, variance = schedule(name, 40), 1.0, 0.0
    for step, beta in enumerate(noise.betas.tolist()):
        mean, variance = (1 - beta) ** 0.5 * mean, (1 - beta) * variance + beta
        one, zero, at = torch.ones(1, 1).double(), torch.zeros(1, 1).double(), torch.tensor([step])
        assert noise.noisy(one, at, zero).item() == pytest.approx(mean)
        assert noise.noisy(zero, at, one).item() ** 2 == pytest.approx(variance)


@names
def test_the_last_step_is_nearly_noise(name):
    assert schedule(name, 1000).kept[-1] < 0.01


def test_both_forms_of_the_mean_agree():
    """From the true noise and from the clean latent comes the same mean of the step before (Algorithm 7, line 5)."""
    noise, step = schedule("linear", 50), torch.arange(50)
    clean, chance = torch.randn(2, 50, 3, dtype=torch.double)
    noisy = noise.noisy(clean, step, chance)
    one = noise.mean_from_noise(noisy, step, chance)
    torch.testing.assert_close(one, noise.mean_from_clean(noisy, step, clean))
    torch.testing.assert_close(noise.clean(noisy, step, chance), clean)


def test_the_variance_is_between_its_bounds():
    noise, step = schedule("linear", 30), torch.arange(30)
    share = torch.rand(30, 4) * 2 - 1
    variance = noise.log_variance(step, share).exp()
    low, high = noise.smallest[:, None].float(), noise.betas[:, None].float()
    assert ((variance >= low * (1 - 1e-5)) & (variance <= high * (1 + 1e-5))).all()
    torch.testing.assert_close(noise.log_variance(step, -torch.ones(30, 1)).exp(), low)
    torch.testing.assert_close(noise.log_variance(step, torch.ones(30, 1)).exp(), high)


def test_fewer_steps_keep_what_is_left_of_the_signal():
    whole = schedule("linear", 100)
    few = whole.respaced(7)
    assert few.times[0] == 0
    assert few.times[-1] == 99
    torch.testing.assert_close(few.kept, whole.kept[few.times])
    assert whole.respaced(100) is whole
    assert whole.respaced(1).times.tolist() == [99]


@pytest.mark.parametrize("steps", [0, 101])
def test_impossible_steps_are_refused(steps):
    with pytest.raises(ValueError, match="expected 1 to 100"):
        schedule("linear", 100).respaced(steps)


def test_impossible_variances_and_names_are_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        Noise(torch.tensor([0.1, 1.0]))
    with pytest.raises(ValueError, match="expected one of linear"):
        schedule("linaer", 10)
