"""Environments for online RL: rules by hand, Gymnasium's meanings, seeds, and states that go on exactly."""

import pytest
import torch

from recloop.models.online.state import Environment, KnownWorld
from recloop.simulators.online import RatedItems, column_distances, reach

RATINGS = torch.tensor([[1.0, 2, 3, 4], [5, 1, 1, 2]])
DISTANCES = torch.tensor([[0.0, 1, 5, 9], [1, 0, 5, 9], [5, 5, 0, 9], [9, 9, 9, 0]])
RULES = {"threshold": 2.0, "window": 2, "cap": 4, "first": "none", "memory": 3}


def world(episodes=1, **changes) -> RatedItems:
    return RatedItems(RATINGS, DISTANCES, episodes=episodes, **(RULES | changes))


def walk(it, *items, user=0):
    """Show items to one user; list rewards, and whether the user left or the cap ended it."""
    it.reset(options={"users": torch.tensor([user])})
    steps = [it.step(torch.tensor([item]))[1:4] for item in items]
    return [tuple(part.item() for part in step) for step in steps]


def test_rewards_are_ratings_and_the_last_one_counts():
    assert walk(world(), 3, 2, 3) == [(4.0, False, False), (3.0, False, False), (4.0, True, False)]
    assert walk(world(), 0, 3, user=1) == [(5.0, False, False), (2.0, False, False)]


def test_an_item_near_a_recent_one_tires():
    assert walk(world(), 0, 1)[-1] == (2.0, True, False)
    assert walk(world(threshold=1.0), 0, 1)[-1] == (2.0, False, False)  # not nearer than that
    assert walk(world(threshold=1.0), 0, 0)[-1] == (1.0, True, False)


def test_what_is_older_than_the_window_is_forgotten():
    assert walk(world(), 0, 3, 2, 1)[-1] == (2.0, False, True)
    assert walk(world(window=3, cap=9), 0, 3, 2, 1)[-1] == (2.0, True, False)


def test_the_cap_truncates_and_leaving_terminates():
    assert [step[1:] for step in walk(world(), 3, 2, 0, 3)] == [(False, False)] * 3 + [
        (False, True)
    ]
    assert walk(world(), 3, 2, 0, 0)[-1] == (1.0, True, False)


def test_the_released_slice_forgets_early_items():
    """Of seven, after four shown items the last three count, after five two, after six one, then all again."""
    assert reach(7, "as_released").tolist() == [len(list(range(t))[t - 7 : t]) for t in range(8)]
    assert reach(7, "as_released").tolist() == [0, 1, 2, 3, 3, 2, 1, 7]
    assert reach(7, "all").tolist() == list(range(8))
    far = {"threshold": 0.5, "window": 4, "cap": 9}
    assert not walk(world(recent="as_released", **far), 0, 1, 2, 0)[-1][1]
    assert walk(world(recent="all", **far), 0, 1, 2, 0)[-1][1]


def test_the_first_item_is_seen_and_neither_rewarded_nor_recent():
    it = world(first="random")
    seen, _ = it.reset(seed=3, options={"users": torch.tensor([0])})
    shown = seen.items[0, -1]
    assert shown < 4
    assert seen.items[0, :-1].tolist() == [4, 4]
    assert seen.rewards.tolist() == [[0.0] * 3]
    assert not it.step(shown[None])[2].item()


def test_agents_see_the_last_items_and_their_rewards():
    it = world(cap=9, threshold=0.5, window=1)
    walk(it, 0, 1, 2, 3)
    seen = it.observation()
    assert seen.items.tolist() == [[1, 2, 3]]
    assert seen.rewards.tolist() == [[2.0, 3.0, 4.0]]


def test_only_masked_episodes_begin_anew():
    it = world(episodes=3)
    it.reset(seed=1, options={"users": torch.tensor([0, 1, 0])})
    before, _, left, _, _ = it.step(torch.tensor([0, 1, 2]))
    after, _ = it.reset(options={"reset_mask": torch.tensor([False, True, False])})
    assert after.items[1].tolist() == [4, 4, 4]
    assert torch.equal(after.items[[0, 2]], before.items[[0, 2]])
    assert it.turn.tolist() == [1, 0, 1]
    assert not left.any()


def test_what_tires_is_what_step_ends():
    it = world(episodes=4, cap=9)
    it.reset(seed=2)
    it.step(torch.tensor([0, 1, 2, 3]))
    told = it.tiring()
    for item in range(4):
        assert torch.equal(told[:, item], it.bored(torch.full((4,), item)))


def test_a_seed_decides_everything_and_a_state_goes_on():
    first, again = world(episodes=5, first="random"), world(episodes=5, first="random")
    a, b = first.reset(seed=9)[0], again.reset(seed=9)[0]
    assert all(map(torch.equal, a, b))
    assert not torch.equal(a.items, first.reset(seed=10)[0].items)
    first.reset(seed=9)
    first.step(torch.tensor([0, 1, 2, 3, 0]))
    other = world(episodes=5, first="random", seed=77)
    other.load_state({name: one.clone() for name, one in first.state().items()})
    for it in (first, other):
        it.reset(options={"reset_mask": torch.tensor([True, False, True, False, False])})
    assert all(map(torch.equal, first.observation(), other.observation()))


def test_it_is_an_environment():
    assert isinstance(world(), Environment)
    assert isinstance(world(), KnownWorld)


@pytest.mark.parametrize("changes", [{"recent": "some"}, {"first": "best"}])
def test_an_unknown_rule_is_named(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        world(**changes)


def test_distances_are_those_of_columns():
    found = column_distances(RATINGS)
    assert found[0, 1].item() == pytest.approx((1 + 16) ** 0.5)
    assert torch.equal(found.diagonal(), torch.zeros(4))
    assert torch.equal(found, found.T)
