"""Regression of the next latent: places count from the last item, padding is not seen, and a linear world is learnt."""

import torch

from recloop.models.generation.asked import Asked
from recloop.models.generation.regression import LatentRegression

LATENTS, LENGTH, USERS = 4, 5, 60


def asked(padding: float = 0.0) -> Asked:
    """Users whose next latent is their last one turned around, histories of one to five items."""
    torch.manual_seed(0)
    real = torch.arange(LENGTH) < torch.arange(USERS)[:, None] % LENGTH + 1
    history = torch.where(real[:, :, None], torch.randn(USERS, LENGTH, LATENTS), padding)
    last = history[torch.arange(USERS), real.sum(1) - 1]
    session, target = real.long(), torch.zeros(USERS, dtype=torch.long)
    return Asked(session, history, real, last, target, last.flip(1))


def made() -> LatentRegression:
    torch.manual_seed(1)
    return LatentRegression(LATENTS, LENGTH, dim=16, depth=1, heads=2, dropout=0.0)


def test_places_count_from_the_last_item():
    assert asked().ago[:3].tolist() == [[0] * 5, [1, 0, 0, 0, 0], [2, 1, 0, 0, 0]]


def test_padding_is_not_seen_and_every_weight_learns():
    model = made()
    model.loss(asked()).backward()
    assert all(one.grad.abs().sum() > 0 for one in model.parameters())
    torch.testing.assert_close(model(asked()), model(asked(7.0)))


def test_a_linear_world_is_learnt():
    model, given = made(), asked()
    optimiser = torch.optim.AdamW(model.parameters(), 0.01)
    for _ in range(150):
        optimiser.zero_grad()
        model.loss(given).backward()
        optimiser.step()
    drawn = model.generate(given, torch.Generator())
    order = model.score(drawn, given.latent).argmax(1)
    assert (order == torch.arange(USERS)).float().mean() > 0.9
