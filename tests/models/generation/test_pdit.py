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


def loss_with(model, given, monkeypatch, term):
    """Compute a loss in which each coordinate's term of the bound is a constant, or its own."""
    if term is not None:
        monkeypatch.setattr(
            model, "variational", lambda *_: torch.full((len(given), LATENTS), term)
        )
    torch.manual_seed(3)
    return model.loss(given)


@pytest.mark.parametrize(("bound", "weight"), [("printed", 1.0), ("improved", 0.001)])
def test_the_bound_is_a_sum_over_steps(bound, weight, monkeypatch):
    """Eq. 8.6 adds up over T = 100 steps, of which one is drawn: its term counts a hundred times."""
    model, given = made(bound=bound), asked()
    one, none = (loss_with(model, given, monkeypatch, term) for term in (1.0, 0.0))
    assert (one - none).item() == pytest.approx(100 * weight, rel=1e-4)


@pytest.mark.parametrize("bound", ["printed", "improved"])
def test_the_improved_bound_teaches_the_variance_alone(bound, monkeypatch):
    """With the mean held fast, the rows that predict noise learn from L_simple alone; those of the variance learn."""
    model, given, found = made(bound=bound), asked(), []
    for term in (None, 0.0):
        model.zero_grad()
        loss_with(model, given, monkeypatch, term).backward()
        found.append(model.decode.weight.grad.clone())
    half = LATENTS // SMALL["tokens"]
    assert torch.equal(found[0][:half], found[1][:half]) == (bound == "improved")
    assert found[0][half:].abs().sum() > 0


def test_sixteen_users_are_learnt_by_heart():
    """What is drawn for each is most like the own next item, of all sixteen: the corners of a cube."""
    corners = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * LATENTS)
    given = asked(16, corners)
    model = trained(made(), given, updates=1000)
    drawn = model.generate(given, torch.Generator().manual_seed(0))
    assert (model.score(drawn, corners).argmax(1) == torch.arange(16)).float().mean() > 0.9


@pytest.mark.parametrize("sampler", ["ddpm", "ddim"])
def test_both_modes_of_a_world_are_sampled(sampler):
    """Next items lie at +2 or at -2, whatever the history: samples near each, few between."""
    sign = torch.where(torch.arange(200) % 2 == 0, 2.0, -2.0)
    latent = sign[:, None] * torch.ones(LATENTS) + 0.1 * torch.randn(200, LATENTS)
    given = asked(200, latent, profile=torch.zeros(200, LATENTS))
    model = trained(made(sampler=sampler, branches="general"), given, updates=300)
    drawn = model.generate(given, torch.Generator().manual_seed(0)).mean(1)
    assert (drawn.abs() - 2).abs().median() < 0.4
    assert 0.15 < (drawn > 0).float().mean() < 0.85


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
