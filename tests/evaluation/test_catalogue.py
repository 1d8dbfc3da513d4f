"""Catalogue metrics against hand-computed cases and plain loops."""

from collections import Counter
from math import log2

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from recloop.evaluation import catalogue, evaluate, per_session
from recloop.evaluation.metric import Facts

LISTS = pl.DataFrame(
    {
        "session": [7, 7, 3],
        "position": [1, 2, 1],
        "target": [0, 0, 0],
        "better": [0, 3, 9],
        "tied": [1, 1, 1],
        "top": [[0, 1, 2], [1, 2, 3], [0, 4, 1]],
    }
)
COUNTS = np.array([90, 4, 2, 1, 0, 3])  # item 0 is the popular one


def value(frame: pl.DataFrame, metric: str, k: int) -> float:
    return frame.filter(metric=metric, k=k)["value"].item()


def test_hand_computed():
    found = evaluate(LISTS, COUNTS, None, [1, 2, 3])
    assert value(found, "CV_div", 1) == pytest.approx(2 / 6)  # items 0 and 1
    assert value(found, "CV_div", 3) == pytest.approx(5 / 6)
    assert value(found, "CV_nov", 1) == pytest.approx(1 / 5)  # of the five that are not item 0
    assert value(found, "CV_nov", 3) == pytest.approx(4 / 5)
    assert value(found, "Repetitiveness", 3) == pytest.approx(
        (2 + 0) / 2
    )  # session 7 repeats 1 and 2
    assert value(found, "Repetitiveness", 1) == 0
    bits = [-log2(0.9), -log2(0.04), -log2(0.9)]
    assert value(found, "Novelty", 1) == pytest.approx(np.mean(bits))
    assert value(found, "HR", 3) == pytest.approx(1 / 3)


def test_sessions_are_in_ascending_order():
    assert per_session(LISTS, "Repetitiveness", 3).tolist() == [0, 2]
    assert per_session(LISTS, "HR", 3).tolist() == [0, 0.5]


def test_never_shown_item_counts_as_shown_once():
    assert catalogue.self_information(COUNTS)[4] == pytest.approx(-log2(1 / 100))


def test_gini_at_its_ends():
    assert catalogue.gini(np.full(9, 4)) == pytest.approx(0)
    assert catalogue.gini(np.array([0, 0, 0, 8])) == pytest.approx(3 / 4)


@given(st.lists(st.integers(0, 50), min_size=2, max_size=40).filter(any))
def test_gini_is_half_the_relative_mean_difference(exposure):
    differences = np.abs(np.subtract.outer(exposure, exposure)).mean()
    assert catalogue.gini(np.array(exposure)) == pytest.approx(
        differences / (2 * np.mean(exposure))
    )


def test_dissimilarity_agrees_with_scipy(monkeypatch):
    monkeypatch.setattr(catalogue, "CHUNK", 7)
    random = np.random.default_rng(1)
    vectors = random.normal(size=(40, 5))
    top = np.array([random.permutation(40)[:6] for _ in range(30)])
    expected = [pdist(vectors[row], "cosine").mean() for row in top]
    assert catalogue.dissimilarity(top, vectors) == pytest.approx(expected, abs=1e-6)


def test_dissimilarity_of_zero_vectors_and_single_items():
    assert catalogue.dissimilarity(np.array([[0, 1]]), np.zeros((2, 3))).tolist() == [1]
    assert catalogue.dissimilarity(np.array([[0]]), np.ones((2, 3))).tolist() == [0]


@st.composite
def worlds(draw) -> tuple[pl.DataFrame, np.ndarray, int]:
    items = draw(st.integers(3, 12))
    size = draw(st.integers(1, min(items, 5)))
    events = draw(st.integers(1, 12))
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    top = np.array([random.permutation(items)[:size] for _ in range(events)])
    lists = pl.DataFrame(
        {
            "session": random.integers(0, 4, events),
            "better": random.integers(0, items, events),
            "tied": np.ones(events, dtype=int),
            "top": pl.Series(top.tolist(), dtype=pl.List(pl.Int32)),
        }
    )
    return lists, random.integers(0, 9, items) + (np.arange(items) == 0), draw(st.integers(1, size))


@given(worlds())
def test_agrees_with_plain_loops(world):
    lists, counts, k = world
    found = evaluate(lists, counts, None, [k])
    tops = [row[:k] for row in lists["top"].to_list()]
    shown = {item for row in tops for item in row}
    novel = {item for item in range(len(counts)) if counts[item] <= np.quantile(counts, 0.9)}
    assert value(found, "CV_div", k) == pytest.approx(len(shown) / len(counts))
    assert value(found, "CV_nov", k) == pytest.approx(len(shown & novel) / len(novel))
    sessions = {}
    for session, row in zip(lists["session"], tops, strict=True):
        sessions.setdefault(session, []).extend(row)
    repeated = [sum(count - 1 for count in Counter(row).values()) for row in sessions.values()]
    assert value(found, "Repetitiveness", k) == pytest.approx(np.mean(repeated))
    bits = [-log2(max(counts[item], 1) / counts.sum()) for row in tops for item in row]
    assert value(found, "Novelty", k) == pytest.approx(np.mean(bits))


def test_lists_may_be_arrays_of_fixed_size():
    arrays = LISTS.with_columns(pl.col("top").cast(pl.Array(pl.Int32, 3)))
    assert evaluate(arrays, COUNTS, None, [2]).equals(evaluate(LISTS, COUNTS, None, [2]))


def test_ragged_and_empty_lists_are_refused():
    ragged = LISTS.with_columns(top=pl.Series([[0], [1, 2], [3]]))
    with pytest.raises(ValueError, match="Lists of one length expected"):
        evaluate(ragged, COUNTS, None, [1])
    with pytest.raises(ValueError, match="no event"):
        evaluate(LISTS.clear(), COUNTS, None, [1])


def test_novelty_of_an_event_needs_counts():
    assert per_session(LISTS, "Novelty", 1, Facts(counts=COUNTS)) == pytest.approx(
        [-log2(0.9), (-log2(0.9) - log2(0.04)) / 2]
    )
    with pytest.raises(ValueError, match="needs counts"):
        per_session(LISTS, "Novelty", 1)
