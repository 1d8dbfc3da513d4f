"""Histories and tastes by hand: what is past, what is future, which interactions are seen."""

import numpy as np
import pytest

from recloop.data.tastes import NOBODY, Rated, histories, others, tastes
from recloop.storage.settings import SettingsError

GENRES = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [1, 1, 0, 0]], bool)


def rated(*users: list[tuple[int, float]]) -> Rated:
    """Put users behind one another, each a list of items and ratings."""
    rows = [row for user in users for row in user]
    return Rated(
        np.arange(len(users)) + 7,
        np.array([item for item, _ in rows]),
        np.array([stars for _, stars in rows]),
        np.cumsum([0, *map(len, users)]),
    )


ONE = [(0, 5.0), (1, 1.0), (2, 3.0), (3, 2.0), (0, 4.0), (1, 2.0), (2, 5.0), (3, 1.0)]


def test_the_best_and_the_worst_genres_by_hand():
    found = rated(ONE, [(0, 3.0), (4, 5.0)], [(2, 4.0)])
    every = np.ones(len(found.items), bool)
    liked, disliked = tastes(found, GENRES, every, support=1, most=3)
    assert liked.tolist() == [
        [1, 0, 1, 0],
        [0, 1, 0, 0],
        [0] * 4,
    ]  # means 4.5, 1.5, 4, 1.5 and 4, 5
    assert disliked.tolist() == [[0, 1, 0, 1], [1, 0, 0, 0], [0] * 4]
    liked, disliked = tastes(found, GENRES, every, support=1, most=1)
    assert (liked[0].tolist(), disliked[0].tolist()) == ([1, 0, 0, 0], [0, 0, 0, 1])
    assert not np.any(tastes(found, GENRES, every, support=3, most=1))


def test_tastes_of_the_future_do_not_see_the_past():
    """Whatever the past holds, labels are those of the future, and the other way round."""
    future = [(2, 5.0), (3, 1.0)]
    one = rated([(0, 5.0), (1, 1.0)] * 4 + future)
    other = rated([(0, 0.5), (1, 4.0)] * 4 + future)
    found = [tastes(each, GENRES, ~each.is_past(0.8), 1, 3) for each in (one, other)]
    assert np.array_equal(found[0], found[1])
    assert found[0][0].tolist() == [[0, 0, 1, 0]]
    same = [tastes(each, GENRES, each.is_past(0.8), 1, 3) for each in (one, other)]
    assert not np.array_equal(same[0], same[1])


def seen(found: Rated, length: int, sampling: str, seed: int = 0, share: float = 1.0) -> list:
    counts = np.array([1, 1000, 1, 1, 1])
    return histories(found, found.is_past(share), length, sampling, counts, seed).tolist()


def test_histories_by_hand():
    found = rated(ONE, [(0, 3.0), (4, 5.0)])
    assert seen(found, 3, "recent") == [[5, 6, 7], [NOBODY, 8, 9]]
    assert seen(found, 3, "recent", share=0.5) == [[1, 2, 3], [NOBODY, NOBODY, 8]]
    assert seen(found, 3, "top_rated") == [[0, 4, 6], [NOBODY, 8, 9]]  # 5, 4 and 5 stars


def test_draws_keep_the_order_of_time_and_hang_on_the_seed():
    found = rated(ONE, ONE)
    for sampling in ("random", "long_tail"):
        rows = np.array(seen(found, 5, sampling))
        assert (np.diff(rows, axis=1) > 0).all()
        assert rows.tolist() == seen(found, 5, sampling)
        assert rows.tolist() != seen(found, 5, sampling, seed=1)
        assert (rows[0] < 8).all()
        assert (rows[1] >= 8).all()


def test_the_long_tail_is_drawn_by_the_inverse_of_popularity():
    """Item 1, a thousand times as popular as the others, is all but left out; random draws take it."""
    found = rated(*[ONE] * 200)
    share = {
        sampling: np.mean(found.items[np.array(seen(found, 4, sampling)).ravel()] == 1)
        for sampling in ("random", "long_tail")
    }
    assert abs(share["random"] - 0.25) < 0.05
    assert share["long_tail"] < 0.01


def test_an_unknown_sampling_is_explained():
    with pytest.raises(SettingsError, match="did you mean 'recent'"):
        seen(rated(ONE), 2, "resent")


@pytest.mark.parametrize("users", [2, 3, 50])
def test_nobody_gets_the_own_history(users):
    found = others(users, 3)
    assert sorted(found) == list(range(users))
    assert (found != np.arange(users)).all()
