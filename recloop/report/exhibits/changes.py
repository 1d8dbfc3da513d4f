"""`changes`: variants beside their reference, with the paired change of each metric in a column of its own.

Keywords as of `grid` with `panels`, each with a `reference`. `tested: false` says that variants were judged on other
events, so that none can be paired or ranked.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from recloop.evaluation import significance
from recloop.evaluation.results import Quantity
from recloop.report import tables
from recloop.report.evidence import Evidence
from recloop.report.exhibits import grid
from recloop.report.tables import CELL, Table

NEEDS = ("datasets", "metrics", "panels")  # keywords
SPREAD = ("sd", "low", "high")
ABOUT = (*list(CELL)[: list(CELL).index("column")], "metric", "k", "digits")


def make(evidence: Evidence, entry: Mapping, name: str) -> Table:
    """Set variants beside their reference, and what they change."""
    table = grid.make(evidence, entry, name)
    references = {panel["title"]: panel["reference"] for panel in entry["panels"]}
    moved = [
        change(evidence, row, references[row["group"]]) for row in table.cells.iter_rows(named=True)
    ]
    cells = pl.concat([table.cells, pl.DataFrame(moved, schema=CELL)])
    if entry.get("tested", True):
        return replace(table, cells=cells)
    return replace(table, cells=cells.with_columns(rank=pl.lit(None, pl.Int64)), reference=None)


def change(evidence: Evidence, row: Mapping, reference: str) -> dict:
    """Subtract the reference from a variant, seed by seed."""
    mine = Quantity(row["dataset"], row["model"], row["metric"], row["k"])
    theirs = mine._replace(model=reference)
    about = {name: row[name] for name in ABOUT} | {"column": f"change of {row['column']}"}
    seeds = evidence.results.seeds(mine.dataset, [mine.model, reference])
    if row["not_run"] or not seeds:
        return about | {"not_run": row["not_run"] or evidence.why(theirs)}
    values = [evidence.results.values(one, seeds) for one in (mine, theirs)]
    summary = significance.over_seeds(np.subtract(*values))
    spread = {name: tables.number_or_none(getattr(summary, name)) for name in SPREAD}
    return about | {"ours": summary.mean, "seeds": summary.seeds} | spread
