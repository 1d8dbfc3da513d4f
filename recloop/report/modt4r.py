"""The tables and figures of MODT4R (thesis chapter 4), named as printed."""

from collections.abc import Mapping

from recloop.report import panels, tables
from recloop.report.evidence import Evidence
from recloop.report.panels import Plot
from recloop.report.tables import Table


def table_4_2(evidence: Evidence, entry: Mapping) -> Table:
    """Count sequences, items and interactions."""
    return tables.counts(evidence, entry, "table_4_2")


def table_4_3(evidence: Evidence, entry: Mapping) -> Table:
    """Overall performance, with the simple baselines that the paper leaves out."""
    return tables.comparison(evidence, entry, "table_4_3")


def table_4_4(evidence: Evidence, entry: Mapping) -> Table:
    """Compare states: the user encoder, item embeddings, implicit positions."""
    return tables.comparison(evidence, entry, "table_4_4")


def table_extra(evidence: Evidence, entry: Mapping) -> Table:
    """Metrics that the paper does not print."""
    return tables.comparison(evidence, entry, "table_extra")


def figure_4_4(evidence: Evidence, entry: Mapping) -> Plot:
    """Accuracy and coverage over alpha, the weight of the user-state score."""
    return panels.sweep(evidence, entry)


def figure_4_5(evidence: Evidence, entry: Mapping) -> Plot:
    """Accuracy and coverage over lambda, the weight of the diversity return."""
    return panels.sweep(evidence, entry)


def figure_4_6(evidence: Evidence, entry: Mapping) -> Plot:
    """Accuracy and coverage over beta, the weight of the return loss; and without the item loss."""
    return panels.sweep(evidence, entry)


def figure_4_7(evidence: Evidence, entry: Mapping) -> Plot:
    """Six subsets of the objectives against SASRec."""
    return panels.subsets(evidence, entry)
