"""TPME by hand, and costs that travel with the lists."""

import numpy as np
import polars as pl
import pytest

from recloop.evaluation import contents, metrics, records
from recloop.evaluation.costs import EPOCH, tpme


def test_of_two_models_one_that_is_better_in_all_has_0_and_the_other_1():
    assert tpme([1, 9], [10, 20], [3, 4]).tolist() == [0, 1]


def test_tpme_is_its_formula_and_hangs_on_the_set():
    found = tpme([10, 20, 30], [5, 5, 5], [100, 300, 200])
    np.testing.assert_allclose(found, [0, 0.45 * 0.5 + 0.45, 0.45 + 0.45 * 0.5])
    assert tpme([10, 20], [5, 5], [100, 300])[1] != found[1]
    with pytest.raises(ValueError, match=r"add up to 1.1, not to 1"):
        tpme([1, 2], [1, 2], [1, 2], (0.5, 0.1, 0.5))


def test_the_abstract_puts_iisan_first():
    """47 GB and 443 s, 38 GB and 365 s, 3 GB and 22 s; what learns is not in it."""
    fft, adapter, iisan = tpme([443, 365, 22], [1, 1, 1], [47, 38, 3])
    assert iisan == 0
    assert 0.7 < adapter < fft == pytest.approx(0.9)


def test_costs_travel_with_the_lists(tmp_path):
    pl.DataFrame({"count": [2, 1, 1]}).write_parquet(tmp_path / "items.parquet")
    lists = pl.DataFrame(
        {
            "session": [1, 2],
            "position": [1, 1],
            "target": [0, 1],
            "better": [0, 1],
            "tied": [1, 1],
            "top": [[0, 1], [0, 1]],
            "purchase": [False, False],
            "repeated": [False, False],
        },
        schema_overrides={"top": pl.Array(pl.Int32, 2)},
    )
    asked = {"cutoffs": [1, 2], "novel_share": 0.9}
    without = contents.judge(lists, tmp_path, asked, None)
    assert not {*EPOCH} & {*without["metric"]}
    told = lists.with_columns(pl.lit(7.5).alias(name) for name in EPOCH.values())
    found = contents.judge(told, tmp_path, asked, None)
    assert found.filter(pl.col("metric") == "Seconds").rows() == [("Seconds", 0, 7.5)]
    assert metrics.per_event(told, "Memory", 0).tolist() == [7.5, 7.5]
    assert [records.direction(name) for name in EPOCH] == [-1, -1, -1]
