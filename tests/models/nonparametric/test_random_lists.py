"""Random lists are chance, whatever is asked of them."""

import numpy as np
import pytest
import torch

from recloop.models.nonparametric.random_lists import RandomLists

ITEMS, K, HISTORIES = 40, 5, 8000


@pytest.fixture
def model() -> RandomLists:
    torch.manual_seed(7)
    return RandomLists(ITEMS)


@pytest.fixture
def session() -> torch.Tensor:
    """Different histories, some of them padded."""
    drawn = torch.randint(ITEMS, (HISTORIES, 6), generator=torch.Generator().manual_seed(1))
    drawn[::3, 4:] = ITEMS
    return drawn


def test_every_item_is_listed_as_often_as_chance_has_it(model, session):
    listed = model.score(session).topk(K).indices
    count = np.bincount(listed.flatten().numpy(), minlength=ITEMS)
    mean = HISTORIES * K / ITEMS
    assert np.abs(count - mean).max() < 5 * np.sqrt(mean * (1 - K / ITEMS))
    hits = (listed == session[:, :1]).any(1).float().mean().item()  # of an item of the history
    assert hits == pytest.approx(K / ITEMS, abs=5 * np.sqrt(K / ITEMS / HISTORIES))


def test_scores_are_apart_and_uniform(model, session):
    scores = model.score(session)
    assert scores.min() >= 0 and scores.max() < 1
    assert scores.mean().item() == pytest.approx(0.5, abs=0.01)
    assert scores.unique().numel() > 0.95 * scores.numel()


def test_a_history_has_one_list_alone_and_in_a_batch(model, session):
    whole = model.score(session[:30])
    for row in range(30):
        alone = session[row][session[row] != ITEMS][None]
        assert torch.equal(model.score(alone)[0], whole[row])
    assert torch.equal(whole, model.score(session[:30].int()))


def test_the_number_drawn_is_kept_and_another_seed_draws_another(model, session):
    torch.manual_seed(8)
    other = RandomLists(ITEMS)
    assert not torch.equal(other.score(session), model.score(session))
    other.load_state_dict(model.state_dict())
    assert torch.equal(other.score(session), model.score(session))
