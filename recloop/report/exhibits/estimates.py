"""`estimates`: what estimators say from the log that policies bring, beside what they bring in the simulator.

Keywords: `datasets`, `models` (the estimators), `judged` (the policies, by the roles that they have for estimators).
A row is an estimator, the first one the truth; columns are the policies, then the rank correlation with the truth, mean
over seeds, and its error, root mean square over policies and seeds, both with 95% intervals over draws of policies, and
of seeds where there are several. Below it the same for the mean weights of a logged turn, of estimators that have some.
"""

import json
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import polars as pl
from scipy.stats import spearmanr

from recloop.report import labels, tables
from recloop.report.evidence import Evidence
from recloop.report.tables import CELL, Table

NEEDS = ("datasets", "models", "judged")  # keywords
DRAWS, SEED = 1000, 0
INTERVAL = (2.5, 97.5)  # percentiles
RANKS, ERROR, TRUTH = "rank correlation", "error", "in the simulator"
COMPARED = (RANKS, ERROR)


class Part(NamedTuple):
    """A quantity of policies.

    Attributes:
        title: of its rows.
        told, true: what records call it, estimated and measured.
        digits: with which it is printed.
    """

    title: str
    told: str
    true: str
    digits: int


class Summary(NamedTuple):
    """What stands in a cell: a mean with its deviation over seeds, or with its interval over draws."""

    mean: float | None = None
    sd: float | None = None
    low: float | None = None
    high: float | None = None


PARTS = (
    Part("Discounted return of a session", "estimate", "truth", 1),
    Part("Mean weight of a logged turn", "ratio", "true_ratio", 2),
)
RECORD = {"policy": pl.String, "seed": pl.Int64} | {
    name: pl.Float64 for part in PARTS for name in (part.told, part.true)
}


def make(evidence: Evidence, entry: Mapping, name: str) -> Table:
    """Set estimators against policies."""
    read = {
        (dataset, model): estimates(evidence, dataset, model)
        for dataset in entry["datasets"]
        for model in entry["models"]
    }
    rows = []
    for dataset in entry["datasets"]:
        mine = {model: read[dataset, model] for model in entry["models"]}
        rows += [row for part in PARTS for row in block(evidence, entry, dataset, part, mine)]
    seeds = {seed for frame in read.values() for seed in frame["seed"]}
    return tables.table(evidence, entry, name, pl.DataFrame(rows, schema=CELL), seeds)


def block(
    evidence: Evidence, entry: Mapping, dataset: str, part: Part, read: Mapping[str, pl.DataFrame]
) -> list[dict]:
    """Make the rows of a quantity on a data set; none where it is the second one and nobody tells it."""
    columns = [*entry["judged"], *COMPARED]
    told = {model: frame.drop_nulls([part.told, part.true]) for model, frame in read.items()}
    if part is not PARTS[0]:
        told = {model: frame for model, frame in told.items() if len(frame)}
        if not told:
            return []
    known = next((one for one in told.values() if len(one)), None)
    truth = {} if known is None else means(known, part.true)
    label = labels.dataset(evidence.study, dataset)
    about = {"block": label, "dataset": dataset, "group": part.title}
    about |= {"source": evidence.source(dataset), "stand_in": evidence.stand_in(dataset)}
    here = about | {"row": TRUTH, "model": TRUTH}
    found = row(evidence, here, part, columns, truth, why(evidence, dataset, entry))
    for model, frame in told.items():
        values = means(frame, part.told) | (agreement(frame, part) if len(frame) else {})
        reason = evidence.why_model(dataset, model) if evidence.source(dataset) else None
        reason = reason or evidence.why_dataset(dataset)
        here = about | {"row": labels.model(evidence.study, model), "model": model}
        found += row(evidence, here, part, columns, values, reason)
    return found


def why(evidence: Evidence, dataset: str, entry: Mapping) -> str:
    """Explain why nothing was measured."""
    if not evidence.source(dataset):
        return evidence.why_dataset(dataset)
    return evidence.why_model(dataset, entry["models"][0])


