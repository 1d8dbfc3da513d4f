"""Tables as tidy cells: ours beside the printed number, best and second best, significance.

A cell stands in a block (a data set), a group (models of the paper, simple baselines), a row (a model) and a column (a
metric at a cut-off). `recloop.report.printing` writes them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from recloop.evaluation import records, significance
from recloop.evaluation.metric import SESSION, SYSTEM
from recloop.evaluation.results import Quantity
from recloop.report import labels, sheet
from recloop.report.evidence import Evidence

PAPER, SIMPLE = "Models of the paper", "Simple baselines (ours)"
SESSIONS = "sessions"  # what errors may be over
CELL = {
    **dict.fromkeys(
        ["block", "dataset", "source", "stand_in", "group", "row", "model", "column", "metric"],
        pl.String,
    ),
    "k": pl.Int64,
    "digits": pl.Int64,
    **dict.fromkeys(["ours", "sd", "low", "high"], pl.Float64),
    "seeds": pl.Int64,
    **dict.fromkeys(["printed", "difference"], pl.Float64),
    "rank": pl.Int64,
    **dict.fromkeys(["effect", "p", "p_holm"], pl.Float64),
    **dict.fromkeys(["mark", "note", "not_run"], pl.String),
    "unfinished": pl.Int64,  # trainings behind the row that were not trained out
    "spread": pl.String,  # what `sd` is over where it is not seeds
    "popular": pl.Boolean,  # whether it is not significantly better than popularity
}


@dataclass(frozen=True)
class Table:
    """Cells with what stands above and below them."""

    name: str
    caption: str
    source: str
    stamp: str
    cells: pl.DataFrame
    reference: str | None = None
    notes: tuple[str, ...] = ()  # below it, of this kind of table alone

    def save(self, output: Path) -> None:
        """Write .md, .tex, .compact.tex and .csv; `output` is the path without an ending."""
        from recloop.report.latex import compact, latex
        from recloop.report.printing import markdown

        output.parent.mkdir(parents=True, exist_ok=True)
        written = {".md": markdown, ".tex": latex, ".compact.tex": compact}
        for ending, write in written.items():
            output.with_name(output.name + ending).write_text(write(self), encoding="utf-8")
        sheet.write(self.cells, output.with_name(output.name + ".csv"))


def table(
    evidence: Evidence,
    entry: Mapping,
    name: str,
    cells: pl.DataFrame,
    told: Iterable[int] = (),
    notes: Iterable[str] = (),
) -> Table:
    """Put the caption above cells and the stamp below, see `labels.stamp`."""
    stamp = labels.stamp(evidence, entry["datasets"], told)
    label = compared_with(evidence.study, entry)
    said = (entry["caption"], labels.source(entry), stamp)
    return Table(name, *said, cells, label, tuple(notes))


def compared_with(study: Mapping, entry: Mapping) -> str | None:
    """Describe what a table tests its models against: one model, or one per group of rows."""
    parts = [entry, *entry.get("panels", [])]
    known = dict.fromkeys(part["reference"] for part in parts if "reference" in part)
    return ", or ".join(labels.model(study, name) for name in known) or None


def split(metric: str) -> tuple[str, int]:
    """Part `HR@10` into its name and its cut-off; `NDCG@3@10` is NDCG@3 at turn 10."""
    name, _, k = metric.rpartition("@")
    return name, int(k)


def cell(evidence: Evidence, exhibit: str, group: str, quantity: Quantity) -> dict:
    """Measure one cell: mean and interval over seeds, and what the paper prints."""
    dataset, model, metric, k = quantity
    found = {
        "block": labels.dataset(evidence.study, dataset),
        "dataset": dataset,
        "source": evidence.source(dataset),
        "stand_in": evidence.stand_in(dataset),
        "group": group,
        "row": labels.model(evidence.study, model),
        "model": model,
        "column": labels.metric(metric, k),
        "metric": metric,
        "k": k,
        "digits": labels.digits(metric),
        "unfinished": evidence.unfinished(dataset, model),
        "popular": evidence.popular(dataset, model),
    }
    return found | measured(evidence, exhibit, quantity) | in_print(evidence, exhibit, quantity)


def measured(evidence: Evidence, exhibit: str, quantity: Quantity) -> dict:
    """Summarise a quantity of an exhibit over seeds, or say why it is missing."""
    if silent := evidence.says_nothing(exhibit):
        return {"not_run": silent}
    if derived := re.fullmatch(r"(improvement|users)\((.+)\)", quantity.metric):
        of = quantity._replace(metric=derived[2])
        return users(evidence, of) if derived[1] == "users" else improvement(evidence, exhibit, of)
    values = evidence.results.values(quantity)
    if not len(values):
        return {"not_run": evidence.why(quantity)}
    summary = significance.over_seeds(values)
    return {"ours": summary.mean, "seeds": summary.seeds} | {
        name: number_or_none(getattr(summary, name)) for name in ("sd", "low", "high")
    }


def over_sessions(evidence: Evidence, quantity: Quantity) -> dict:
    """Put the standard error over sessions, of the mean over seeds, in the place of the deviation over seeds.

    Of metrics of events, of which a session may have several, it is the deviation over draws of sessions.
    """
    seeds = evidence.results.seeds(quantity.dataset, [quantity.model])
    if not len(evidence.results.values(quantity)):
        return {}
    if records.find(quantity.metric)[0].unit == SESSION:
        scores = evidence.results.per_session_scores(quantity, seeds)
        return {"sd": float(scores.std(ddof=1) / len(scores) ** 0.5), "spread": SESSIONS}
    drawn = np.mean([evidence.sampling.draw_seed(quantity, seed) for seed in seeds], axis=0)
    return {"sd": float(drawn.std(ddof=1)), "spread": SESSIONS}


def users(evidence: Evidence, quantity: Quantity) -> dict:
    """Count the sessions (or dialogues) that a metric is about: those with an event that its filters let through."""
    seeds = evidence.results.seeds(quantity.dataset, [quantity.model])
    if not seeds or not len(evidence.results.values(quantity)):
        return {"not_run": evidence.why(quantity)}
    return {"ours": float(evidence.results.sessions(quantity, seeds[0]))}


def improvement(evidence: Evidence, exhibit: str, quantity: Quantity) -> dict:
    """Measure by how many percent a model is better than the best of the models beside it in its table."""
    values = evidence.results.values
    others = [quantity._replace(model=model) for model in beside(evidence, exhibit, quantity)]
    best = max((values(other).mean() for other in others if len(values(other))), default=0.0)
    if not len(values(quantity)) or not best:
        return {"not_run": evidence.why(quantity) or "nothing to compare it with"}
    return {"ours": 100 * float(values(quantity).mean() / best - 1), "seeds": len(values(quantity))}


def beside(evidence: Evidence, exhibit: str, quantity: Quantity) -> list[str]:
    """List the models that stand in the panel of a reference in a table."""
    panels = evidence.exhibits.get(exhibit, {}).get("panels", [])
    mine = [one["models"] for one in panels if one.get("reference") == quantity.model]
    found = next((models for models in mine if quantity.model in models), [])
    return [model for model in found if model != quantity.model]


def number_or_none(value: float) -> float | None:
    """Turn what is no finite number into a missing value."""
    return float(value) if np.isfinite(value) else None


def in_print(evidence: Evidence, exhibit: str, quantity: Quantity) -> dict:
    """Look up the printed number and what is known about it."""
    return evidence.cells.get((exhibit, *quantity), {})


def ranked(cells: pl.DataFrame) -> pl.DataFrame:
    """Add the place within the column, 1 for the best of the block, and on the paper's data the difference to print."""
    down = [name for name in cells["metric"].unique() if records.direction(name) < 0]
    better = pl.when(pl.col("metric").is_in(down)).then(pl.col("ours")).otherwise(-pl.col("ours"))
    derived = pl.col("metric").str.contains(r"^(improvement|users)\(")
    place = better.rank("min").over("block", "column", "metric").cast(pl.Int64)
    rank = pl.when(~derived).then(place)
    own = pl.col("stand_in").is_null()
    difference = pl.when(own).then(pl.col("ours") - pl.col("printed"))
    return cells.with_columns(difference=difference, rank=rank).select(*CELL)


