"""Every counted model keeps one contract: fits flat sessions, scores a padded batch, is saved."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from recloop.models.nonparametric.ease import EASE
from recloop.models.nonparametric.item_knn import ItemKNN
from recloop.models.nonparametric.popularity import Popularity, SessionPopularity
from recloop.models.nonparametric.sknn import SKNN
from recloop.models.nonparametric.vsknn import VSKNN

ITEMS = 12
MODELS = {
    "popularity": lambda: Popularity(ITEMS),
    "session_popularity": lambda: SessionPopularity(ITEMS),
    "item_knn": lambda: ItemKNN(ITEMS, neighbours=3),
    "sknn": lambda: SKNN(ITEMS, neighbours=4, sample=6),
    "vsknn": lambda: VSKNN(ITEMS, neighbours=4, sample=6),
    "vsknn_idf": lambda: VSKNN(ITEMS, similarity="cosine", decay="quadratic", idf=True),
    "ease": lambda: EASE(ITEMS, l2=2.0),
}


@pytest.fixture
def training():
    """Forty sessions; item 11 is in none of them."""
    generator = np.random.default_rng(4)
    lengths = generator.integers(2, 6, 40)
    offsets = np.append(0, np.cumsum(lengths))
    return generator.integers(0, ITEMS - 1, offsets[-1]).astype(np.int32), offsets


@pytest.fixture(params=MODELS)
def make(request):
    return MODELS[request.param]


@pytest.fixture
def model(make, training):
    model = make()
    model.fit(*training)
    return model


@pytest.fixture
def session():
    rows = [[1, 2, 3, 2], [4], [11, 5], [6, 6, 6]]
    return torch.tensor([[*row, *[ITEMS] * (5 - len(row))] for row in rows])


def test_scores_every_item(model, session):
    scores = model.score(session)
    assert scores.shape == (len(session), ITEMS)
    assert scores.is_floating_point()
    assert scores.isfinite().all()


def test_a_row_is_scored_alone_as_in_a_batch(model, session):
    together = model.score(session)
    for row, scores in zip(session, together, strict=True):
        real = row[row != ITEMS]
        torch.testing.assert_close(model.score(real[None])[0], scores)


def test_a_session_without_items_gets_scores(model):
    assert model.score(torch.full((2, 3), ITEMS)).isfinite().all()


def test_narrow_integers_are_sessions_too(model, session):
    assert torch.equal(model.score(session.int()), model.score(session))


def test_fitted_twice_is_fitted_once(model, training, session):
    before = model.score(session)
    model.fit(*training)
    assert torch.equal(model.score(session), before)


def test_state_is_saved_and_loaded_into_a_fresh_model(make, model, session, tmp_path):
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    fresh = make()
    fresh.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    assert torch.equal(fresh.score(session), model.score(session))


def test_a_smaller_state_replaces_a_larger_one(make, model, session):
    other = make()
    other.fit(np.array([1, 2, 3], np.int32), np.array([0, 2, 3]))
    model.load_state_dict(other.state_dict())
    assert torch.equal(model.score(session), other.score(session))


def test_state_stays_in_main_memory_and_whole(model, session):
    before = model.score(session)
    assert torch.equal(model.half().to("meta").score(session), before)


def test_has_no_weights_to_train(model):
    assert not list(model.parameters())


def test_training_data_is_left_as_it_was(make, training):
    items, offsets = (part.copy() for part in training)
    make().fit(*training)
    assert np.array_equal(items, training[0])
    assert np.array_equal(offsets, training[1])


def test_says_that_it_is_not_fitted(make, session):
    with pytest.raises(RuntimeError, match="knows no data: call fit or load its state"):
        make().score(session)


@pytest.mark.parametrize(
    ("items", "offsets", "message"),
    [
        ([0, ITEMS], [0, 2], r"item ids 0..12 are not in 0..11"),
        ([-1, 3], [0, 2], r"item ids -1..3 are not in 0..11"),
        ([0, 1], [0, 1], "offsets must rise from 0 to the number of events, 2"),
        ([0, 1, 2], [0, 2, 1, 3], "offsets must rise"),
        ([], [0], "no training events"),
    ],
)
def test_refuses_sessions_that_cannot_be(make, items, offsets, message):
    with pytest.raises(ValueError, match=message):
        make().fit(np.array(items, np.int32), np.array(offsets))
