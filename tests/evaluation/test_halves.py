"""Resampling by halves against plain loops and against the spread over fresh worlds."""

import numpy as np
import pytest

from recloop.evaluation.halves import Halves, growth


def members(bits: np.ndarray, split: int) -> np.ndarray:
    """Mark the sessions that one split takes."""
    return np.unpackbits(bits.view(np.uint8), axis=1)[:, split].astype(bool)


def test_halves_and_quarters_share_no_session():
    halves = Halves(sessions=40, draws=256, seed=1)
    assert halves.draws == 256
    for split in range(128):
        first, second = (members(bits, split) for bits in halves.halves)
        assert (first ^ second).all()
        assert first.sum() == 20
        small, other = (members(bits, split) for bits in halves.quarters)
        assert not (small & other).any()
        assert ((small | other) == first).all()


def test_deviations_agree_with_a_loop():
    random = np.random.default_rng(2)
    session, item = random.integers(0, 40, 300), random.integers(0, 100, 300)
    among = random.random(100) < 0.6
    halves = Halves(sessions=40, draws=256, seed=1)

    def count(bits: np.ndarray, split: int) -> int:
        return len(np.unique(item[members(bits, split)[session] & among[item]]))

    gaps = [count(halves.halves[0], n) - count(halves.halves[1], n) for n in range(128)]
    small = [count(halves.quarters[0], n) - count(halves.quarters[1], n) for n in range(128)]
    scale = np.sqrt(growth(np.array(gaps), np.array(small)) / 2) / among.sum()
    expected = np.array([*gaps, *(-gap for gap in gaps)]) * scale
    assert halves.coverage(session, item, among) == pytest.approx(expected)


@pytest.mark.parametrize("items", [150, 400, 2000])
def test_spread_of_a_paired_difference_is_that_over_fresh_worlds(items):
    """Two models over the same luck, from a crowded catalogue to one that is hardly covered."""
    random = np.random.default_rng(3)
    flat, steep = (np.cumsum(1 / np.arange(1, items + 1) ** power) for power in (0.6, 1.0))
    session, everything = np.repeat(np.arange(60), 10), np.ones(items, dtype=bool)

    def world() -> tuple[np.ndarray, np.ndarray]:
        luck = random.random(600)
        return tuple(np.searchsorted(sums, luck * sums[-1]) for sums in (flat, steep))

    def gap(pair: tuple[np.ndarray, np.ndarray]) -> float:
        return (len(np.unique(pair[0])) - len(np.unique(pair[1]))) / items

    worlds = [world() for _ in range(400)]
    truth = np.std([gap(pair) for pair in worlds])
    found = []
    for number, pair in enumerate(worlds[:25]):
        halves = Halves(60, 512, seed=number)
        ours, theirs = (halves.coverage(session, item, everything) for item in pair)
        found.append((ours - theirs).std())
    assert 0.85 * truth < np.mean(found) < 1.5 * truth  # never much too small; at most cautious


def test_deviations_have_mean_zero_and_repeat():
    session, item, among = np.arange(30), np.arange(30) % 20, np.ones(20, dtype=bool)
    first, again = (Halves(30, 128, seed=4).coverage(session, item, among) for _ in range(2))
    assert first.mean() == pytest.approx(0)
    assert (first == again).all()


def test_coverage_of_nothing_does_not_vary():
    halves = Halves(5, 128)
    assert not halves.coverage(np.array([1]), np.array([0]), np.array([False, True])).any()
