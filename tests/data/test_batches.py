"""Sessions to pieces and to events: each transition once, each prefix as it was."""

from itertools import pairwise

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recloop.data.batches import Events, Sessions, cut, previous

PADDING = 50
stories = st.lists(st.lists(st.integers(0, PADDING - 1), max_size=13), min_size=1, max_size=6)
filled = stories.filter(lambda rows: sum(map(len, rows)) > 1)
hypothesis = settings(max_examples=60)


def test_reads_a_part_of_a_split(tmp_path):
    pl.DataFrame(
        {
            "session": [4, 9],
            "user": ["a", "b"],
            "item": pl.Series([[3, 1, 2], [5]], dtype=pl.List(pl.Int32)),
            "event": pl.Series([[0, 1, 0], [1]], dtype=pl.List(pl.UInt8)),
            "time": [[1, 2, 3], [4]],
            "first_target": [1, 0],
        }
    ).write_parquet(tmp_path / "test.parquet")
    found = Sessions.read(tmp_path / "test.parquet")
    assert len(found) == 2
    assert found.items.tolist() == [3, 1, 2, 5]
    assert found.events.tolist() == [0, 1, 0, 1]
    assert found.offsets.tolist() == [0, 3, 4]
    assert found.ids.tolist() == [4, 9]


def transitions(rows):
    return [pair for row in rows for pair in pairwise(row)]


@hypothesis
@given(rows=filled, length=st.integers(1, 7))
def test_every_transition_is_in_just_one_piece(sessions, rows, length):
    windows = cut(sessions(*rows), length, PADDING)
    real = windows.following != PADDING
    assert torch.equal(real, windows.session != PADDING)
    found = list(zip(windows.session[real].tolist(), windows.following[real].tolist(), strict=True))
    assert found == transitions(rows)
    assert windows.session.shape[1] == length
    assert (real[:, :-1] | ~real[:, 1:]).all()  # padded on the right
    assert real.any(1).all()
    assert torch.equal(windows.purchase[real], windows.following[real] % 2)
    assert int(windows.ended.sum()) == sum(len(row) > 1 for row in rows)


def test_pieces_of_one_session_overlap_by_an_item(sessions):
    windows = cut(sessions([1, 2, 3, 4, 5, 6], [8], [9, 7]), 3, PADDING)
    assert windows.session.tolist() == [[1, 2, 3], [4, 5, PADDING], [9, PADDING, PADDING]]
    assert windows.following.tolist() == [[2, 3, 4], [5, 6, PADDING], [7, PADDING, PADDING]]
    assert windows.ended.tolist() == [False, True, True]


def test_some_rows_of_a_batch(sessions):
    windows = cut(sessions([1, 2, 3], [4, 5], [6, 7]), 3, PADDING)
    taken = windows.take(torch.tensor([2, 0]))
    assert len(taken) == 2
    assert taken.session[:, 0].tolist() == [6, 1]
    assert taken.ended.dtype == torch.bool


@hypothesis
@given(rows=filled, length=st.integers(1, 7), first_target=st.integers(0, 4))
def test_events_are_all_items_from_the_first_target_on_with_the_items_before_them(
    sessions, rows, length, first_target
):
    events = Events.of(sessions(*rows, first_target=first_target), length, PADDING)
    expected = [
        (100 + number, place, row[place], row[max(0, place - length) : place])
        for number, row in enumerate(rows)
        for place in range(max(1, first_target), len(row))
    ]
    assert len(events) == len(expected)
    prefixes = events.prefixes(slice(0, len(events)))
    for at, (session, position, target, before) in enumerate(expected):
        assert (events.session[at], events.position[at]) == (session, position)
        assert events.target[at] == target
        found = prefixes[at].tolist()
        assert found == before + [PADDING] * (len(found) - len(before))
    assert prefixes.shape[1] <= length


def test_each_session_has_its_own_first_target(sessions):
    world = sessions([1, 2, 3], [4, 5, 6])
    world.first_target[:] = [2, 1]
    assert Events.of(world, 5, PADDING).target.tolist() == [3, 5, 6]


def test_a_sample_is_the_same_for_a_seed_and_keeps_the_order(sessions):
    events = Events.of(sessions(*[list(range(9))] * 9), 5, PADDING)
    one, same, other = (events.sample(10, seed) for seed in (1, 1, 2))
    assert len(one) == 10
    assert np.array_equal(one.index, same.index)
    assert not np.array_equal(one.index, other.index)
    assert (np.diff(one.index) > 0).all()
    assert torch.equal(one.prefixes(slice(None))[3:5], one.prefixes(slice(3, 5)))


@pytest.mark.parametrize("number", [None, 72, 100])
def test_a_sample_of_all_is_all(sessions, number):
    events = Events.of(sessions(*[list(range(9))] * 9), 5, PADDING)
    assert events.sample(number, seed=1) is events


@hypothesis
@given(items=st.lists(st.integers(0, 5), max_size=20))
def test_previous_place_of_each_item(items):
    found = previous(np.array(items, int))
    for at, item in enumerate(items):
        before = [place for place in range(at) if items[place] == item]
        assert found[at] == (before[-1] if before else -1)


@hypothesis
@given(rows=filled, earlier=st.integers(0, 4))
def test_a_target_is_repeated_if_its_own_session_has_it_already(sessions, rows, earlier):
    """The first items of each row belong to earlier sessions of the same user."""
    logged = sessions(*[[item % 4 for item in row] for row in rows])
    logged.before[:] = np.minimum(earlier, np.diff(logged.offsets))
    logged.first_target[:] = logged.before + 1
    events = Events.of(logged, 3, PADDING)
    for at, again in enumerate(events.repeated()):
        index, position = events.index[at], events.position[at]
        assert again == (logged.items[index] in logged.items[index - position : index])


def test_events_of_any_loop_have_one_order(sessions):
    events = Events.of(sessions([1, 2, 3], [4, 5], [6, 7, 8]), 5, PADDING)
    mixed = events.take(np.array([4, 1, 3, 0, 2]))
    ordered = mixed.take(mixed.canonical())
    for name in ("session", "position", "target", "index"):
        assert np.array_equal(getattr(ordered, name), getattr(events, name))
    assert torch.equal(ordered.prefixes(slice(None)), events.prefixes(slice(None)))
