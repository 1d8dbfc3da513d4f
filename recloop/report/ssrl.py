"""The tables and figures of self-supervised reinforcement learning for next items: SQN, SAC, SNQN, SA2C, PRL."""

from collections.abc import Mapping

from recloop.report import learning, panels, tables, turns
from recloop.report.evidence import Evidence
from recloop.report.panels import Plot
from recloop.report.tables import Table


def table_data(evidence: Evidence, entry: Mapping) -> Table:
    """Count sessions, items and events."""
    return tables.counts(evidence, entry, "table_data")


def table_rc15(evidence: Evidence, entry: Mapping) -> Table:
    """Clicks and purchases on RC15, a group per host."""
    return turns.grouped(evidence, entry, "table_rc15")


def table_retailrocket(evidence: Evidence, entry: Mapping) -> Table:
    """Clicks and purchases on RetailRocket, a group per host."""
    return turns.grouped(evidence, entry, "table_retailrocket")


def table_jdata(evidence: Evidence, entry: Mapping) -> Table:
    """Clicks and purchases on JData, which the papers do not use."""
    return turns.grouped(evidence, entry, "table_jdata")


def table_corrected(evidence: Evidence, entry: Mapping) -> Table:
    """Weigh events against popularity, and leave out what the session has shown before."""
    return turns.grouped(evidence, entry, "table_corrected")


def table_prl(evidence: Evidence, entry: Mapping) -> Table:
    """Compare the ways to prompt."""
    return turns.grouped(evidence, entry, "table_prl")


def table_twins(evidence: Evidence, entry: Mapping) -> Table:
    """Set each difference between the released protocol and ours beside what it changes."""
    return turns.changes(evidence, entry, "table_twins")


def figure_updates(evidence: Evidence, entry: Mapping) -> Plot:
    """Show the validation score over the updates of every method."""
    return learning.updates(evidence, entry)


def figure_discount(evidence: Evidence, entry: Mapping) -> Plot:
    """Clicks and purchases over the discount."""
    return panels.sweep(evidence, entry)


def figure_negatives(evidence: Evidence, entry: Mapping) -> Plot:
    """Clicks and purchases over the number of negatives."""
    return panels.sweep(evidence, entry)


def figure_placebo(evidence: Evidence, entry: Mapping) -> Plot:
    """Whether the rewards did anything: real and placebo against two networks that imitate only."""
    return learning.gains(evidence, entry)


def figure_calibration(evidence: Evidence, entry: Mapping) -> Plot:
    """Show what PRL recommends when it is asked for more reward."""
    return learning.calibration(evidence, entry)
