"""`counts`: data sets against counts of what they hold, ours beside printed.

Keywords: `datasets`, `metrics` (names of `recloop.report.sizes`).
"""

from collections.abc import Mapping
from itertools import product

import polars as pl

from recloop.evaluation.results import Quantity
from recloop.report import labels, tables
from recloop.report.evidence import Evidence
from recloop.report.sizes import size
from recloop.report.tables import CELL, Table

NEEDS = ("datasets", "metrics")  # keywords


def make(evidence: Evidence, entry: Mapping, name: str) -> Table:
    """Set data sets against their counts."""
    pairs = product(entry["datasets"], entry["metrics"])
    rows = [count(evidence, name, dataset, metric) for dataset, metric in pairs]
    cells = pl.DataFrame(rows, schema=CELL)
    cells = cells.with_columns(difference=pl.col("ours") - pl.col("printed"))
    return tables.table(evidence, entry, name, cells)


def count(evidence: Evidence, exhibit: str, dataset: str, metric: str) -> dict:
    """Count the sequences, items, users and the like of a data set."""
    found = {
        "block": "",
        "dataset": dataset,
        "source": evidence.source(dataset),
        "stand_in": evidence.stand_in(dataset),
        "group": "",
        "row": labels.origin(evidence, dataset),
        "model": "",
        "column": labels.count(metric),
        "metric": metric,
        "digits": 2 if "_per_" in metric else 0,
    }
    value = size(evidence.split(dataset), metric)
    ours = {"ours": value} if value is not None else {"not_run": evidence.why_dataset(dataset)}
    return found | ours | tables.in_print(evidence, exhibit, Quantity(dataset, "", metric, None))
