"""Each counted model against its formula, written with loops over small random sessions."""

from collections import Counter
from itertools import chain
from math import log, sqrt

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from recloop.models.nonparametric import ease, item_knn
from recloop.models.nonparametric.ease import EASE
from recloop.models.nonparametric.item_knn import ItemKNN
from recloop.models.nonparametric.popularity import Popularity, SessionPopularity
from recloop.models.nonparametric.sknn import SKNN
from recloop.models.nonparametric.state import DoesNotFit
from recloop.models.nonparametric.vsknn import VSKNN

ITEMS = 7
one_session = st.lists(st.integers(0, ITEMS - 1), min_size=1, max_size=5)
training = st.lists(one_session, min_size=1, max_size=12)
few = settings(max_examples=50)


def joined(sessions):
    return list(chain.from_iterable(sessions))


def fitted(model, sessions):
    lengths = [len(session) for session in sessions]
    model.fit(np.array(joined(sessions), np.int32), np.append(0, np.cumsum(lengths)))
    return model


def scores(model, session):
    return model.score(torch.tensor([session]))[0].tolist()


def support(sessions, item):
    return sum(item in session for session in sessions)


def assert_ordered(found, keys):
    """Check that scores order items as their keys do, with ties where keys tie."""
    assert [sorted(set(found)).index(value) for value in found] == [
        sorted(set(keys)).index(key) for key in keys
    ]


def assert_near_and_ordered(found, expected, sessions):
    """Check values, and that popularity decides between equal ones and no others."""
    assert found == pytest.approx(expected, abs=2e-8)
    rounded = [round(value, 8) for value in expected]
    assert_ordered(found, [(rounded[item], support(sessions, item)) for item in range(ITEMS)])


@few
@given(sessions=training, session=one_session)
def test_popularity(sessions, session):
    counts = Counter(joined(sessions))
    assert scores(fitted(Popularity(ITEMS), sessions), session) == [counts[i] for i in range(ITEMS)]


@few
@given(sessions=training, session=one_session)
def test_session_popularity(sessions, session):
    counts, own = Counter(joined(sessions)), Counter(session)
    found = scores(fitted(SessionPopularity(ITEMS), sessions), session)
    assert [int(value) for value in found] == [own[item] for item in range(ITEMS)]
    assert_ordered(found, [(own[item], counts[item]) for item in range(ITEMS)])


def similarity(sessions, one, other, regularisation, shrink):
    common = sum(one in past and other in past for past in sessions)
    if one == other or not common:
        return 0.0
    sizes = [support(sessions, item) + regularisation for item in (one, other)]
    return common / sqrt(sizes[0] * sizes[1]) * common / (common + shrink)


@few
@given(
    sessions=training,
    session=one_session,
    neighbours=st.integers(1, ITEMS),
    regularisation=st.sampled_from([0.0, 20.0]),
    shrink=st.sampled_from([0.0, 3.0]),
)
def test_item_knn(sessions, session, neighbours, regularisation, shrink):
    values = [similarity(sessions, session[-1], i, regularisation, shrink) for i in range(ITEMS)]
    keys = [(round(value, 8), support(sessions, item)) for item, value in enumerate(values)]
    ranking = [*sorted(keys, reverse=True), None]
    # Which of two items that tie in popularity too is the last neighbour, is not laid down.
    assume(ranking[neighbours - 1] != ranking[neighbours])
    kept = [value if keys[i] >= ranking[neighbours - 1] else 0.0 for i, value in enumerate(values)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(item_knn, "BLOCK", 3)
        model = fitted(ItemKNN(ITEMS, neighbours, regularisation, shrink), sessions)
    assert_near_and_ordered(scores(model, session), kept, sessions)


def plain_votes(sessions, session, neighbours, sample):
    """Score items as S-KNN does, one past session after another."""
    sharing = [i for i, past in enumerate(sessions) if set(session) & set(past)][-sample:]
    near = []
    for i in sharing:
        one, other = set(session), set(sessions[i])
        near.append((round(len(one & other) / sqrt(len(one) * len(other)), 8), i))
    result = [0.0] * ITEMS
    for value, i in sorted(near)[-neighbours:]:
        for item in set(sessions[i]):
            result[item] += value
    return result


@few
@given(
    sessions=training,
    session=one_session,
    neighbours=st.sampled_from([1, 2, 100]),
    sample=st.sampled_from([1, 3, 500]),
)
def test_sknn(sessions, session, neighbours, sample):
    model = fitted(SKNN(ITEMS, neighbours, sample), sessions)
    expected = plain_votes(sessions, session, neighbours, sample)
    assert_near_and_ordered(scores(model, session), expected, sessions)


def votes(sessions, session, neighbours, sample, power, cosine, idf):
    """Score items as V-SKNN does, one past session after another."""
    weight = {item: ((x + 1) / len(session)) ** power for x, item in enumerate(session)}
    sharing = [i for i, past in enumerate(sessions) if weight.keys() & set(past)][-sample:]
    near = []
    for i in sharing:
        value = sum(weight.get(item, 0.0) for item in set(sessions[i]))
        if cosine:
            norm = sqrt(sum(w**2 for w in weight.values()))
            value /= norm * sqrt(len(set(sessions[i])))
        near.append((round(value, 8), i))
    result = [0.0] * ITEMS
    for value, i in sorted(near)[-neighbours:]:
        last = next(item for item in reversed(session) if item in sessions[i])
        for item in set(sessions[i]):
            rarity = log(len(sessions) / support(sessions, item)) if idf else 1.0
            result[item] += value * weight[last] * rarity
    return result


@few
@given(
    sessions=training,
    session=one_session,
    neighbours=st.sampled_from([1, 2, 100]),
    sample=st.sampled_from([1, 3, 500]),
    decay=st.sampled_from(["linear", "quadratic"]),
    kind=st.sampled_from(["dot", "cosine"]),
    idf=st.booleans(),
)
def test_vsknn(sessions, session, neighbours, sample, decay, kind, idf):
    model = fitted(VSKNN(ITEMS, neighbours, sample, decay, kind, idf), sessions)
    power = {"linear": 1, "quadratic": 2}[decay]
    expected = votes(sessions, session, neighbours, sample, power, kind == "cosine", idf)
    assert_near_and_ordered(scores(model, session), expected, sessions)


@few
@given(sessions=training, session=one_session, l2=st.sampled_from([0.5, 5.0]))
def test_ease(sessions, session, l2):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ease, "BLOCK", 3)
        model = fitted(EASE(ITEMS, l2), sessions)
    seen = np.array([[item in past for item in range(ITEMS)] for past in sessions], float)
    inverse = np.linalg.inv(seen.T @ seen + l2 * np.eye(ITEMS))
    weight = np.eye(ITEMS) - inverse / np.diag(inverse)
    expected = np.isin(np.arange(ITEMS), session) @ weight
    assert scores(model, session) == pytest.approx(expected, abs=1e-5)


