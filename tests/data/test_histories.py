"""Simulated purchases: what was declared holds, and taste is what it says."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recloop.data.histories import (
    Buying,
    draw_lengths,
    looked_at,
    published,
    simulate,
    value_table,
)

ATTRIBUTES = {
    "colour": ["red", "black", "white"],
    "heel": ["flat", "high"],
    "toe": ["open", "round"],
}


def random(seed=1):
    return np.random.Generator(np.random.PCG64(seed))


def catalogue(items):
    """Give items whose attributes follow from their numbers."""
    rows = [
        (item, name, values[item // step % len(values)])
        for item in items
        for step, (name, values) in zip((1, 3, 6), ATTRIBUTES.items(), strict=True)
    ]
    schema = {"item": pl.Int32, "attribute": pl.String, "value": pl.String}
    return pl.DataFrame(rows, schema, orient="row")


@settings(max_examples=15)
@given(
    users=st.integers(1, 40),
    shortest=st.integers(2, 4),
    more=st.integers(0, 5),
    pool=st.integers(9, 30),
    drift=st.floats(0, 1),
    taste=st.floats(1, 3),
    seed=st.integers(0, 2**31),
)
def test_nothing_is_bought_twice_and_lengths_are_as_declared(
    users, shortest, more, pool, drift, taste, seed
):
    items = np.arange(pool) * 3 + 5
    buying = Buying(users, [shortest, shortest + more], shortest, drift, taste)
    found = simulate(items, catalogue(items), buying, random(seed))
    assert found.height == users
    for history, target, group in found.select("history", "target", "group").iter_rows():
        sequence = [*history, target]
        assert len(set(sequence)) == len(sequence)
        assert set(sequence) <= set(items)
        assert shortest <= len(sequence) <= shortest + more
        assert group == ("cold" if len(sequence) == shortest else "warm")


def test_short_histories_are_most_common():
    counts = np.bincount(draw_lengths(Buying(20_000, [3, 9], 3), random()))
    assert not counts[:3].any()
    assert (np.diff(counts[3:]) < 0).all()
    assert counts[4] / counts[3] == pytest.approx(0.6, abs=0.05)


def shared_values(drift, taste):
    """Count the values that first and last purchase have in common, on average."""
    items = np.arange(60)
    buying = Buying(800, [5, 5], 5, drift, taste)
    found = simulate(items, catalogue(items), buying, random())
    table = value_table(items, catalogue(items))
    first = table[found["history"].list.first().to_numpy()]
    return (first * table[found["target"].to_numpy()]).sum(1).mean()


def test_taste_ties_purchases_together_and_drift_loosens_them():
    chance, steady, drifting = (
        shared_values(0.0, 1.0),
        shared_values(0.0, 3.0),
        shared_values(1.0, 3.0),
    )
    assert steady > drifting + 0.2
    assert drifting == pytest.approx(chance, abs=0.15)


def test_the_seed_decides_and_blocks_of_users_are_independent_of_their_number():
    items = np.arange(20)
    buying = Buying(300, [3, 6], 3)
    once, again = (simulate(items, catalogue(items), buying, random()) for _ in range(2))
    assert once.equals(again)
    assert not once.equals(simulate(items, catalogue(items), buying, random(2)))


@pytest.mark.parametrize("lengths", [[1, 4], [5, 4], [3, 21]])
def test_impossible_lengths_stop(lengths):
    items = np.arange(20)
    with pytest.raises(ValueError, match="shortest and longest"):
        simulate(items, catalogue(items), Buying(5, lengths, 3), random())


def test_users_buy_what_they_look_at():
    items, titled = np.arange(20), np.arange(20) < 8
    offered = looked_at(titled, 300, 0.4, random())
    kinds = offered.sum(1)
    assert set(kinds) == {8, 12, 20}
    assert [(kinds == one).mean() for one in (8, 12)] == pytest.approx([0.2, 0.2], abs=0.06)
    buying = Buying(300, [4, 6], 4)
    found = simulate(items, catalogue(items), buying, random(), offered)
    bought = found.select(pl.concat_list("history", "target").alias("item"))["item"].to_list()
    assert all(offered[user, sequence].all() for user, sequence in enumerate(bought))
    everything = simulate(items, catalogue(items), buying, random(), np.ones_like(offered))
    assert everything.equals(simulate(items, catalogue(items), buying, random()))


def test_users_need_as_many_items_as_the_longest_sequence():
    items = np.arange(20)
    offered = np.tile(items < 5, (3, 1))
    with pytest.raises(ValueError, match="looks at 5 items"):
        simulate(items, catalogue(items), Buying(3, [4, 6], 4), random(), offered)


def test_items_without_attributes_can_be_bought():
    found = simulate(np.arange(9), catalogue([]), Buying(5, [3, 4], 3), random())
    assert found.height == 5


def test_published_sequences_lose_their_target():
    sequences = pl.DataFrame(
        {
            "user": ["b", "b", "b", "b", "a", "a", "a", "c"],
            "position": [3, 1, 2, 0, 0, 1, 2, 0],
            "item": [7, 5, 7, 4, 1, 2, 3, 9],
            "part": ["test"] * 4 + ["train"] * 4,
        },
        schema_overrides={"item": pl.Int32, "position": pl.Int32},
    )
    found = published(sequences)
    assert found["history"].to_list() == [[1, 2], [4, 5]]
    assert found["target"].to_list() == [3, 7]
    assert found["group"].to_list() == ["cold", "warm"]
    assert found["part"].to_list() == ["train", "test"]
    assert found["user"].to_list() == [0, 1]


def test_a_lost_purchase_makes_nobody_cold():
    rows = [("a", 0, 1), ("a", 2, 3), ("b", 0, 4), ("b", 1, 5)]
    sequences = pl.DataFrame(rows, ["user", "position", "item"], orient="row").with_columns(
        pl.col("position", "item").cast(pl.Int32), part=pl.lit("train")
    )
    found = published(sequences)
    assert found["history"].to_list() == [[1], [4]]
    assert found["group"].to_list() == ["warm", "cold"]
