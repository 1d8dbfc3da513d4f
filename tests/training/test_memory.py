"""The memory of steps: rewards added up by hand, ends, rows that are overwritten, and a state that goes on."""

import pytest
import torch

from recloop.models.online.state import Seen
from recloop.training.memory import Memory

GAMMA = 0.5


def filled(rows=8, steps=6, episodes=2) -> Memory:
    """Two episodes at once: item t at step t, reward t + 1; the first is over at step 2, the second at step 4."""
    it = Memory(rows, episodes, memory=2)
    for t in range(steps):
        seen = Seen(
            torch.full((episodes, 2), t), torch.full((episodes, 2), 1.0 * t), torch.arange(episodes)
        )
        over = torch.tensor([t == 2, t == 4])
        it.add(seen, torch.full((episodes,), t), torch.full((episodes,), t + 1.0), over)
    return it


def look(it, step, episode, lookahead):
    """Look one step up by its number."""
    age = torch.tensor([it.count - 1 - step])
    found, known, last = it.steps(age, torch.tensor([episode]), lookahead, GAMMA)
    return found.gain.item(), found.discount.item(), known.item(), it.count - 1 - last.item()


def test_rewards_are_discounted_and_added_up():
    it = filled()
    assert look(it, 0, 1, 1) == (1.0, 0.5, True, 0)
    assert look(it, 0, 1, 3) == (1 + 0.5 * 2 + 0.25 * 3, 0.125, True, 2)
    assert it.steps(torch.tensor([5]), torch.tensor([1]), 3, GAMMA)[0].after.items.tolist() == [
        [3, 3]
    ]


def test_nothing_counts_after_the_end_of_an_episode():
    it = filled()
    assert look(it, 1, 0, 3) == (2 + 0.5 * 3, 0.0, True, 2)
    assert look(it, 2, 0, 4) == (3.0, 0.0, True, 2)


def test_what_has_no_end_yet_is_not_known():
    it = filled()
    assert look(it, 3, 0, 2)[2]
    assert not look(it, 5, 0, 2)[2]
    assert not look(it, 5, 1, 9)[2]


def test_finished_episodes_come_with_their_whole_return():
    """Of the last two rows, 4 and 5: the second episode is over at 4, with steps 0 to 4; the first one is not."""
    found = filled().finished(rows=2, cap=6, discount=GAMMA)
    assert sorted(found.action.tolist()) == [0, 1, 2, 3, 4]
    returns = {4: 5.0, 3: 6.5, 2: 6.25, 1: 5.125, 0: 3.5625}
    assert dict(zip(found.action.tolist(), found.gain.tolist(), strict=True)) == returns
    assert not found.discount.any()


def test_an_episode_is_learned_from_once():
    it, taken = Memory(8, 2, memory=2), []
    whole = filled(rows=40)
    for t in range(6):
        row = Seen(whole.items[t], whole.rewards[t], whole.user[t])
        it.add(row, whole.action[t], whole.reward[t], whole.over[t])
        taken += it.finished(1, 6, GAMMA).action.tolist()
    assert taken == [2, 1, 0, 4, 3, 2, 1, 0]


def test_the_newest_rows_are_those_followed_by_enough():
    found = filled().newest(rows=2, lookahead=1, discount=GAMMA)
    assert found.action.tolist() == [4, 4, 3, 3]
    assert found.gain.tolist() == [5.0, 5.0, 4.0, 4.0]
    assert found.discount.tolist() == [0.5, 0.0, 0.5, 0.5]


def test_a_full_memory_forgets_the_oldest_rows():
    it = filled(rows=4)
    assert it.kept == 4
    drawn = it.drawn(500, 1, GAMMA, torch.Generator().manual_seed(1))
    assert set(drawn.action.tolist()) == {2, 3, 4}
    assert (drawn.gain == drawn.action + 1).all()


def test_a_state_goes_on():
    it, other = filled(), Memory(8, 2, memory=2)
    other.load_state({name: one.clone() for name, one in it.state().items()})
    draws = (one.drawn(20, 2, GAMMA, torch.Generator().manual_seed(2)) for one in (it, other))
    a, b = draws
    assert torch.equal(a.gain, b.gain)
    assert torch.equal(a.after.items, b.after.items)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_young_memory_knows_little(steps):
    found = filled(steps=steps).finished(rows=1, cap=6, discount=GAMMA)
    assert len(found.action) == (3 if steps == 3 else 0)