def marked(evidence: Evidence, rows: list[dict], reference: str) -> list[dict]:
    """Mark the paper's models that differ from the reference: * better, † worse; p < 0.05 after Holm over the table."""
    tests = [tested(evidence, row, reference) for row in rows]
    adjusted = significance.holm(np.array([test.get("p", np.nan) for test in tests]))
    for row, test, p in zip(rows, tests, adjusted, strict=True):
        gain = test.pop("gain", 0.0)
        certain = not np.isnan(p) and p < 1 - significance.LEVEL
        row.update(
            test, p_holm=number_or_none(p), mark=("*" if gain > 0 else "†") if certain else ""
        )
    return rows


def tested(evidence: Evidence, row: dict, reference: str) -> dict:
    """Test one cell against the reference: paired over sessions (dialogues), by bootstrap for metrics of the system."""
    mine = Quantity(row["dataset"], row["model"], row["metric"], row["k"])
    theirs = mine._replace(model=reference)
    if row["group"] == SIMPLE or mine == theirs or row.get("ours") is None or evidence.why(theirs):
        return {}
    seeds = evidence.results.seeds(mine.dataset, [mine.model, theirs.model])
    direction, metric = records.direction(mine.metric), records.record(mine.metric)
    if metric and metric.unit == SYSTEM:
        sampling = evidence.sampling
        gain = sampling.observed(mine, seeds) - sampling.observed(theirs, seeds)
        draws = sampling.draw(mine, seeds) - sampling.draw(theirs, seeds)
        return {
            "gain": direction * gain,
            "p": significance.two_sided(gain, float(draws.std(ddof=1))),
        }
    result = significance.paired(
        evidence.results.per_session_scores(mine, seeds),
        evidence.reference_scores(theirs, tuple(seeds)),
    )
    return {
        "gain": direction * result.difference,
        "p": result.p,
        "effect": number_or_none(result.effect),
    }
