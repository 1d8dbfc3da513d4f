"""The planner: optimal where its states are all kept, as value iteration finds it; knowledge is worth more."""

import itertools

import pytest
import torch

from recloop.models.online.bounds import Bound
from recloop.simulators.online import RatedItems, column_distances
from recloop.simulators.planning import plan
from recloop.training.episodes import play

ITEMS, WINDOW, CAP = 5, 2, 6


@pytest.fixture(scope="module")
def ratings():
    return torch.randint(1, 6, (30, ITEMS), generator=torch.Generator().manual_seed(4)).float()


def world(ratings, episodes=30, recent="all") -> RatedItems:
    rules = {"threshold": 9.0, "window": WINDOW, "cap": CAP, "first": "none", "recent": recent}
    return RatedItems(ratings, column_distances(ratings), episodes=episodes, memory=1, **rules)


def value_iteration(world, user: int) -> float:
    """Value the empty episode of a user, backwards from the cap, over all last items."""
    states = [s for n in range(WINDOW + 1) for s in itertools.product(range(ITEMS), repeat=n)]
    value = dict.fromkeys(states, 0.0)
    for _ in range(CAP):
        new = {}
        for state in states:
            gains = []
            for item in range(ITEMS):
                reward = world.ratings[user, item].item()
                near = any(world.near[item, one] for one in state)
                gains.append(reward + (0.0 if near else value[(*state, item)[-WINDOW:]]))
            new[state] = max(gains)
        value = new
    return value[()]


def test_a_plan_is_worth_what_value_iteration_says(ratings):
    it = world(ratings)
    for user in range(10):
        shown, worth = it.plan(user, width=ITEMS**WINDOW)
        assert worth.item() == value_iteration(it, user)
        it.reset(options={"users": torch.full((30,), user)})
        steps = [it.step(torch.full((30,), int(item))) for item in shown]
        assert sum(step[1][0].item() for step in steps) == worth.item()
        assert not any(step[2][0].item() for step in steps[:-1])


def test_a_narrow_plan_is_a_lower_bound(ratings):
    it = world(ratings)
    wide, narrow = ([it.plan(user, width)[1].item() for user in range(30)] for width in (25, 1))
    assert all(a >= b for a, b in zip(wide, narrow, strict=True))


def test_a_plan_that_cannot_go_on_ends_with_its_best_item():
    near = torch.ones(3, 3, dtype=torch.bool)
    gains, reach = torch.tensor([1.0, 4.0, 2.0]), torch.tensor([0, 1])
    shown, worth = plan(gains, near, reach, cap=9, width=9)
    assert (shown.tolist(), worth.item()) == ([1, 1], 8.0)


def test_the_more_a_bound_knows_the_more_it_gets(ratings):
    found = {}
    for knows in ("nothing", "rewards", "rules", "all"):
        it, bound = world(ratings), Bound(ITEMS, knows, width=25)
        bound.fit(it)
        steps = play(bound, it, users=30, explore="greedy")
        found[knows] = sum(float(part["reward"].sum()) for part in steps) / 30
    assert found["all"] >= found["rules"] > found["nothing"]
    assert found["all"] > found["rewards"] > found["nothing"]
    best = sum(it.plan(user, 25)[1].item() for user in range(30)) / 30
    assert found["all"] == pytest.approx(best)


def test_popular_items_are_those_of_training_users(ratings):
    it, bound = world(ratings), Bound(ITEMS, "popularity", width=1)
    bound.fit(it)
    assert torch.allclose(bound.liked, ratings.mean(0))
    steps = play(bound, it, users=30, explore="greedy")
    assert set(steps[0]["item"]) == {int(ratings.mean(0).argmax())}
    assert set(steps[1]["item"]) == {int(ratings.mean(0).argsort(descending=True)[1])}


def test_other_knowledge_is_refused():
    with pytest.raises(ValueError, match="knows='everything'"):
        Bound(3, "everything", 1)
