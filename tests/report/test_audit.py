"""The audit of printed numbers: doubts that were found by hand are found again, and right numbers raise none."""

import csv
from math import log2
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recloop import __main__ as command
from recloop.report.audit import audit

STUDIES = Path(__file__).parents[2] / "studies"
CUTOFFS = (5, 10, 20)


@pytest.fixture
def printed(tmp_path):
    """Give a function that prints cells, (model, metric, k, text), and audits them."""

    def check(*cells, counts=(), **given):
        lines = ["exhibit,dataset,model,metric,k,value"]
        lines += [f"table_1,here,,{name},,{value}" for name, value in counts]
        lines += [f"table_1,here,{model},{metric},{k},{text}" for model, metric, k, text in cells]
        (tmp_path / "reported.csv").write_text("\n".join(lines))
        return [(one.check, one.cell.model, one.cell.metric) for one in audit(tmp_path, **given)]

    return check


# Which checks find again what was noted by hand beside the printed numbers of a study.
@pytest.mark.parametrize("study", ["modt4r", "hdt"])
def test_finds_what_was_found_by_hand(study):
    noted = pl.read_csv(STUDIES / study / "reported.csv").filter(
        pl.col("k").is_not_null(), pl.col("note").str.contains("inconsistent")
    )
    found = audit(STUDIES / study, novel_share=0.9)
    doubted = [one.cell for one in found if one.check in ("gain", "coverage")]
    runs = set(noted.select("exhibit", "dataset", "model").iter_rows())
    assert {cell.run for cell in doubted} == runs
    assert {(*cell.run, cell.k) for cell in doubted} <= set(
        noted.select("exhibit", "dataset", "model", "k").iter_rows()
    )


def test_finds_the_doubtful_cells_of_gommir_and_the_sizes_of_pmmir():
    found = audit(STUDIES / "gommir")
    assert [(one.check, one.cell.text) for one in found] == [
        ("decimals", "0.07272"),
        ("hits", "0.7863"),
    ]
    sizes = [one.says for one in audit(STUDIES / "pmmir")]
    assert any("48 of 48 rates are hits out of 3723, not of the 3722" in says for says in sizes)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=200))
def test_numbers_that_were_measured_raise_no_doubt(tmp_path_factory, ranks):
    """Print HR and NDCG of any ranks with four decimals."""
    lines = ["exhibit,dataset,model,metric,k,value"]
    for k in CUTOFFS:
        hit = [1 / log2(rank + 1) for rank in ranks if rank <= k]
        for name, value in (("HR", len(hit) / len(ranks)), ("NDCG", sum(hit) / len(ranks))):
            lines.append(f"table_1,here,one,{name},{k},{value:.4f}")
    folder = tmp_path_factory.mktemp("printed")
    (folder / "reported.csv").write_text("\n".join(lines))
    assert audit(folder) == []


@given(st.integers(0, 90), st.integers(0, 10), st.integers(0, 5))
def test_coverages_that_were_measured_raise_no_doubt(tmp_path_factory, novel, popular, more):
    """Print coverage of 100 items, of which 90 are novel."""
    lines = ["exhibit,dataset,model,metric,k,value"]
    for k, plus in ((5, 0), (10, more)):
        now = min(novel + plus, 90), min(popular + plus, 10)
        lines.append(f"table_1,here,one,CV_div,{k},{sum(now) / 100:.4f}")
        lines.append(f"table_1,here,one,CV_nov,{k},{now[0] / 90:.4f}")
    folder = tmp_path_factory.mktemp("printed")
    (folder / "reported.csv").write_text("\n".join(lines))
    assert [one for one in audit(folder, novel_share=0.9) if one.check != "repeated"] == []


def test_each_doubt_is_raised_where_it_belongs(printed):
    good = [("a", "SR", 10, "0.5000"), ("a", "SR", 5, "0.2500")]
    assert printed(*good, counts=[("test_users", 4)]) == []
    assert printed(
        ("a", "SR", 5, "0.3000"), ("a", "SR", 10, "0.5000"), counts=[("test_users", 4)]
    ) == [("hits", "a", "SR")]
    assert printed(("a", "HR", 5, "0.30"), ("a", "HR", 10, "0.20")) == [("falls", "a", "HR")]
    lengths = [("a", "Return", 0, "12.0"), ("a", "Length", 0, "4.0")]
    assert printed(*lengths, ("a", "AvgReward", 0, "3.00")) == []
    assert printed(*lengths, ("a", "AvgReward", 0, "3.21")) == [("ratio", "a", "AvgReward")]
    table = [("a", "HR", 5, "0.30"), ("b", "HR", 5, "0.20"), ("c", "HR", 5, "0.10")]
    assert printed(*table, ("a", "improvement(HR)", 5, "50.0")) == []
    assert printed(*table, ("a", "improvement(HR)", 5, "90.0")) == [
        ("improvement", "a", "improvement(HR)")
    ]
    twins = [
        (model, metric, 5, text)
        for model in "ab"
        for metric, text in (("HR", "0.20"), ("UP", "0.10"))
    ]
    assert printed(*twins) == [("repeated", "b", "HR")]


def test_says_what_it_found(capsys):
    assert command.main(["audit", "gommir"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(
        "gommir: decimals: table_2 dresses ir_img NDCG@3 10 = 0.07272: 5 decimals"
    )
    assert said[-1] == "2 findings in the printed numbers of 1 study"
    assert command.main(["audit", "--csv"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert {row["study"] for row in rows} >= {"gommir", "modt4r", "hdt"}
    assert command.main(["audit", "gomir"]) == 1
    assert "did you mean 'gommir'" in capsys.readouterr().err
