"""The sparse pieces of the counted models."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse

from recloop.models.nonparametric.incidence import (
    below_rounding,
    incidence,
    keep_largest,
    keep_latest,
    last_items,
    last_places,
)

SESSION = torch.tensor(
    [[4, 2, 4, 9], [3, 9, 9, 9], [9, 9, 9, 9]]
)  # nine items, so that 9 is padding
tables = arrays(float, (4, 6), elements=st.integers(0, 9), unique=False)


def test_incidence_counts_a_repeated_item_once():
    matrix = incidence(np.array([2, 0, 2, 1], np.int32), np.array([0, 3, 3, 4]), 3)
    assert matrix.toarray().tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0]]


def test_last_items_are_real_where_there_is_one():
    assert last_items(SESSION, 9).tolist() == [4, 3, 9]


def test_last_places_leave_out_padding_and_what_comes_again():
    assert last_places(SESSION, 9).tolist() == [[0, 2, 3, 0], [1, 0, 0, 0], [0, 0, 0, 0]]


@given(table=tables, count=st.integers(1, 7))
def test_keep_largest_keeps_the_largest(table, count):
    matrix = sparse.csr_array(table)
    kept = keep_largest(matrix, count, matrix.data).toarray()
    for before, after in zip(table, kept, strict=True):
        assert sorted(after[after > 0]) == sorted(before[before > 0])[-count:]
        assert (before[after > 0] == after[after > 0]).all()


@given(table=tables, count=st.integers(1, 7))
def test_keep_latest_keeps_the_last_columns(table, count):
    kept = keep_latest(sparse.csr_array(table), count).toarray()
    for before, after in zip(table, kept, strict=True):
        assert np.flatnonzero(after).tolist() == np.flatnonzero(before)[-count:].tolist()


@given(
    grid=st.lists(st.integers(0, 10**9), min_size=2, max_size=20),
    popular=st.lists(st.integers(0, 10**5), min_size=20, max_size=20),
)
def test_popularity_decides_ties_and_nothing_else(grid, popular):
    popular = np.array(popular[: len(grid)], float)
    total = np.array(grid) / 1e8 + below_rounding(popular)
    keys = list(zip(grid, popular.tolist(), strict=True))
    by_score = [keys[i] for i in np.argsort(total, kind="stable")]
    assert by_score == sorted(keys)
    assert len(set(total)) == pytest.approx(len(set(keys)))
