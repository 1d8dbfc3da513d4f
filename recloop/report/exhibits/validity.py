"""`validity`: simulated users against measures of their words, a block per data set.

Their scores come as those of models do; the `model` column has the name of the simulated user. Keywords: `datasets`,
`simulators`, `metrics`.
"""

from collections.abc import Mapping
from itertools import product

import polars as pl

from recloop.evaluation.results import Quantity
from recloop.report import tables
from recloop.report.evidence import Evidence
from recloop.report.tables import CELL, Table

NEEDS = ("datasets", "metrics", "simulators")  # keywords
GROUP = "Simulated users"


def make(evidence: Evidence, entry: Mapping, name: str) -> Table:
    """Set simulated users against measures of their words."""
    places = product(entry["datasets"], entry["simulators"], entry["metrics"])
    rows = [
        tables.cell(evidence, name, GROUP, Quantity(dataset, user, *tables.split(metric)))
        for dataset, user, metric in places
    ]
    # Nothing is ranked: the user who speaks the truth is no better a user.
    cells = pl.DataFrame(rows, schema=CELL).with_columns(
        difference=pl.lit(None, pl.Float64), rank=pl.lit(None, pl.Int64)
    )
    return tables.table(evidence, entry, name, cells)
