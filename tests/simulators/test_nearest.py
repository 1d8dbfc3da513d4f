"""Ranking a turn: against brute force, with ties, without what was shown."""

import pytest
import torch

ITEMS, DIM, BATCH, SEEN, K = 203, 6, 9, 12, 4


@pytest.fixture
def turn():
    generator = torch.Generator().manual_seed(3)
    table = torch.randint(-1, 2, (ITEMS, DIM), generator=generator).float() * 22  # many are equal
    query = torch.randn(BATCH, DIM, generator=generator) * 9
    order = torch.rand(BATCH, ITEMS, generator=generator).argsort(1)
    return table, query, order[:, 0], order[:, 1 : SEEN + 1]


def brute(table, query, target, shown):
    """Distances in float64, infinite for what was shown; counts of items nearer and as near."""
    distance = (query[:, None].double() - table.double()).square().sum(-1)
    distance.scatter_(1, shown, torch.inf)
    own = distance.gather(1, target[:, None])
    return distance, (distance < own - 1e-9).sum(1), (abs(distance - own) < 1e-9).sum(1)


@pytest.mark.parametrize("chunk", [1, 700, 1 << 20])
def test_agrees_with_brute_force(turn, monkeypatch, chunk):
    from recloop.simulators import nearest

    monkeypatch.setitem(nearest.CHUNK, "cpu", chunk)
    table, query, target, shown = turn
    distance, better, tied = brute(*turn)
    it = nearest.Nearest(table)
    for _ in range(2):  # buffers are used again
        top, above, level = it.rank(query, target, shown, K)
        assert torch.equal(above, better)
        assert torch.equal(level, tied)
        assert tied.max() > 1
        found = distance.gather(1, top)
        assert torch.allclose(found, distance.sort(1).values[:, :K])
        assert all(len(set(row)) == K for row in top.tolist())
        assert torch.equal(it.top(query, shown, K), top)


def test_items_that_are_left_can_all_be_shown(turn):
    from recloop.simulators.nearest import Nearest

    table, query, *_ = turn
    shown = torch.arange(ITEMS).expand(BATCH, -1)
    top = Nearest(table).top(query, shown[:, : ITEMS - 2], 2)
    assert top.sort(1).values.tolist() == [[ITEMS - 2, ITEMS - 1]] * BATCH
    with pytest.raises(ValueError, match="2 items are to be shown, 1 of 203 are left"):
        Nearest(table).top(query, shown[:, : ITEMS - 1], 2)


def test_a_table_that_was_embedded_anew_is_used(turn):
    from recloop.simulators.nearest import Nearest

    table, query, target, shown = turn
    it = Nearest(table)
    it.refresh(-table)
    ours = it.rank(query, target, shown, K)
    assert all(map(torch.equal, ours, Nearest(-table).rank(query, target, shown, K)))


def test_batches_may_differ_in_size(turn):
    from recloop.simulators.nearest import Nearest

    table, query, target, shown = turn
    it = Nearest(table)
    whole = it.rank(query, target, shown, K)
    part = it.rank(query[:2], target[:2], shown[:2], K)
    assert all(torch.equal(one[:2], other) for one, other in zip(whole, part, strict=True))


def test_the_same_picture_twice_is_a_tie(turn):
    from recloop.simulators.nearest import Nearest

    generator = torch.Generator().manual_seed(1)
    table = torch.randn(500, 32, generator=generator)
    table[499] = table[3]
    query = torch.randn(64, 32, generator=generator)
    target = torch.full((64,), 3)
    none = torch.empty(64, 0, dtype=torch.long)
    assert (Nearest(table).rank(query, target, none, K)[2] == 2).all()


def test_a_state_that_is_no_number_is_reported(turn):
    from recloop.evaluation.ranker import Diverged
    from recloop.simulators.nearest import Nearest

    table, query, target, shown = turn
    query[1] = torch.nan
    with pytest.raises(Diverged, match="learning_rate"):
        Nearest(table).rank(query, target, shown, K)
