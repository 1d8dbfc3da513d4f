"""Full-catalogue ranks against brute force, exact under ties, in bounded memory."""

import numpy as np
import pytest
import torch
from torch import nn

from recloop.data.batches import Events
from recloop.evaluation import ranker
from recloop.evaluation.ranker import Diverged, Places, rank
from recloop.evaluation.ranking import GAINS, expected_gain

ITEMS = 30


class Table(nn.Module):
    """Scores by the last item; remembers how many sessions it was asked for at once."""

    def __init__(self, scores):
        super().__init__()
        self.scores, self.asked = scores, []

    def score(self, session):
        assert not self.training
        assert torch.is_inference_mode_enabled()
        self.asked.append(len(session))
        last = (session != ITEMS).sum(1) - 1
        return self.scores[session.gather(1, last[:, None]).squeeze(1)]


@pytest.fixture
def events(sessions):
    generator = np.random.default_rng(3)
    rows = [generator.integers(0, ITEMS, 6).tolist() for _ in range(40)]
    return Events.of(sessions(*rows), 5, ITEMS)


@pytest.fixture
def coarse():
    """Scores with many ties."""
    return torch.randint(4, (ITEMS, ITEMS), generator=torch.Generator().manual_seed(1)).float()


def test_ranks_are_those_of_brute_force_with_ties(events, coarse):
    found = rank(Table(coarse), events, 7)
    for at, target in enumerate(events.target):
        row = coarse[events.items[events.index[at] - 1]]
        assert found.better[at] == (row > row[target]).sum()
        assert found.tied[at] == (row == row[target]).sum()
        best = row[torch.from_numpy(found.top[at]).long()]
        assert torch.equal(best, row.sort(descending=True).values[:7])


@pytest.mark.parametrize("k", [1, 5, 10, 30])
def test_a_constant_scorer_has_chance_level(events, k):
    found = rank(Table(torch.zeros(ITEMS, ITEMS)), events, 0)
    assert (found.better == 0).all()
    assert (found.tied == ITEMS).all()
    hits = expected_gain(found.better, found.tied, k, GAINS["HR"])
    assert hits.mean() == pytest.approx(k / ITEMS)


def test_scores_a_bounded_number_at_once_with_the_same_result(events, coarse, monkeypatch):
    whole = rank(Table(coarse), events, 7)
    monkeypatch.setitem(ranker.CHUNK, "cpu", 9 * ITEMS)
    monkeypatch.setitem(ranker.LOOKED_AT, "cpu", 4 * ITEMS)  # 4, 4 and 1 of a round
    model = Table(coarse)
    found = rank(model, events, 7)
    assert max(model.asked) == 9
    assert sum(model.asked) == len(events)
    for name in ("better", "tied", "top"):
        assert np.array_equal(getattr(found, name), getattr(whole, name))


def test_lists_are_not_longer_than_the_catalogue_and_may_be_left_out(events, coarse):
    assert rank(Table(coarse), events, 99).top.shape == (len(events), ITEMS)
    assert rank(Table(coarse), events, 0).top.shape == (len(events), 0)


def test_no_events_give_no_ranks(sessions, coarse):
    found = rank(Table(coarse), Events.of(sessions([1], [2]), 5, ITEMS), 7)
    assert found.better.shape == found.tied.shape == (0,)
    assert found.top.shape == (0, 7)


@pytest.mark.parametrize("wrong", [torch.nan, torch.inf, -torch.inf])
def test_one_score_that_is_no_number_names_the_event(events, coarse, wrong, monkeypatch):
    monkeypatch.setitem(ranker.CHUNK, "cpu", 9 * ITEMS)  # several rounds
    monkeypatch.setitem(ranker.LOOKED_AT, "cpu", 4 * ITEMS)
    event = 30
    last = events.items[events.index[event] - 1]
    first = next(at for at in range(len(events)) if events.items[events.index[at] - 1] == last)
    other = (events.target[first] + 1) % ITEMS  # not the target's own
    coarse[last, other] = wrong
    place = f"session {events.session[first]}, position {events.position[first]} "
    with pytest.raises(Diverged, match=f"{place}.*training has diverged; lower learning_rate"):
        rank(Table(coarse), events, 5)


def test_large_scores_are_numbers(events, coarse):
    coarse[:, 4] = 3e38
    coarse[:, 5] = 3e38  # their sum is none
    assert (rank(Table(coarse), events, 1).top // 2 == 2).all()


class Far(nn.Module):
    """Scores by how far into its session it is asked."""

    reads = ("session", "position")

    def score(self, session, position):
        return position[:, None].float() * torch.arange(ITEMS)


def test_a_model_may_read_the_true_position(sessions):
    logged = sessions(list(range(9)), [5, 6])
    logged.before[0] = 2  # two items of an earlier session
    logged.first_target[0] = 3
    events = Events.of(logged, 3, ITEMS)
    model, asked = Far(), []
    score = model.score
    model.score = lambda session, position: (
        asked.append((session.shape[1], position.tolist())) or (score(session, position))
    )
    rank(model, events, 0)
    assert asked == [(3, [1, 2, 3, 4, 5, 6, 1])]


def test_items_seen_before_an_event_cannot_be_answers_unless_they_are_its_target(sessions, coarse):
    generator = np.random.default_rng(5)
    rows = [generator.integers(0, ITEMS, 9).tolist() for _ in range(30)]
    scores = coarse + torch.rand(ITEMS, ITEMS, generator=torch.Generator().manual_seed(2))
    events = Events.of(sessions(*rows), 3, ITEMS, exclude_seen=True)  # fewer than are known
    found = rank(Table(scores), events, 5)
    for at, target in enumerate(events.target):
        before = events.items[events.index[at] - events.seen[at] : events.index[at]]
        row = scores[before[-1]].clone()
        row[[item for item in before if item != target]] = -torch.inf
        assert found.better[at] == (row > row[target]).sum()
        assert set(found.top[at]) == set(row.topk(5).indices.tolist())
        assert not set(found.top[at]) & (set(before) - {target})


@pytest.mark.filterwarnings("error")  # of PyTorch, if a room is too small
def test_targets_come_in_parts_of_any_size():
    scores = torch.randn(12, ITEMS, generator=torch.Generator().manual_seed(6))
    targets, places = torch.arange(12), Places(3, 5)
    for part in (slice(0, 2), slice(2, 11), slice(11, 12)):
        places.add(scores[part], targets[part])
    found = places.ranks()
    assert found.better.tolist() == (scores > scores[range(12), range(12), None]).sum(1).tolist()
    assert found.top.tolist() == scores.topk(3).indices.tolist()


def test_what_one_session_has_seen_is_excluded_for_no_other(sessions):
    class Counts(nn.Module):
        """Give every session the same scores, in the same memory."""

        def score(self, session):
            return torch.arange(ITEMS, 0, -1.0).expand(len(session), -1)

    events = Events.of(sessions([0, 1, 2], [5, 6, 0]), 3, ITEMS, exclude_seen=True)
    assert rank(Counts(), events, 2).top.tolist() == [[1, 2], [2, 3], [0, 1], [0, 1]]


def test_items_are_counted_in_full_where_scores_have_16_bits():
    torch.manual_seed(1)
    scores = torch.randn(9, 3_000).bfloat16()
    targets = torch.arange(9)
    better, tied = ranker.place(scores, targets, torch.empty_like(scores))
    own = scores[torch.arange(9), targets][:, None]
    assert torch.equal(better, (scores > own).sum(1).int())
    assert torch.equal(tied, (scores == own).sum(1).int())
