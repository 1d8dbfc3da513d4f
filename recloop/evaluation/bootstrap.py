"""Paired bootstrap over sessions and seeds, for metrics of events and of the whole system.

Sessions of the test part are drawn with replacement. All models of a data set meet the same draws, so their
differences are paired. Seeds are drawn per model, because training noise is not shared between models.

Two corrections, both standard and both needed:

- *Re-centring.* A draw misses about 37% of the sessions, so coverage over a draw is smaller than over the test part:
  the bootstrap of a set's size is biased. Draws are therefore shifted so that their mean is the observed value, and
  only their spread is used. What is estimated is coverage over a test part of this size.
- *Few seeds.* Drawing S seeds with replacement shrinks their variance by (S - 1) / S; deviations from the mean are
  stretched by sqrt(S / (S - 1)). One seed alone has no spread: intervals then hold sampling of sessions only.

Source: Efron & Tibshirani. An Introduction to the Bootstrap. 1993.
"""

from functools import cached_property

import numpy as np
from scipy import sparse

WORD = 64  # draws whose presence bits share one machine word
CHUNK = 64  # draws whose weights are floats at once


class Draws:
    """Draws of the sessions of one test part.

    Args:
        sessions: how many sessions there are.
        draws: how many draws are wanted; rounded up to a multiple of 64.
        seed: of the generator; the same seed gives the same draws.
    """

    def __init__(self, sessions: int, draws: int = 1024, seed: int = 0):
        self.sessions = sessions
        self.draws = -(-draws // WORD) * WORD
        self.generator = np.random.default_rng([seed, sessions])
        self.weights = self._draw()

    def _draw(self) -> np.ndarray:
        """How often each draw takes each session, shape (sessions, draws), one byte each."""
        weights = np.empty((self.sessions, self.draws), dtype=np.uint8)
        for draw in range(self.draws):
            taken = self.generator.integers(0, self.sessions, self.sessions)
            weights[:, draw] = np.bincount(taken, minlength=self.sessions)
        return weights

    @cached_property
    def presence(self) -> np.ndarray:
        """One bit per draw that takes the session at all, shape (sessions, draws / 64)."""
        return np.packbits(self.weights > 0, axis=1).view(np.uint64)

    def mean(self, totals: np.ndarray, sizes: np.ndarray | None = None) -> np.ndarray:
        """Mean per event (or per session, without `sizes`) in every draw.

        Args:
            totals: sum of the metric over the events of each session.
            sizes: events of each session.
        """
        sizes = np.ones(self.sessions) if sizes is None else sizes
        pair = np.stack([totals, sizes]).astype(np.float64)
        chunks = [
            pair @ self.weights[:, start : start + CHUNK] for start in range(0, self.draws, CHUNK)
        ]
        total, size = np.concatenate(chunks, axis=1)
        return total / size

    def coverage(self, session: np.ndarray, item: np.ndarray, among: np.ndarray) -> np.ndarray:
        """Share of the marked items that the sessions of each draw list.

        An item is covered by a draw if any session that lists it is in the draw: a bitwise "or" over sessions,
        64 draws at a time, which costs a fraction of a sparse matrix product.

        Args:
            session: session of each listing, numbered from 0.
            item: item of each listing.
            among: mask of the items that count.
        """
        wanted = among[item]
        session, item = distinct_pairs(session[wanted], item[wanted])
        starts = np.flatnonzero(np.diff(item, prepend=-1))
        if not len(starts):
            return np.zeros(self.draws)
        words = [np.bitwise_or.reduceat(bits[session], starts) for bits in self.presence.T]
        return np.concatenate([count_bits(word) for word in words]) / among.sum()

    def gini(self, session: np.ndarray, item: np.ndarray, items: int) -> np.ndarray:
        """Gini of exposure in every draw."""
        listings = sparse.coo_array(
            (np.ones(len(item)), (item, session)), (items, self.sessions)
        ).tocsr()
        rank = 2 * np.arange(1, items + 1) - items - 1
        values = []
        for start in range(0, self.draws, CHUNK):
            exposure = np.sort(
                listings @ self.weights[:, start : start + CHUNK].astype(np.float64), axis=0
            )
            values.append(rank @ exposure / (items * exposure.sum(axis=0)))
        return np.concatenate(values)


def distinct_pairs(session: np.ndarray, item: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Drop repeated listings and sort by item."""
    width = int(session.max(initial=0)) + 1
    pairs = np.unique(item.astype(np.int64) * width + session)
    return pairs % width, pairs // width


def count_bits(words: np.ndarray) -> np.ndarray:
    """How many words have each of the 64 bits set, in the order of the draws."""
    return np.unpackbits(words.view(np.uint8).reshape(-1, WORD // 8), axis=1).sum(
        axis=0, dtype=np.int64
    )


def over_seeds(
    values: np.ndarray, observed: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Average seeds that are drawn anew in every draw, re-centred on what was observed.

    Args:
        values: metric of each seed in each draw of sessions, shape (seeds, draws).
        observed: metric of each seed over the whole test part, shape (seeds,).
        generator: draws the seeds.
    """
    seeds, draws = values.shape
    centred = values - values.mean(axis=1, keepdims=True) + np.asarray(observed)[:, None]
    if seeds == 1:
        return centred[0]
    share = generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=draws).T / seeds
    stretched = 1 / seeds + np.sqrt(seeds / (seeds - 1)) * (share - 1 / seeds)
    return (stretched * centred).sum(axis=0)
