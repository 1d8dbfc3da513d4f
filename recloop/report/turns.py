"""Dialogues as exhibits: tables with groups of rows, curves by turn, and what each difference changes.

An entry has `panels`, each with `models` and perhaps a `title` and a `reference` of its own. Metrics are written
`SR@10` and `NDCG@3_cold@10`: the last number is the turn.
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from string import ascii_lowercase

import numpy as np
import polars as pl

from recloop.evaluation import significance
from recloop.evaluation.results import Quantity
from recloop.report import labels, panels, tables
from recloop.report.evidence import Evidence
from recloop.report.panels import Panel, Plot
from recloop.report.tables import CELL, Table


def grouped(evidence: Evidence, entry: Mapping, name: str) -> Table:
    """Set groups of models against metrics, a block per data set; stars against the reference of the group."""
    rows = [
        row
        for dataset, panel in product(entry["datasets"], entry["panels"])
        for row in group(evidence, entry, name, panel, dataset)
    ]
    cells = tables.ranked(pl.DataFrame(rows, schema=CELL))
    return tables.table(evidence, entry, name, cells)


def group(
    evidence: Evidence, entry: Mapping, name: str, panel: Mapping, dataset: str
) -> list[dict]:
    """Make the rows of one group on one data set, with the improvement below them where the entry asks for it."""
    measures = [tables.split(metric) for metric in entry["metrics"]]
    rows = [
        tables.cell(evidence, name, panel["title"], Quantity(dataset, model, *measure))
        | renamed(evidence.study, entry, model)
        for model in panel["models"]
        for measure in measures
    ]
    reference = panel.get("reference")
    tested = reference and entry.get("tested", True)
    rows = tables.marked(evidence, rows, reference) if tested else rows
    below = measures if reference in panel["models"] and entry.get("improvement") else []
    return rows + [improved(evidence, name, panel, dataset, *measure) for measure in below]


def renamed(study: Mapping, entry: Mapping, model: str) -> dict:
    """Take the printed name of a variant from the `names` of the entry."""
    key, _, override = model.partition(",")
    name = entry.get("names", {}).get(override)
    return {"row": f"{labels.model(study, key)} {name}"} if name else {}


def improved(
    evidence: Evidence, name: str, panel: Mapping, dataset: str, metric: str, k: int
) -> dict:
    """Say by how many percent the reference is better than the best of the others."""
    quantity = Quantity(dataset, panel["reference"], f"improvement({metric})", k)
    row = {"row": "improvement (%)", "column": labels.metric(metric, k)}
    return tables.cell(evidence, name, panel["title"], quantity) | row


def changes(evidence: Evidence, entry: Mapping, name: str) -> Table:
    """Set variants beside their reference, with the paired change of each metric in a column of its own.

    `tested: false` in the entry says that variants were judged on other events, so that none can be paired or ranked.
    """
    table = grouped(evidence, entry, name)
    references = {panel["title"]: panel["reference"] for panel in entry["panels"]}
    moved = [
        change(evidence, row, references[row["group"]]) for row in table.cells.iter_rows(named=True)
    ]
    cells = pl.concat([table.cells, pl.DataFrame(moved, schema=CELL)])
    if entry.get("tested", True):
        return tables.table(evidence, entry, name, cells)
    unranked = cells.with_columns(rank=pl.lit(None, pl.Int64))
    return replace(tables.table(evidence, entry, name, unranked), reference=None)


def change(evidence: Evidence, row: Mapping, reference: str) -> dict:
    """Subtract the reference from a variant, seed by seed."""
    mine = Quantity(row["dataset"], row["model"], row["metric"], row["k"])
    theirs = mine._replace(model=reference)
    about = {name: row[name] for name in ABOUT} | {"column": f"change of {row['column']}"}
    seeds = evidence.results.seeds(mine.dataset, [mine.model, reference])
    if not seeds:
        return about | {"not_run": evidence.why(mine) or evidence.why(theirs)}
    values = [evidence.results.values(one, seeds) for one in (mine, theirs)]
    summary = significance.over_seeds(np.subtract(*values))
    spread = {name: tables.number_or_none(getattr(summary, name)) for name in SPREAD}
    return about | {"ours": summary.mean, "seeds": summary.seeds} | spread


SPREAD = ("sd", "low", "high")
ABOUT = (*list(CELL)[: list(CELL).index("column")], "metric", "k", "digits")


def curves(evidence: Evidence, entry: Mapping) -> Plot:
    """Show a metric over the turns, a curve per model."""
    letters = iter(ascii_lowercase)
    drawn = [
        by_turn(evidence, entry, panel, dataset, next(letters))
        for panel in entry["panels"]
        for dataset in panel["datasets"]
    ]
    return panels.together(evidence, entry, drawn)


def by_turn(
    evidence: Evidence, entry: Mapping, panel: Mapping, dataset: str, letter: str
) -> tuple[Panel, list[dict]]:
    """Collect the runs of one panel at every turn."""
    (metric,) = entry["metrics"]
    rows = []
    for turn in range(1, entry["turns"] + 1):
        places = [(turn, model, labels.model(evidence.study, model)) for model in panel["models"]]
        rows += panels.points(evidence, letter, dataset, [f"{metric}@{turn}"], places)
    title = ", ".join(filter(None, [labels.panel_title(evidence, dataset), panel.get("title")]))
    return Panel(letter, title, "curves", (f"{metric}@{turn}",), "turn", measure=metric), rows


def sweeps(evidence: Evidence, entry: Mapping) -> Plot:
    """Show a metric over swept keywords, a panel per keyword, a curve per model and data set."""
    drawn = [
        over_values(evidence, entry, panel, letter)
        for panel, letter in zip(entry["panels"], ascii_lowercase, strict=False)
    ]
    return panels.together(evidence, entry, drawn)


def over_values(
    evidence: Evidence, entry: Mapping, panel: Mapping, letter: str
) -> tuple[Panel, list[dict]]:
    """Collect the runs of one sweep on all data sets that were run; one that was not has no curve."""
    rows = []
    for model, dataset in product(panel["models"], entry["datasets"]):
        parts = [labels.model(evidence.study, model.partition(",")[0])]
        parts = [*(parts * (len(panel["models"]) > 1)), labels.dataset(evidence.study, dataset)]
        found = evidence.points(model, dataset)
        places = [(value, name, ", ".join(parts)) for value, name in found]
        rows += panels.points(evidence, letter, dataset, entry["metrics"], places)
    (metric,) = entry["metrics"]
    measure = labels.metric(*tables.split(metric))
    return Panel(letter, panel["title"], "curves", (metric,), panel["axis"], measure=measure), rows
