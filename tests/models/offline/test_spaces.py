"""Products and sums over attributes are what they are over all actions; states do not depend on the way to them."""

import itertools

import pytest
import torch

from recloop.models.offline.spaces import Space, entropy, expected, log_sum_exp, taken
from recloop.models.offline.tracker import SlotTracker, scan

SIZES = [3, 2, 4]


@pytest.fixture
def scores():
    generator = torch.Generator().manual_seed(3)
    return torch.randn(5, 3, 4, generator=generator, dtype=torch.float64)


def every_action():
    return torch.tensor(list(itertools.product(*map(range, SIZES))))


def over_all(scores):
    """Score every action of every state by hand: state, action."""
    actions = every_action()
    return torch.stack([taken(scores, one.expand(len(scores), -1)) for one in actions], dim=1)


def test_sums_over_attributes_are_sums_over_actions(scores):
    space, flat = Space(SIZES), over_all(scores)
    torch.testing.assert_close(log_sum_exp(scores, space.there), flat.logsumexp(1))
    policy = space.log_policy(scores)
    whole = over_all(policy)
    torch.testing.assert_close(whole.exp().sum(1), torch.ones(5, dtype=torch.float64))
    torch.testing.assert_close(expected(policy, scores), (whole.exp() * flat).sum(1))
    torch.testing.assert_close(entropy(policy), -(whole.exp() * whole).sum(1))


def test_nothing_is_chosen_that_there_is_not():
    space, generator = Space(SIZES), torch.Generator().manual_seed(1)
    scores = torch.zeros(4000, 3, 4)
    scores[:, :, 3] = 50.0  # only the last attribute has a fourth value
    assert space.best(scores).amax(0).tolist()[2] == 3
    drawn = space.draw(scores, generator)
    assert (drawn < torch.tensor(SIZES)).all()
    counts = space.uniform(4000, generator)[:, 0].bincount(minlength=3)
    assert (counts - 4000 / 3).abs().max() < 150


def test_a_scan_is_a_loop():
    generator = torch.Generator().manual_seed(5)
    kept, added = (torch.rand(2, 4, 13, 6, generator=generator) for _ in range(2))
    kept, added, start = kept[0], added[0], torch.rand(4, 6, generator=generator)
    state, found = start, []
    for time in range(13):
        state = kept[:, time] * state + added[:, time]
        found.append(state)
    torch.testing.assert_close(scan(kept, added, start), torch.stack(found, dim=1))


def test_states_at_once_are_states_turn_by_turn():
    torch.manual_seed(0)
    tracker = SlotTracker(inputs=3, words=2, hidden=8, slots=2, slot_dim=4)
    seen, heard = torch.randn(2, 7, 3), torch.randn(2, 7, 2)
    over = torch.zeros(2, 7, dtype=torch.bool)
    over[0, 3] = True
    states = tracker.states(seen, heard, tracker.start(2), over)
    state = tracker.start(2)
    for time in range(7):
        torch.testing.assert_close(states[:, time], state)
        state = tracker.advance(state, seen[:, time], heard[:, time])
        state = state.masked_fill(over[:, time, None], 0.0)
    torch.testing.assert_close(states[:, 7], state)
    real = torch.arange(7) < torch.tensor([[5], [7]])
    packed = tracker.states(seen, heard, real=real)
    torch.testing.assert_close(packed[:, :6], tracker.states(seen, heard)[:, :6])


def test_who_does_not_hear_is_the_same_whatever_is_said():
    tracker = SlotTracker(inputs=3, words=2, hidden=8, slots=2, slot_dim=4, hears=False)
    seen = torch.randn(2, 3)
    one, other = (tracker.advance(tracker.start(2), seen, torch.randn(2, 2)) for _ in range(2))
    assert torch.equal(one, other)
