"""What claims compare: statistics of a few metric values, computed for all bootstrap draws at once.

`values` has the shape (quantities, draws); every statistic has the shape (draws,).
"""

import numpy as np


def gain(better: int, values: np.ndarray) -> np.ndarray:
    """Subtract the second model from the first, positive where the first is better."""
    return better * (values[0] - values[1])


def extra_gain(better: int, values: np.ndarray) -> np.ndarray:
    """Subtract the gain of the second pair of models from that of the first."""
    return gain(better, values[:2]) - gain(better, values[2:])


def extra_share(values: np.ndarray) -> np.ndarray:
    """Subtract the ratio of the second pair of models from that of the first."""
    return quotient(values[:2]) - quotient(values[2:])


def quotient(values: np.ndarray) -> np.ndarray:
    """Divide the first model by the second; two zeros are equal."""
    first, second = np.broadcast_arrays(values[0], values[1])
    beyond = np.where(first > 0, np.inf, 1.0)
    return np.divide(first, second, out=beyond, where=second != 0)


def relative_spread(values: np.ndarray) -> np.ndarray:
    """Highest minus lowest value, as a share of their mean."""
    mean = values.mean(axis=0)
    return np.divide(np.ptp(values, axis=0), mean, out=np.zeros(len(mean)), where=mean != 0)


def slope(along: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Fit the change of the values from the first to the last place of a sweep by least squares."""
    centred = (along - along.mean()) / np.ptp(along)
    return centred @ values / (centred @ centred)


def rank_correlation(along: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Correlate the ranks of places and values (Spearman); 0 where all values are equal."""
    from scipy.stats import rankdata

    middle = (len(along) + 1) / 2
    places, ranks = rankdata(along) - middle, rankdata(values, axis=0) - middle
    scale = np.sqrt((places @ places) * (ranks**2).sum(axis=0))
    return np.divide(places @ ranks, scale, out=np.zeros(values.shape[1]), where=scale > 0)
