"""Paired bootstrap over sessions and seeds.

Sessions of the test part are drawn with replacement. All models of a data set meet the same draws, so their
differences are paired. Seeds are drawn per model, because training noise is not shared between models.

- *Coverage* needs another way of resampling, see `recloop.evaluation.halves`.
- *Gini* is bootstrapped through its linear part: how much each session's listings move it. Over draws of so many
  items shown once, the index itself is biased upwards.
- *Few seeds.* Drawing S seeds with replacement shrinks their variance by (S - 1) / S; deviations from the mean are
  stretched by sqrt(S / (S - 1)). One seed alone has no spread: intervals then hold the sampling of sessions only.

Source: Efron & Tibshirani. An Introduction to the Bootstrap. 1993.
"""

import numpy as np

CHUNK = 64  # draws whose weights are floats at once


class Draws:
    """Draws of the sessions of one test part.

    Args:
        sessions: how many sessions there are.
        draws: how many draws are wanted.
        seed: of the generator; the same seed gives the same draws.
    """

    def __init__(self, sessions: int, draws: int = 1024, seed: int = 0):
        self.sessions, self.draws = sessions, draws
        generator = np.random.default_rng([seed, sessions])
        self.weights = np.empty((sessions, draws), dtype=np.uint8)  # how often a draw takes it
        for draw in range(draws):
            taken = generator.integers(0, sessions, sessions)
            self.weights[:, draw] = np.bincount(taken, minlength=sessions)

    def total(self, values: np.ndarray) -> np.ndarray:
        """Sum values per session over every draw; `values` has the shape (quantities, sessions)."""
        starts = range(0, self.draws, CHUNK)
        parts = [values @ self.weights[:, start : start + CHUNK] for start in starts]
        return np.concatenate(parts, axis=1)

    def mean(self, totals: np.ndarray, sizes: np.ndarray | None = None) -> np.ndarray:
        """Mean per event (or per session, without `sizes`) in every draw.

        Args:
            totals: sum of the metric over the events of each session.
            sizes: events of each session.
        """
        sizes = np.ones(self.sessions) if sizes is None else sizes
        total, size = self.total(np.stack([totals, sizes]).astype(np.float64))
        return total / size

    def gini(self, session: np.ndarray, item: np.ndarray, items: int) -> np.ndarray:
        """Deviations of the Gini of exposure in every draw, to first order.

        Args:
            session: session of each listing, numbered from 0.
            item: item of each listing.
            items: size of the catalogue.
        """
        from scipy.stats import rankdata

        exposure = np.bincount(item, minlength=items)
        slope = (2 * rankdata(exposure) - items - 1) / items
        slope = (slope - slope @ exposure / len(item)) / len(item)
        moved = np.bincount(session, weights=slope[item], minlength=self.sessions)
        return self.total(moved[None])[0]


def over_seeds(
    values: np.ndarray, observed: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Average seeds that are drawn anew in every draw, centred on what was observed.

    Args:
        values: metric of each seed in each draw of sessions, shape (seeds, draws); only deviations from the mean count.
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
