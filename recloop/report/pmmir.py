"""The tables and figures of PMMIR, named as printed; those without a number are ours."""

from collections.abc import Mapping

from recloop.report import pictures, simulators, tables, turns
from recloop.report.evidence import Evidence
from recloop.report.panels import Plot
from recloop.report.tables import Table


def table_1(evidence: Evidence, entry: Mapping) -> Table:
    """Count items and users."""
    return tables.counts(evidence, entry, "table_1")


def table_2(evidence: Evidence, entry: Mapping) -> Table:
    """Overall performance at turns 5 and 10."""
    return turns.grouped(evidence, entry, "table_2")


def table_3(evidence: Evidence, entry: Mapping) -> Table:
    """Cold-start and warm-start users."""
    return turns.grouped(evidence, entry, "table_3")


def table_4(evidence: Evidence, entry: Mapping) -> Table:
    """Ablations."""
    return turns.grouped(evidence, entry, "table_4")


def table_simulators(evidence: Evidence, entry: Mapping) -> Table:
    """Measure the words of the simulated users."""
    return simulators.validity(evidence, entry, "table_simulators")


def table_swap(evidence: Evidence, entry: Mapping) -> Table:
    """Trained with one user, asked by another."""
    return tables.comparison(evidence, entry, "table_swap")


def table_twins(evidence: Evidence, entry: Mapping) -> Table:
    """Set each difference between the released protocol and ours beside what it changes."""
    return turns.changes(evidence, entry, "table_twins")


def figure_5(evidence: Evidence, entry: Mapping) -> Plot:
    """Success rate over the turns, by family of models."""
    return turns.curves(evidence, entry)


def figure_6(evidence: Evidence, entry: Mapping) -> Plot:
    """Success rate over the discount and over the number of items shown."""
    return turns.sweeps(evidence, entry)


def figure_7(evidence: Evidence, entry: Mapping) -> Plot:
    """One dialogue with EGE and with PMMIR."""
    return pictures.example(evidence, entry)


def figure_informativeness(evidence: Evidence, entry: Mapping) -> Plot:
    """Rank gain of a frozen query by what it hears."""
    return simulators.informativeness(evidence, entry)
