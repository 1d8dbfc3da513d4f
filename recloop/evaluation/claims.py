"""Claims as data, verdicts by paired bootstrap over sessions and seeds.

A claim is a conjunction of checks, a check unfolds into comparisons, and a comparison is a statistic of a few metric
values together with the region where the claim wants it:

- `ordering`: each of `models` beats each of `than`; difference in the better direction above 0.
- `ratio`: `models` over `than` lies within `within: [low, high]` (null is open).
- `trend`: over the swept keyword of `models` the metric `rises` or `falls`; slope (least squares, keyword scaled to
  0..1, so the unit is the metric's) or, with `statistic: spearman`, rank correlation above 0.
- `flat`: highest minus lowest value over the sweep is at most `margin`, relative to the mean if `relative: true`.
- `interaction`: the gain of `models: [A, B]` (A over B) exceeds the gain of `against: [C, D]`; with `relative: true`
  as shares of B and D. `against_metrics` has the metrics of the second gain where they are others: of another turn, or
  of another group of users.

Verdict, by intersection-union (Berger 1982): a claim holds if the 95% interval of every comparison lies in its
region; it fails if any comparison lies outside by a one-sided test at 5% after Holm's correction over those of its
comparisons that decide something; else it is undecided. A comparison whose runs are missing is not run, and says why;
one that rests on a training that was not trained out (`recloop.evaluation.trained`) or that diverged decides nothing.

The longer a conjunction, the less likely it is to hold, however true. Its `power` is the chance that all of its
comparisons that were run would be certain in another run of this size, if every effect were the printed one, brought to
our level. Where one is not printed there is none: power at a measured effect says no more than its interval (Hoenig and
Heisey, The American Statistician 2001).
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from recloop.evaluation.contrasts import (
    extra_gain,
    extra_share,
    gain,
    quotient,
    rank_correlation,
    relative_spread,
    slope,
)
from recloop.evaluation.records import direction as sign
from recloop.evaluation.results import Quantity, Sampling
from recloop.evaluation.significance import LEVEL, holm, one_sided

Points = Callable[[str, str], list[tuple[Any, str]]]  # (sweep, data set) to (value, run) pairs
Statistic = Callable[[np.ndarray], np.ndarray]  # values (quantities, draws) to one per draw
UNFINISHED = "undecided (not trained out)"
LARGE = 1e9  # a distance in standard errors where there is no error


@dataclass(frozen=True)
class Comparison:
    """One statistic and the region where a claim wants it."""

    kind: str
    dataset: str
    metric: str
    k: int
    label: str
    models: tuple[str, ...]
    statistic: Statistic
    low: float = 0.0
    high: float = np.inf
    closed: bool = False  # whether the bounds belong to the region
    measures: tuple[tuple[str, int], ...] = ()  # metric and k by model, where they are not the same

    @property
    def quantities(self) -> list[Quantity]:
        """What the statistic is computed from."""
        measures = self.measures or [(self.metric, self.k)] * len(self.models)
        pairs = zip(self.models, measures, strict=True)
        return [Quantity(self.dataset, model, *measure) for model, measure in pairs]

    @property
    def same(self) -> bool:
        """Whether a run stands beside itself, since a tier has the setting of one row as what holds anyway."""
        asked = self.quantities
        if self.kind == "interaction":
            return asked[0] == asked[1] or asked[2] == asked[3] or asked[:2] == asked[2:]
        return len(asked) > 1 and len({*asked}) == 1

    def within(self, low: float, high: float) -> bool:
        """Check whether an interval lies in the region."""
        return bool(self.hold(np.array([low]), np.array([high]))[0])

    def hold(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Check which of many intervals lie in the region."""
        if self.closed:
            return (self.low <= low) & (high <= self.high)
        return (self.low < low) & (high < self.high)


def comparisons(check: Mapping, points: Points) -> list[Comparison]:
    """Unfold a check over its data sets, metrics and models."""
    if check.get("kind") not in KINDS:
        raise ValueError(
            f"A check of kind {check.get('kind')!r} is not known; known are {', '.join(KINDS)}."
        )
    unfold, found = KINDS[check["kind"]], []
    for dataset, name in itertools.product(check["datasets"], check["metrics"]):
        metric, _, k = name.rpartition("@")
        found += unfold(check, dataset, metric, int(k), points)
    return found


def ordering(
    check: Mapping, dataset: str, metric: str, k: int, points: Points
) -> Iterator[Comparison]:
    """Ask that each of `models` is better than each of `than`."""
    place = ("ordering", dataset, metric, k)
    for ours, theirs in itertools.product(check["models"], check["than"]):
        pair = (run(points, ours, dataset), run(points, theirs, dataset))
        yield Comparison(*place, f"{ours} better than {theirs}", pair, partial(gain, sign(metric)))


