"""How good simulated users are: a table of their validity, and what their critiques are worth to a frozen query.

Their scores come as those of models do; the `model` column has the name of the simulated user.
"""

from collections.abc import Mapping
from string import ascii_lowercase

import polars as pl

from recloop.evaluation.results import Quantity
from recloop.report import labels, panels, tables
from recloop.report.evidence import Evidence
from recloop.report.panels import Panel, Plot
from recloop.report.tables import CELL, Table

GROUP = "Simulated users"


def validity(evidence: Evidence, entry: Mapping, name: str) -> Table:
    """Set simulated users against measures of their words, a block per data set."""
    rows = [
        tables.cell(evidence, name, GROUP, Quantity(dataset, user, *tables.split(metric)))
        for dataset in entry["datasets"]
        for user in entry["simulators"]
        for metric in entry["metrics"]
    ]
    # Nothing is ranked: the user who speaks the truth is no better a user.
    cells = pl.DataFrame(rows, schema=CELL).with_columns(
        difference=pl.lit(None, pl.Float64), rank=pl.lit(None, pl.Int64)
    )
    return tables.table(evidence, entry, name, cells)


def informativeness(evidence: Evidence, entry: Mapping) -> Plot:
    """Show the rank gain of a frozen query by what it hears, bars per simulated user."""
    drawn = [
        heard(evidence, entry, dataset, letter)
        for dataset, letter in zip(entry["datasets"], ascii_lowercase, strict=False)
    ]
    return panels.together(evidence, entry, drawn)


def heard(
    evidence: Evidence, entry: Mapping, dataset: str, letter: str
) -> tuple[Panel, list[dict]]:
    """Collect the gains on one data set."""
    users = [(None, user, labels.model(evidence.study, user)) for user in entry["simulators"]]
    rows = panels.points(evidence, letter, dataset, entry["metrics"], users)
    title = labels.panel_title(evidence, dataset)
    return Panel(letter, title, "bars", tuple(entry["metrics"]), measure="rank gain"), rows
