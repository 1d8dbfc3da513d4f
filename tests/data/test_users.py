"""Users and their sessions: in order, joined, dealt out to slots; and what they knew before."""

import numpy as np
import polars as pl
import pytest
import torch

from recloop.data.batches import Events
from recloop.data.user_batches import UserBatches
from recloop.data.users import Past, Users, joined

ITEMS = 30
# user: sessions as (number in the split, start, items); u1 has no validation session, u2 only trains
TOLD = {
    "train": {
        "u0": [(4, 30, [5, 6]), (2, 10, [1, 2, 3])],
        "u1": [(0, 5, [7, 7, 8])],
        "u2": [(1, 7, [9, 1])],
    },
    "valid": {"u0": [(6, 60, [2, 9, 4])]},
    "test": {"u0": [(9, 90, [1, 5, 11, 5])], "u1": [(7, 70, [8, 3])]},
}


def write(folder, logged, timed=True):
    for part, users in logged.items():
        rows = [(user, *session) for user, sessions in users.items() for session in sessions]
        pl.DataFrame(
            {
                "session": [number for _, number, _, _ in rows],
                "user": pl.Series([user for user, *_ in rows], dtype=pl.String),
                "item": pl.Series([items for *_, items in rows], dtype=pl.List(pl.Int32)),
                "event": pl.Series(
                    [[i % 2 for i in items] for *_, items in rows], dtype=pl.List(pl.UInt8)
                ),
                "time": pl.Series(
                    [
                        [start + i for i in range(len(x))] if timed else None
                        for *_, start, x in rows
                    ],
                    dtype=pl.List(pl.Int64),
                ),
                "first_target": pl.Series([1] * len(rows), dtype=pl.Int32),
            }
        ).write_parquet(folder / f"{part}.parquet")
    return folder


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path, TOLD)


def rows(sessions):
    return [part.tolist() for part in np.split(sessions.items, sessions.offsets[1:-1])]


def test_training_joins_all_sessions_of_a_user_in_order(folder):
    found = joined(folder, "train")
    assert rows(found) == [[7, 7, 8], [9, 1], [1, 2, 3, 5, 6]]  # by the last session of each
    assert found.ids.tolist() == [0, 1, 4]
    assert found.before.tolist() == [0, 0, 0]
    assert found.first_target.tolist() == [1, 1, 1]
    assert found.events.tolist() == [item % 2 for item in found.items]


def test_validation_and_test_put_the_earlier_sessions_before(folder):
    valid, test = joined(folder, "valid"), joined(folder, "test")
    assert rows(valid) == [[1, 2, 3, 5, 6, 2, 9, 4]]
    assert (valid.ids.tolist(), valid.before.tolist()) == ([6], [5])
    assert rows(test) == [[7, 7, 8, 8, 3], [1, 2, 3, 5, 6, 2, 9, 4, 1, 5, 11, 5]]
    assert (test.ids.tolist(), test.before.tolist()) == ([7, 9], [3, 8])
    events = Events.of(test, 20, ITEMS)
    assert list(zip(events.session, events.position, events.target, strict=True)) == [
        (7, 1, 3), (9, 1, 5), (9, 2, 11), (9, 3, 5),
    ]  # fmt: skip


def test_without_times_sessions_are_in_the_order_of_their_numbers(tmp_path):
    users = Users.read(write(tmp_path, TOLD, timed=False), "test")
    assert users.ids.tolist() == [0, 7, 2, 4, 6, 9]
    assert users.first.tolist() == [0, 2, 6]


def test_past_is_what_earlier_sessions_hold(folder):
    sessions = joined(folder, "test")
    past, events = Past.of(joined(folder, "test")), Events.of(sessions, 20, ITEMS)
    # 11 is new; the second 5 of session 9 is known from session 4, not from session 9
    assert past.known(events).tolist() == [False, True, False, True]
    top = np.array([[7, 3, 8], [7, 9, 11], [29, 1, 2], [6, 6, 0]])
    assert past.familiar(events, top).tolist() == [
        [True, False, True], [False, True, False], [False, True, True], [True, True, False],
    ]  # fmt: skip
    assert past.familiar(events.take(np.array([3])), top[3:]).tolist() == [[True, True, False]]


def test_nobody_has_a_past_in_a_first_session(sessions):
    events = Events.of(sessions([1, 2, 1]), 9, ITEMS)
    assert not Past.of(sessions([1, 2, 1])).known(events).any()


@pytest.mark.parametrize(
    ("logged", "match"),
    [
        ({"train": {None: [(1, 1, [1, 2])]}}, "1 sessions have no user"),
        ({"valid": {"u0": [(6, 6, [1, 2]), (7, 7, [1, 2])]}}, "1 users have more than one"),
        ({"valid": {"u0": [(2, 6, [1, 2])]}}, "1 sessions occur in two parts"),
    ],
)
def test_refuses_other_splits(tmp_path, logged, match):
    with pytest.raises(ValueError, match=match):
        joined(write(tmp_path, TOLD | logged), "valid")


def test_capped_keeps_the_last_items_and_no_session_without_a_transition(tmp_path):
    logged = {
        "train": {"a": [(0, 0, [1, 2, 3, 4]), (1, 1, [5]), (2, 2, [6, 7])], "b": [(3, 3, [8])]}
    }
    users = Users.read(write(tmp_path, logged), "train").capped(3)
    assert rows(users.sessions()) == [[2, 3, 4], [6, 7]]
    assert (users.ids.tolist(), users.first.tolist()) == ([0, 2], [0, 2, 2])
    assert users.grid(np.array([1, 0]), ITEMS).tolist() == [[6, 7, ITEMS], [2, 3, 4]]


# -- user-parallel batches ---------------------------------------------------------------------------------------------


@pytest.fixture
def crowd():
    """Forty users with one to twelve sessions of two items."""
    counts = np.random.default_rng(1).integers(1, 13, 40)
    total = counts.sum()
    offsets, first = np.arange(total + 1) * 2, np.concatenate([[0], np.cumsum(counts)])
    return Users(np.zeros(total * 2, int), np.zeros(total * 2, int), offsets, first, offsets[:-1])


def generator(seed):
    return torch.Generator().manual_seed(seed)


def test_an_epoch_has_each_session_once_and_follows_each_user_in_one_slot(crowd):
    user_batches = UserBatches.deal(crowd, 6, generator(0))
    turns = list(user_batches.turns(generator(1)))
    assert len(turns) == user_batches.updates
    assert sorted(torch.cat([turn.sessions for turn in turns]).tolist()) == list(
        range(len(crowd.ids))
    )
    walked = {slot: [] for slot in range(6)}
    for turn in turns:
        assert len(set(turn.slots.tolist())) == len(turn.slots)
        for session, slot, fresh in zip(*(column.tolist() for column in turn), strict=True):
            assert fresh == (session in crowd.first)
            assert fresh or walked[slot][-1] == session - 1
            walked[slot].append(session)


def test_slots_are_busy_to_the_end_and_their_order_is_drawn(crowd):
    user_batches = UserBatches.deal(crowd, 6, generator(0))
    assert user_batches.updates <= 1.1 * len(crowd.ids) / 6
    one, same, other = (
        [t.sessions.tolist() for t in user_batches.turns(generator(s))] for s in (1, 1, 2)
    )
    assert one == same
    assert one != other
    alone = UserBatches.deal(crowd, 40, generator(0))
    assert alone.updates == np.diff(crowd.first).max()