def ratio(
    check: Mapping, dataset: str, metric: str, k: int, points: Points
) -> Iterator[Comparison]:
    """Ask that each of `models` over each of `than` lies within bounds."""
    low, high = check["within"]
    bounds = (-np.inf if low is None else low, np.inf if high is None else high, True)
    place, wanted = ("ratio", dataset, metric, k), in_words(low, high)
    for ours, theirs in itertools.product(check["models"], check["than"]):
        pair = (run(points, ours, dataset), run(points, theirs, dataset))
        yield Comparison(*place, f"{ours} / {theirs} {wanted}", pair, quotient, *bounds)


def in_words(low: float | None, high: float | None) -> str:
    """Write the region that a ratio should lie in."""
    if low is not None and high is not None:
        return f"within {low} to {high}"
    return f"at most {high}" if low is None else f"at least {low}"


def trend(
    check: Mapping, dataset: str, metric: str, k: int, points: Points
) -> Iterator[Comparison]:
    """Ask that the metric rises or falls over a sweep."""
    measure = rank_correlation if check.get("statistic") == "spearman" else slope
    direction = check["direction"]
    for sweep in check["models"]:
        places, runs = zip(*points(sweep, dataset), strict=True)
        along = {"rises": 1, "falls": -1}[direction] * np.asarray(places, dtype=float)
        label, statistic = f"{sweep} {direction}", partial(measure, along)
        yield Comparison("trend", dataset, metric, k, label, runs, statistic)


def flat(check: Mapping, dataset: str, metric: str, k: int, points: Points) -> Iterator[Comparison]:
    """Ask that the metric stays within a margin over a sweep."""
    statistic = relative_spread if check.get("relative") else partial(np.ptp, axis=0)
    bounds = (-np.inf, check["margin"], True)
    label = f"spread at most {check['margin']}{' of the mean' if check.get('relative') else ''}"
    for sweep in check["models"]:
        runs = tuple(name for _, name in points(sweep, dataset))
        yield Comparison("flat", dataset, metric, k, f"{sweep} {label}", runs, statistic, *bounds)


def interaction(
    check: Mapping, dataset: str, metric: str, k: int, points: Points
) -> Iterator[Comparison]:
    """Ask that one gain exceeds another: a difference of differences, or of ratios."""
    names = [*check["models"], *check["against"]]
    label = "{} over {} more than {} over {}".format(*names)
    runs = tuple(run(points, name, dataset) for name in names)
    statistic = extra_share if check.get("relative") else partial(extra_gain, sign(metric))
    other = dict(zip(check["metrics"], check.get("against_metrics", []), strict=False))
    name, _, turn = other.get(f"{metric}@{k}", f"{metric}@{k}").rpartition("@")
    label += f" in {name}@{turn}" if other else ""
    measures = ((metric, k),) * 2 + ((name, int(turn)),) * 2
    yield Comparison("interaction", dataset, metric, k, label, runs, statistic, measures=measures)


KINDS = {
    "ordering": ordering,
    "ratio": ratio,
    "trend": trend,
    "flat": flat,
    "interaction": interaction,
}


def run(points: Points, model: str, dataset: str) -> str:
    """Return the one run that a model without a sweep stands for."""
    found = points(model, dataset)
    if len(found) != 1:
        raise ValueError(
            f"'{model}' stands for {len(found)} runs where one is compared; leave out the braces."
        )
    return found[0][1]


