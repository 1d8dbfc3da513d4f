"""`efficiency`: what an epoch of each model's training takes, and TPME over the models of each data set.

Keywords: `datasets`, `models`. A model without a measurement is in no TPME; of one model alone there is none.
"""

from collections.abc import Mapping

import polars as pl

from recloop.evaluation.costs import EPOCH, tpme
from recloop.evaluation.results import Quantity
from recloop.report import tables
from recloop.report.evidence import Evidence
from recloop.report.tables import CELL, Table

NEEDS = ("datasets", "models")  # keywords


def make(evidence: Evidence, entry: Mapping, name: str) -> Table:
    """Set models against costs, the least of each in bold."""
    rows = [row for dataset in entry["datasets"] for row in block(evidence, entry, name, dataset)]
    place = pl.col("ours").rank("min").over("block", "column").cast(pl.Int64)
    cells = pl.DataFrame(rows, schema=CELL).with_columns(rank=place)
    return tables.table(evidence, entry, name, cells, notes=compared(cells))


def compared(cells: pl.DataFrame) -> list[str]:
    """Name the models that TPME is over, by block: it means nothing outside its set."""
    there = cells.filter(pl.col("ours").is_not_null(), metric="TPME")
    sets = there.group_by("block", maintain_order=True).agg("row").iter_rows()
    return [f"TPME: {block}, over {'; '.join(names)}." for block, names in sets]


def block(evidence: Evidence, entry: Mapping, name: str, dataset: str) -> list[dict]:
    """Make the rows of one data set."""
    found = {
        (model, cost): tables.cell(evidence, name, "", Quantity(dataset, model, cost, 0))
        for model in entry["models"]
        for cost in EPOCH
    }
    for model, value in together(entry["models"], found).items():
        cell = found[model, "Seconds"]
        about = {"column": "TPME", "metric": "TPME", "digits": 3, "sd": None, "low": None}
        found[model, "TPME"] = cell | about | {"high": None, "ours": value, "printed": None}
    return list(found.values())


def together(models: list[str], cells: Mapping[tuple[str, str], Mapping]) -> dict[str, float]:
    """Compute TPME over the models that have all three costs, if there are several: one alone would be its best."""
    values = {
        model: [cells[model, cost].get("ours") for cost in ("Seconds", "Learned", "Memory")]
        for model in models
    }
    whole = {model: three for model, three in values.items() if None not in three}
    if len(whole) < 2:
        return {}
    found = tpme(*zip(*whole.values(), strict=True))
    return dict(zip(whole, found.tolist(), strict=True))
