"""The tables and figures of HDT (thesis chapter 5), named as printed; the one without a number is ours."""

from collections.abc import Mapping
from itertools import product
from string import ascii_lowercase

from recloop.report import panels, tables, turns
from recloop.report.evidence import Evidence
from recloop.report.panels import Plot
from recloop.report.tables import Table


def table_5_2(evidence: Evidence, entry: Mapping) -> Table:
    """Count users, items, sessions and events."""
    return tables.counts(evidence, entry, "table_5_2")


def table_5_3(evidence: Evidence, entry: Mapping) -> Table:
    """Overall performance on Album, a group per session encoder."""
    return turns.grouped(evidence, entry, "table_5_3")


def table_5_4(evidence: Evidence, entry: Mapping) -> Table:
    """Overall performance on Reddit, a group per session encoder."""
    return turns.grouped(evidence, entry, "table_5_4")


def table_5_5(evidence: Evidence, entry: Mapping) -> Table:
    """Compare the returns inside a session."""
    return turns.grouped(evidence, entry, "table_5_5")


def table_twins(evidence: Evidence, entry: Mapping) -> Table:
    """Set the return as printed, and other open decisions, beside what they change."""
    return turns.changes(evidence, entry, "table_twins")


def figure_5_3(evidence: Evidence, entry: Mapping) -> Plot:
    """Accuracy and one other objective over each weight of the loss, a panel per weight."""
    parts = zip(product(entry["datasets"], entry["panels"]), ascii_lowercase, strict=False)
    drawn = [panels.swept(evidence, panel, dataset, letter) for (dataset, panel), letter in parts]
    return panels.together(evidence, entry, drawn)