def estimates(evidence: Evidence, dataset: str, model: str) -> pl.DataFrame:
    """Read what an estimator said and what was measured, columns as in `RECORD`."""
    rows = []
    for run in evidence.runs:
        record = json.loads(run.read_text())
        if (record["dataset"], record["model"]) == (dataset, model):
            told = record.get("estimates", [])
            rows += [one | {"seed": record["seed"]} for one in told]
    return pl.DataFrame([{key: one.get(key) for key in RECORD} for one in rows], schema=RECORD)


def means(frame: pl.DataFrame, column: str) -> dict[str, Summary]:
    """Average a column over seeds, by policy."""
    rows = frame.group_by("policy").agg(mean=pl.col(column).mean(), sd=pl.col(column).std())
    return {policy: Summary(mean, sd) for policy, mean, sd in rows.iter_rows()}


def agreement(frame: pl.DataFrame, part: Part) -> dict[str, Summary]:
    """Compare what is estimated with the truth: order and distance, each with its interval over draws.

    Args:
        frame: one row per policy and seed.
        part: the quantity.
    """
    policies, seeds = (sorted(frame[name].unique()) for name in ("policy", "seed"))
    pairs = np.full((len(seeds), len(policies), 2), np.nan)
    for policy, seed, *both in frame.select("policy", "seed", part.told, part.true).iter_rows():
        pairs[seeds.index(seed), policies.index(policy)] = both
    random = np.random.default_rng(SEED)
    drawn = (
        pairs[random.integers(len(seeds), size=len(seeds))][
            :, random.integers(len(policies), size=len(policies))
        ]
        for _ in range(DRAWS)
    )
    orders, errors = np.array([(ranks(one), distance(one)) for one in drawn]).T
    found = ranks(pairs)
    return {
        RANKS: Summary(found if np.isfinite(found) else 0.0, None, *interval(orders)),
        ERROR: Summary(distance(pairs), None, *interval(errors)),
    }


def interval(drawn: np.ndarray) -> tuple[float | None, float | None]:
    """Find between which values most draws lie, of those that say anything."""
    known = drawn[np.isfinite(drawn)]
    low, high = np.percentile(known, INTERVAL).tolist() if len(known) else (None, None)
    return low, high


def ranks(pairs: np.ndarray) -> float:
    """Average the rank correlations of the seeds; NaN where there is none.

    Args:
        pairs: what is estimated and the truth, shape (seed, policy, 2); NaN where a policy has none.
    """
    known = [order(one[np.isfinite(one).all(1)]) for one in pairs]
    known = [one for one in known if np.isfinite(one)]
    return float(np.mean(known)) if known else float("nan")


def distance(pairs: np.ndarray) -> float:
    """Compute the root mean square of the differences."""
    return float(np.sqrt(np.nanmean((pairs[..., 0] - pairs[..., 1]) ** 2)))


def order(pairs: np.ndarray) -> float:
    """Correlate the ranks of estimates and truths; NaN where one of them is the same for all policies."""
    if min(len(set(column)) for column in pairs.T.tolist()) < 2:
        return float("nan")
    return float(spearmanr(pairs[:, 0], pairs[:, 1]).statistic)


def row(
    evidence: Evidence,
    about: Mapping,
    part: Part,
    columns: list[str],
    values: Mapping[str, Summary],
    reason: str,
) -> list[dict]:
    """Write a row of the table; a truth has no agreement with itself, and says so."""
    found = []
    for column in columns:
        compared = column in COMPARED
        name = column if compared else labels.model(evidence.study, column)
        one = values.get(column, Summary())
        missing = "it is the truth" if about["model"] == TRUTH and compared else reason
        digits = 2 if column == RANKS else part.digits
        cell = {"column": name, "metric": column, "k": 0, "digits": digits}
        cell |= {"ours": one.mean, "sd": one.sd, "low": one.low, "high": one.high}
        cell |= {"spread": "draws" if one.low is not None else None if one.sd is None else "seeds"}
        cell |= {"not_run": None if one.mean is not None else missing}
        found.append(CELL_EMPTY | about | cell)
    return found


CELL_EMPTY = dict.fromkeys(CELL)
