"""What several seeds and paired tests say about a difference: intervals, p values, effect sizes, Holm's correction."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from scipy.special import stdtrit

LEVEL = 0.95


@dataclass(frozen=True)
class Summary:
    """Mean over seeds with standard deviation and t-interval; both are NaN for a single seed."""

    mean: float
    sd: float
    low: float
    high: float
    seeds: int


@dataclass(frozen=True)
class Paired:
    """A paired comparison: mean difference, p value, and Cohen's d_z (mean over standard deviation of differences)."""

    difference: float
    p: float
    effect: float
    pairs: int


def over_seeds(values: np.ndarray, level: float = LEVEL) -> Summary:
    """Summarise one metric over seeds; the interval is Student's, wide for few seeds as it should be."""
    values = np.asarray(values, dtype=float)
    mean, seeds = float(values.mean()), len(values)
    if seeds < 2:
        return Summary(mean, np.nan, np.nan, np.nan, seeds)
    sd = float(values.std(ddof=1))
    half = stdtrit(seeds - 1, (1 + level) / 2) * sd / np.sqrt(seeds)
    return Summary(mean, sd, mean - float(half), mean + float(half), seeds)


def paired(ours: np.ndarray, theirs: np.ndarray, test: str = "t") -> Paired:
    """Compare two models on the same events.

    Args:
        ours: score of each event (or session), averaged over seeds.
        theirs: the same of the model compared with.
        test: `t` for the paired t-test, `wilcoxon` for the signed-rank test.
    """
    from scipy import stats

    if len(ours) != len(theirs):
        raise ValueError(
            f"Paired scores expected, found {len(ours)} and {len(theirs)}; use the same test events."
        )
    gap = np.asarray(ours, dtype=float) - np.asarray(theirs, dtype=float)
    mean, sd = float(gap.mean()), float(gap.std(ddof=1)) if len(gap) > 1 else 0.0
    if sd == 0:  # all differences are one number: no test can be computed, or needed
        return Paired(
            mean, float(mean == 0), float(np.sign(mean)) * (np.inf if mean else 0.0), len(gap)
        )
    result = stats.wilcoxon(gap) if test == "wilcoxon" else stats.ttest_rel(ours, theirs)
    return Paired(mean, float(result.pvalue), mean / sd, len(gap))


def holm(p_values: np.ndarray) -> np.ndarray:
    """Adjust p values for the number of tests, Holm 1979; NaN stays NaN and is not counted as a test."""
    p_values = np.asarray(p_values, dtype=float)
    order = np.argsort(p_values)[: np.count_nonzero(~np.isnan(p_values))]
    stepped = p_values[order] * np.arange(len(order), 0, -1)
    adjusted = np.full(len(p_values), np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return adjusted


def one_sided(effect: float, bound: float, error: float) -> float:
    """How likely an estimate this far below `bound` is if the truth stands at it; normal, from the bootstrap's error.

    The share of bootstrap draws beyond the bound cannot fall below one over their number, too coarse for Holm's
    correction over a hundred comparisons; hence the normal tail.
    """
    if error == 0:
        return 0.0 if effect < bound else 1.0
    return NormalDist().cdf((effect - bound) / error)


def two_sided(effect: float, error: float) -> float:
    """How likely an estimate this far from zero is if there is no difference; normal, as in `one_sided`."""
    return min(1.0, 2 * one_sided(-abs(effect), 0.0, error))
