"""Ranking metrics against hand-computed cases, scikit-learn and the average over all tie-breakings."""

import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from recloop.evaluation.ranking import GAINS, per_event


def lists_of(better: list[int], tied: list[int]) -> pl.DataFrame:
    return pl.DataFrame(
        {"better": better, "tied": tied}, schema={"better": pl.Int32, "tied": pl.Int32}
    )


def test_hand_computed_without_ties():
    lists = lists_of([0, 2, 9, 10], [1, 1, 1, 1])
    assert per_event(lists, "HR", 10).tolist() == [1, 1, 1, 0]
    assert per_event(lists, "NDCG", 10) == pytest.approx([1, 0.5, 1 / np.log2(11), 0])
    assert per_event(lists, "MRR", 10) == pytest.approx([1, 1 / 3, 0.1, 0])


def test_hand_computed_with_ties():
    lists = lists_of([1], [4])  # rank 2, 3, 4 or 5
    assert per_event(lists, "HR", 3) == pytest.approx([0.5])
    assert per_event(lists, "MRR", 3) == pytest.approx([(1 / 2 + 1 / 3) / 4])
    assert per_event(lists, "NDCG", 3) == pytest.approx([(1 / np.log2(3) + 0.5) / 4])


@pytest.mark.parametrize(("items", "k"), [(10, 3), (7, 20), (1000, 20)])
def test_constant_scorer_gets_chance_level(items, k):
    assert per_event(lists_of([0], [items]), "HR", k) == pytest.approx([min(k / items, 1)])


@given(scores=st.lists(st.integers(0, 3), min_size=2, max_size=6), k=st.integers(1, 7))
def test_equals_the_average_over_all_tie_breakings(scores, k):
    target = scores[0]
    lists = lists_of([sum(score > target for score in scores)], [scores.count(target)])
    for name, gain in GAINS.items():
        gains = []
        for order in itertools.permutations(range(len(scores))):
            ranked = sorted(order, key=lambda item: -scores[item])  # stable: the order breaks ties
            rank = ranked.index(0) + 1
            gains.append(float(gain(np.array([rank]))[0]) if rank <= k else 0.0)
        assert per_event(lists, name, k) == pytest.approx([np.mean(gains)])


@given(
    scores=st.lists(st.floats(-5, 5, width=32), min_size=2, max_size=30, unique=True),
    k=st.integers(1, 30),
)
def test_ndcg_agrees_with_scikit_learn(scores, k):
    relevant = np.eye(len(scores))[:1]
    lists = lists_of([sum(score > scores[0] for score in scores)], [1])
    assert per_event(lists, "NDCG", k) == pytest.approx([ndcg_score(relevant, [scores], k=k)])


def test_unknown_metric_is_named():
    with pytest.raises(ValueError, match="'MAP' is not a score of single events"):
        per_event(lists_of([0], [1]), "MAP", 5)
