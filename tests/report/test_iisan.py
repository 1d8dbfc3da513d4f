"""The exhibit of what trainings take: TPME over the models of a data set, the least first."""

import polars as pl
import pytest

from recloop.evaluation.costs import tpme


def test_tpme_is_over_the_models_that_were_measured(drawn):
    cells = pl.read_csv(drawn("iisan") / "table_efficiency.csv", infer_schema_length=None)
    ours = cells.filter(pl.col("ours").is_not_null() & (pl.col("block") == "Scientific"))
    wide = ours.pivot(on="column", index="model", values="ours")
    names = ("Seconds per epoch", "Trainable parameters", "Peak memory (MiB)")
    expected = tpme(*(wide[name].to_list() for name in names))
    assert wide["TPME"].to_list() == pytest.approx(expected.tolist())
    best = ours.filter((pl.col("column") == "TPME") & (pl.col("rank") == 1))
    assert best["ours"].item() == min(expected)
