"""`estimates`: what estimators say from the log that policies bring, beside what they bring in the simulator.

Keywords: `datasets`, `models` (the estimators), `judged` (the policies, by the roles that they have for estimators).
A row is an estimator, the first one the truth; columns are the policies, then the rank correlation with the truth and
its error, root mean square over policies and seeds, both with deviations over draws of policies and seeds.
"""

import json
from collections.abc import Mapping

import numpy as np
import polars as pl
from scipy.stats import spearmanr

from recloop.report import labels, tables
from recloop.report.evidence import Evidence
from recloop.report.tables import CELL, PAPER, Table

NEEDS = ("datasets", "models", "judged")  # keywords
DRAWS, SEED = 1000, 0
RANKS, ERROR, TRUTH = "rank correlation", "error", "in the simulator"
DIGITS = {RANKS: 2, ERROR: 1}


def make(evidence: Evidence, entry: Mapping, name: str) -> Table:
    """Set estimators against policies."""
    rows = [row for dataset in entry["datasets"] for row in block(evidence, entry, dataset)]
    cells = pl.DataFrame(rows, schema=CELL)
    return tables.table(evidence, entry, name, cells)


def block(evidence: Evidence, entry: Mapping, dataset: str) -> list[dict]:
    """Make the rows of a data set."""
    columns = [*entry["judged"], RANKS, ERROR]
    read = {model: estimates(evidence, dataset, model) for model in entry["models"]}
    known = next((one for one in read.values() if len(one)), None)
    truth = {} if known is None else means(known, "truth")
    found = row(evidence, dataset, TRUTH, TRUTH, columns, truth, why(evidence, dataset, entry))
    for model, frame in read.items():
        values = means(frame, "estimate") | (agreement(frame) if len(frame) else {})
        label = labels.model(evidence.study, model)
        reason = evidence.why_model(dataset, model) if evidence.source(dataset) else None
        reason = reason or evidence.why_dataset(dataset)
        found += row(evidence, dataset, model, label, columns, values, reason)
    return found


def why(evidence: Evidence, dataset: str, entry: Mapping) -> str:
    """Explain why nothing was measured."""
    if not evidence.source(dataset):
        return evidence.why_dataset(dataset)
    return evidence.why_model(dataset, entry["models"][0])


def estimates(evidence: Evidence, dataset: str, model: str) -> pl.DataFrame:
    """Read what an estimator said and what was measured: policy, estimate, truth, seed."""
    schema = {"policy": pl.String, "estimate": pl.Float64, "truth": pl.Float64, "seed": pl.Int64}
    rows = []
    for run in evidence.runs:
        record = json.loads(run.read_text())
        if (record["dataset"], record["model"]) == (dataset, model):
            told = record.get("estimates", [])
            rows += [one | {"seed": record["seed"]} for one in told]
    return pl.DataFrame([{key: one[key] for key in schema} for one in rows], schema=schema)


def means(frame: pl.DataFrame, column: str) -> dict[str, tuple[float, float | None]]:
    """Average a column over seeds, by policy."""
    rows = frame.group_by("policy").agg(mean=pl.col(column).mean(), sd=pl.col(column).std())
    return {policy: (mean, sd) for policy, mean, sd in rows.iter_rows()}


def agreement(frame: pl.DataFrame) -> dict[str, tuple[float, float | None]]:
    """Compare estimates with the truth: order and distance, each with its deviation over draws."""
    pairs = frame.select("estimate", "truth").to_numpy()
    random = np.random.default_rng(SEED)
    draws = pairs[random.integers(len(pairs), size=(DRAWS, len(pairs)))]
    orders = [ranks for draw in draws if np.isfinite(ranks := order(draw))]
    spread = float(np.std(orders)) if orders else None
    errors = np.sqrt(((draws[..., 0] - draws[..., 1]) ** 2).mean(1))
    error = float(np.sqrt(((pairs[:, 0] - pairs[:, 1]) ** 2).mean()))
    ranks = order(pairs)
    return {
        RANKS: (ranks if np.isfinite(ranks) else 0.0, spread),
        ERROR: (error, float(errors.std())),
    }


def order(pairs: np.ndarray) -> float:
    """Correlate the ranks of estimates and truths; NaN where one of them is the same for all policies."""
    if min(len(set(column)) for column in pairs.T.tolist()) < 2:
        return float("nan")
    return float(spearmanr(pairs[:, 0], pairs[:, 1]).statistic)


def row(
    evidence: Evidence,
    dataset: str,
    model: str,
    label: str,
    columns: list[str],
    values: Mapping[str, tuple[float, float | None]],
    reason: str,
) -> list[dict]:
    """Write a row of the table; a truth has no agreement with itself, and says so."""
    about = {
        "block": labels.dataset(evidence.study, dataset),
        "dataset": dataset,
        "source": evidence.source(dataset),
        "stand_in": evidence.stand_in(dataset),
        "group": PAPER,
        "row": label,
        "model": model,
    }
    found = []
    for column in columns:
        name = labels.model(evidence.study, column) if column not in DIGITS else column
        mean, sd = values.get(column, (None, None))
        missing = "it is the truth" if model == TRUTH and column in DIGITS else reason
        cell = {"column": name, "metric": column, "k": 0, "digits": DIGITS.get(column, 1)}
        spread = None if sd is None else "draws" if column in DIGITS else "seeds"
        cell |= {
            "ours": mean,
            "sd": sd,
            "spread": spread,
            "not_run": None if mean is not None else missing,
        }
        found.append(CELL_EMPTY | about | cell)
    return found


CELL_EMPTY = dict.fromkeys(CELL)