def judge(
    comparison: Comparison, sampling: Sampling, printed: Mapping
) -> tuple[dict, np.ndarray | None]:
    """Estimate a comparison with its interval, and test it against its region.

    All models are taken at the seeds that they share: sweeps may have been run with fewer than main tables.

    Returns:
        What was found, and in which draws the comparison would be certain, see `likely`; None where the effect is not
        printed.
    """
    seeds = sampling.results.seeds(comparison.dataset, comparison.models)
    observed = np.array(
        [[sampling.observed(quantity, seeds)] for quantity in comparison.quantities]
    )
    draws = comparison.statistic(
        np.stack([sampling.draw(quantity, seeds) for quantity in comparison.quantities])
    )
    effect, error = float(comparison.statistic(observed)[0]), float(draws.std(ddof=1))
    low, high = (float(bound) for bound in np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
    inside = min(effect - comparison.low, comparison.high - effect)
    below, above = (effect, comparison.low), (-effect, -comparison.high)
    found = {
        "seeds": len(seeds),
        "effect": effect,
        "low": low,
        "high": high,
        "leans": comparison.within(effect, effect),
        "certain": comparison.within(low, high),
        "p_against": min(
            one_sided(*side, error) if side[0] < side[1] else 1.0 for side in (below, above)
        ),
        "distance": inside / error if error else float(np.sign(inside)) * LARGE,
    }
    true = expected(comparison, observed[:, 0], printed)
    if true is None:
        return found, None
    moved = true - effect + draws - draws.mean()
    return found, comparison.hold(low + moved, high + moved)


def expected(comparison: Comparison, ours: np.ndarray, printed: Mapping) -> float | None:
    """Compute the printed effect as it would be at our level: per metric the printed values have the mean of ours.

    It is None where one of them is not printed. On a stand-in levels differ, and only what is relative to them carries
    over.
    """
    values = [printed.get(quantity) for quantity in comparison.quantities]
    if any(value is None for value in values):
        return None
    scaled, measures = np.array(values, dtype=float), [one[2:] for one in comparison.quantities]
    for measure in set(measures):
        rows = [place for place, one in enumerate(measures) if one == measure]
        level = scaled[rows].mean()
        scaled[rows] *= ours[rows].mean() / level if level else 1.0
    return float(comparison.statistic(scaled[:, None])[0])


def likely(certain: Mapping[str, list[np.ndarray | None]]) -> float | None:
    """Compute the chance that all comparisons are certain at once; None where none was run, or of one it is not known.

    Args:
        certain: by data set, of each comparison the draws in which it would be. Comparisons of one data set hang
            together, as they rest on the same sessions and runs; those of two data sets do not.
    """
    if any(draws is None for known in certain.values() for draws in known):
        return None
    shares = [float(np.logical_and.reduce(draws).mean()) for draws in certain.values()]
    return float(np.prod(shares)) if shares else None


def examine(
    claim: Mapping,
    points: Points,
    sampling: Sampling,
    printed: Mapping,
    why: Callable,
    unfinished: Callable[[str, str], int],
) -> list[dict]:
    """Judge every comparison of a claim.

    Args:
        claim: its `checks`.
        points: spreads a sweep on a data set into (value, run) pairs.
        sampling: observed values and draws.
        printed: the paper's own value of every quantity that it prints.
        why: says why a quantity is missing, None where it is there.
        unfinished: counts the trainings of a model on a data set that were not trained out.
    """
    unfolded = [one for check in claim["checks"] for one in comparisons(check, points)]
    reasons = [missing(one, sampling, why) for one in unfolded]
    ready = [one for one, reason in zip(unfolded, reasons, strict=True) if not reason]
    sampling.draw_all(quantity for one in ready for quantity in one.quantities)
    rows, certain = [], defaultdict(list)
    for one, reason in zip(unfolded, reasons, strict=True):
        names = {
            "kind": one.kind,
            "dataset": one.dataset,
            "metric": one.metric,
            "k": one.k,
            "comparison": one.label,
        }
        judged: dict = {}
        if not reason:
            judged, draws = judge(one, sampling, printed)
            certain[one.dataset].append(draws)
        waits = any(unfinished(one.dataset, model) for model in one.models)
        about = {"not_run": reason, "unfinished": waits, "printed": in_print(one, printed)}
        rows.append(names | judged | about)
    power = likely(certain)
    return with_verdicts([row | {"power": power} for row in rows])


def all_count(dataset: str, model: str) -> int:
    """Take every training for trained out."""
    return 0


def missing(comparison: Comparison, sampling: Sampling, why: Callable) -> str | None:
    """Explain why a comparison cannot be made; None where it can."""
    if reason := next(filter(None, map(why, comparison.quantities)), None):
        return reason
    if comparison.same:
        return "what it compares is one run on this tier"
    shared = sampling.results.seeds(comparison.dataset, comparison.models)
    return None if shared else "its runs share no seed"


def in_print(comparison: Comparison, printed: Mapping) -> bool | None:
    """Put the same question to the printed numbers; None where the paper prints no number.

    None, too, where a run stands beside itself: print has two numbers for it, and which is which is lost.
    """
    values = [printed.get(quantity) for quantity in comparison.quantities]
    if comparison.same or any(value is None for value in values):
        return None
    effect = float(comparison.statistic(np.array(values)[:, None])[0])
    return comparison.within(effect, effect)


def with_verdicts(rows: list[dict]) -> list[dict]:
    """Add a verdict to every comparison, with Holm's correction over the claim."""
    deciding = [np.nan if row["unfinished"] else row.get("p_against", np.nan) for row in rows]
    for row, p in zip(rows, holm(np.array(deciding)), strict=True):
        row["p_against_holm"] = None if np.isnan(p) else float(p)
        row["verdict"] = comparison_verdict(row, p)
    return rows


def comparison_verdict(row: Mapping, p_against: float) -> str:
    """Decide one comparison."""
    if row["not_run"]:
        return "not run"
    if row["unfinished"]:
        return UNFINISHED
    return "holds" if row["certain"] else "fails" if p_against < 1 - LEVEL else "undecided"


def conjunction(verdicts: list[str]) -> str:
    """Decide a conjunction: one failure is enough, all must hold; with gaps it cannot hold as a whole."""
    for verdict in ("fails", "not run", UNFINISHED, "undecided"):
        if verdict in verdicts:
            return verdict
    return "holds"


def claim_verdict(rows: pl.DataFrame) -> str:
    """Decide a claim from its data sets: where some were not run, what the others say, `in part`."""
    found = [conjunction(verdicts) for verdicts in by_dataset(rows)["verdict"].to_list()]
    ran = [verdict for verdict in found if verdict != "not run"]
    whole = conjunction(ran) if ran else "not run"
    return f"{whole} in part" if whole == "holds" and len(ran) < len(found) else whole


def by_dataset(rows: pl.DataFrame) -> pl.DataFrame:
    """Collect the verdicts of a claim's comparisons per data set, in the order of the claim."""
    return rows.group_by("dataset", maintain_order=True).agg("verdict")
