"""The exhibit of what trainings take: TPME over the models of a data set, the least first."""

import polars as pl
import pytest

from recloop.evaluation.costs import EPOCH, tpme
from recloop.report.exhibits import efficiency


def test_tpme_is_over_the_models_that_were_measured(drawn):
    cells = pl.read_csv(drawn("iisan") / "table_efficiency.csv", infer_schema_length=None)
    ours = cells.filter(pl.col("ours").is_not_null() & (pl.col("block") == "Scientific"))
    wide = ours.pivot(on="column", index="model", values="ours")
    names = ("Seconds per epoch", "Trainable parameters", "Peak memory (MiB)")
    expected = tpme(*(wide[name].to_list() for name in names))
    assert wide["TPME"].to_list() == pytest.approx(expected.tolist())
    best = ours.filter((pl.col("column") == "TPME") & (pl.col("rank") == 1))
    assert best["ours"].item() == min(expected)


def test_one_model_alone_has_no_tpme_and_the_set_is_named():
    cells = {("a", cost): {"ours": 3.0} for cost in EPOCH}
    assert efficiency.together(["a"], cells) == {}
    cells |= {("b", cost): {"ours": 4.0} for cost in EPOCH}
    cells |= {("c", cost): {"ours": None} for cost in EPOCH}
    assert efficiency.together(["a", "b", "c"], cells) == {"a": 0.0, "b": 1.0}
    rows = [("X", "A", "TPME", 0.1), ("X", "B", "TPME", 0.2), ("X", "C", "Memory", 1.0)]
    rows += [("Y", "A", "TPME", None), ("Y", "B", "TPME", 0.3)]
    shown = pl.DataFrame(rows, schema=["block", "row", "metric", "ours"], orient="row")
    assert efficiency.compared(shown) == ["TPME: X, over A; B.", "TPME: Y, over B."]