def test_item_knn_by_hand():
    model = fitted(ItemKNN(3, regularisation=0.0), [[0, 1], [1, 0, 1], [0, 2]])
    found = scores(model, [2, 0])
    assert found == pytest.approx([0, 2 / sqrt(3 * 2), 1 / sqrt(3 * 1)], abs=1e-7)
    assert found[0] > 0  # the tie with items never seen is broken by popularity


def test_sknn_by_hand():
    # Similarity of {0, 1} to {0, 1, 2} is 2 / sqrt(6), to {0, 3} it is 1 / 2; {3, 4} has no say.
    model = fitted(SKNN(5), [[0, 1, 2, 1], [0, 3], [4, 3]])
    near = 2 / sqrt(6)
    expected = [near + 1 / 2, near, near, 1 / 2, 0]
    for session in ([0, 1], [1, 0], [0, 1, 0]):  # neither order nor repeats count
        assert scores(model, session) == pytest.approx(expected, abs=1e-7)


def test_vsknn_by_hand():
    # Weights of [0, 1]: 1/2 and 1. Past [0, 1, 2]: similarity 3/2, last shared item 1, so its vote
    # is 3/2. Past [0, 3]: similarity 1/2, last shared item 0, so its vote is 1/4.
    model = fitted(VSKNN(5), [[0, 1, 2], [0, 3], [4, 3]])
    assert scores(model, [0, 1]) == pytest.approx([7 / 4, 3 / 2, 3 / 2, 1 / 4, 0], abs=1e-7)


def test_vsknn_repeated_items_weigh_as_their_last_occurrence():
    model = fitted(VSKNN(3), [[0, 2], [1, 2]])
    assert scores(model, [0, 1, 0, 1]) == pytest.approx([9 / 16, 1, 25 / 16], abs=1e-7)


def test_vsknn_refuses_unknown_words():
    with pytest.raises(
        ValueError, match="decay='cubic' is not known to VSKNN: take linear or quad"
    ):
        VSKNN(5, decay="cubic")
    with pytest.raises(
        ValueError, match="similarity='cosin' is not known to VSKNN: take dot or cos"
    ):
        VSKNN(5, similarity="cosin")


def test_ease_by_hand():
    # Gram matrix with the penalty: [[3, 1], [1, 2]].
    model = fitted(EASE(2, l2=1.0), [[0, 1, 1], [0]])
    assert scores(model, [0, 0]) == pytest.approx([0, 1 / 3])
    assert scores(model, [1]) == pytest.approx([1 / 2, 0])


def test_ease_says_that_it_does_not_fit():
    model = EASE(70_852)
    with pytest.raises(DoesNotFit, match=r"70,852 items needs 37\.4 GiB .* memory_gib=4: raise it"):
        model.fit(np.array([1, 2], np.int32), np.array([0, 2]))


def test_ease_says_that_it_has_no_solution():
    with pytest.raises(ValueError, match="no solution with l2=0: raise it"):
        fitted(EASE(3, l2=0.0), [[0, 1]])
