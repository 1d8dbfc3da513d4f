"""`grid`: models against metrics, a block per data set, ours beside printed.

Keywords: `datasets`, `metrics`, and either `models` (with `simple` baselines above them) or `panels`, which are groups
of rows with a `title` and `models` of their own. `reference`, of the table or of a panel, is what models are tested
against; `tested: false` leaves the tests out. `errors: sessions` writes standard errors over sessions behind our
values, not deviations over seeds. `names` has printed names by override. `improvement: true` adds a row below a panel:
by how many percent its reference is better than the best of the others. `users: true` adds a row below a block: of how
many sessions (users, dialogues) each metric is.
"""

from collections.abc import Mapping
from itertools import product

import polars as pl

from recloop.evaluation.results import Quantity
from recloop.report import labels, tables
from recloop.report.evidence import Evidence
from recloop.report.tables import CELL, PAPER, SIMPLE, Table

NEEDS = ("datasets", "metrics")  # keywords


def make(evidence: Evidence, entry: Mapping, name: str) -> Table:
    """Set models against metrics."""
    cells = tables.ranked(pl.DataFrame(rows(evidence, entry, name), schema=CELL))
    return tables.table(evidence, entry, name, cells)


def rows(evidence: Evidence, entry: Mapping, name: str) -> list[dict]:
    """Make the rows of all groups, tested against the reference of the table or of their own group."""
    simple = {"title": SIMPLE, "models": entry.get("simple", [])}
    panels = entry.get("panels") or [simple, {"title": PAPER, "models": entry["models"]}]
    found = [
        row
        for dataset, panel in product(entry["datasets"], panels)
        for row in group(evidence, entry, name, panel, dataset)
    ]
    reference = entry.get("reference")
    found = tables.marked(evidence, found, reference) if reference else found
    if not entry.get("users"):
        return found
    return found + [
        row
        for dataset in entry["datasets"]
        for row in counted(evidence, entry, name, panels[-1], dataset)
    ]


def group(
    evidence: Evidence, entry: Mapping, name: str, panel: Mapping, dataset: str
) -> list[dict]:
    """Make the rows of one group on one data set, with the improvement below them where it is asked for."""
    measures = [tables.split(metric) for metric in entry["metrics"]]
    pairs = product(panel["models"], measures)
    found = [
        tables.cell(evidence, name, panel["title"], quantity)
        | renamed(evidence.study, entry, quantity.model)
        | errors(evidence, entry, quantity)
        for quantity in (Quantity(dataset, model, *measure) for model, measure in pairs)
    ]
    reference = panel.get("reference")
    tested = reference and entry.get("tested", True)
    found = tables.marked(evidence, found, reference) if tested else found
    below = measures if reference in panel["models"] and entry.get("improvement") else []
    return found + [improved(evidence, name, panel, dataset, *measure) for measure in below]


def counted(
    evidence: Evidence, entry: Mapping, name: str, panel: Mapping, dataset: str
) -> list[dict]:
    """Make the row that counts the sessions of each metric, by the lists of the last model."""
    about = {"row": "users", "unfinished": 0, "popular": False}
    found = []
    for metric, k in map(tables.split, entry["metrics"]):
        quantity = Quantity(dataset, panel["models"][-1], f"users({metric})", k)
        cell = tables.cell(evidence, name, panel["title"], quantity)
        found.append(cell | about | {"column": labels.metric(metric, k)})
    return found


def errors(evidence: Evidence, entry: Mapping, quantity: Quantity) -> dict:
    """Compute standard errors where the entry asks for those over sessions."""
    asked = entry.get("errors") == tables.SESSIONS
    return tables.over_sessions(evidence, quantity) if asked else {}


def renamed(study: Mapping, entry: Mapping, model: str) -> dict:
    """Take the printed name of a variant from the `names` of the entry."""
    name = labels.variant(study, entry.get("names", {}), model)
    return {"row": name} if name else {}


def improved(
    evidence: Evidence, name: str, panel: Mapping, dataset: str, metric: str, k: int
) -> dict:
    """Measure by how many percent the reference is better than the best of the others."""
    quantity = Quantity(dataset, panel["reference"], f"improvement({metric})", k)
    row = {"row": "improvement (%)", "column": labels.metric(metric, k)}
    return tables.cell(evidence, name, panel["title"], quantity) | row
