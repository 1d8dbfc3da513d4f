"""PDiT: what reaches it, what its bound is, and that it samples a world whose answer is known."""

import pytest
import torch

from recloop.models.generation.asked import Asked
from recloop.models.generation.pdit import PDiT, cosines

LATENTS, ITEMS, LENGTH = 4, 9, 5
SMALL = {"latents": LATENTS, "length": LENGTH, "dim": 16, "tokens": 2, "depth": 1, "heads": 2}


def made(**settings):
    torch.manual_seed(0)
    return PDiT(**SMALL | {"steps": 100, "sampling_steps": 50} | settings)


def asked(number: int = 6, latent=None, profile=None) -> Asked:
    """Users with histories of one to five items."""
    torch.manual_seed(1)
    real = torch.arange(LENGTH) < torch.arange(number)[:, None] % LENGTH + 1
    return Asked(
        session=torch.where(real, torch.randint(ITEMS, (number, LENGTH)), ITEMS),
        history=torch.randn(number, LENGTH, LATENTS) * real[:, :, None],
        real=real,
        profile=torch.randn(number, LATENTS) if profile is None else profile,
        target=torch.randint(ITEMS, (number,)),
        latent=torch.randn(number, LATENTS) if latent is None else latent,
    )


def trained(model, given, updates=250, rate=0.01):
    optimiser = torch.optim.AdamW(model.parameters(), rate)
    torch.manual_seed(2)
    for _ in range(updates):
        optimiser.zero_grad()
        model.loss(given).backward()
        optimiser.step()
    return model.eval()


@pytest.mark.parametrize("branches", ["both", "general", "temporal"])
def test_a_loss_reaches_every_weight(branches):
    model = trained(made(branches=branches), asked(), updates=2)
    model.zero_grad()
    model.loss(asked()).backward()
    assert all(one.grad.abs().sum() > 0 for one in model.parameters() if one.requires_grad)


def test_padding_is_not_seen():
    model, given = trained(made(), asked(), updates=3), asked()
    other = torch.where(given.real[:, :, None], given.history, torch.tensor(7.0))
    changed = Asked(given.session, other, given.real, given.profile, given.target, given.latent)
    step, noisy = torch.arange(6), torch.randn(6, LATENTS)
    for one, same in zip(model(noisy, step, given), model(noisy, step, changed), strict=True):
        torch.testing.assert_close(one, same)


def test_without_a_profile_none_is_told():
    model = trained(made(profile=False), asked(), updates=3)
    one, other = asked(), asked(profile=torch.zeros(6, LATENTS))
    step, noisy = torch.arange(6), torch.randn(6, LATENTS)
    torch.testing.assert_close(model(noisy, step, one)[0], model(noisy, step, other)[0])


def test_the_bound_is_that_of_two_normal_distributions():
    """Against torch's own divergence, and the likelihood at the first step."""
    model = made(steps=20, sampling_steps=20)
    noise = model.noise
    clean, chance, wrong = torch.randn(3, 20, LATENTS)
    step, share = torch.arange(20), torch.rand(20, LATENTS) * 2 - 1
    noisy = noise.noisy(clean, step, chance)
    found = model.variational(clean, noisy, step, wrong, share)
    mean = noise.mean_from_noise(noisy, step, wrong)
    scale = (0.5 * noise.log_variance(step, share)).exp()
    guess = torch.distributions.Normal(mean, scale)
    true = torch.distributions.Normal(
        noise.mean_from_clean(noisy, step, clean), noise.smallest[:, None].float().sqrt()
    )
    expected = torch.distributions.kl_divergence(true, guess)
    torch.testing.assert_close(found[1:], expected[1:], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(found[0], -guess.log_prob(clean)[0], rtol=1e-3, atol=1e-3)


def test_the_improved_bound_teaches_the_variance_alone():
    """With the gradient stopped at the mean, the noise learns from L_simple alone."""
    model, given = trained(made(bound="improved"), asked(), updates=2), asked()
    noise, share = (
        torch.randn(6, LATENTS, requires_grad=True),
        torch.zeros(6, LATENTS, requires_grad=True),
    )
    step = torch.arange(6) + 1
    model.variational(given.latent, given.latent, step, noise.detach(), share).sum().backward()
    assert noise.grad is None
    assert share.grad.abs().sum() > 0


@pytest.mark.parametrize("sampler", ["ddpm", "ddim"])
def test_both_modes_of_a_world_are_sampled(sampler):
    """Next items lie at +2 or at -2, whatever the history: half of the samples near each, few between."""
    sign = torch.where(torch.arange(200) % 2 == 0, 2.0, -2.0)
    latent = sign[:, None] * torch.ones(LATENTS) + 0.1 * torch.randn(200, LATENTS)
    given = asked(200, latent, profile=torch.zeros(200, LATENTS))
    model = trained(made(sampler=sampler, branches="general"), given, updates=300)
    drawn = model.generate(given, torch.Generator().manual_seed(0)).mean(1)
    assert (drawn.abs() - 2).abs().median() < 0.4
    assert 0.25 < (drawn > 0).float().mean() < 0.75


def test_what_is_drawn_hangs_on_the_seed_alone():
    model, given = trained(made(), asked(), updates=3), asked()
    one, same, other = (model.generate(given, torch.Generator().manual_seed(n)) for n in (1, 1, 2))
    torch.testing.assert_close(one, same)
    assert (one - other).abs().max() > 0.01


def test_the_profile_decides_which_mode_is_sampled():
    sign = torch.where(torch.arange(100) % 2 == 0, 1.0, -1.0)
    profile = torch.stack([sign, -sign, 0 * sign, 0 * sign], 1)
    given = asked(100, 2 * sign[:, None] * torch.ones(LATENTS), profile)
    drawn = trained(made(), given).generate(given, torch.Generator().manual_seed(0))
    assert (drawn.mean(1).sign() == sign).float().mean() > 0.9


def test_items_are_ranked_by_cosine():
    table = torch.tensor([[1.0, 0.0], [0.0, 3.0], [-1.0, 0.0]])
    assert cosines(torch.tensor([[2.0, 1.0]]), table).argsort(descending=True).tolist() == [
        [0, 1, 2]
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"branches": "left"}, "expected one of both"),
        ({"bound": "tight"}, "expected one of printed"),
        ({"sampler": "euler"}, "expected one of ddpm"),
        ({"tokens": 3}, "without a rest"),
    ],
)
def test_what_cannot_be_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        made(**settings)
