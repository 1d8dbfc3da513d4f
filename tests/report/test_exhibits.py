"""The exhibits of the study made from generated results."""

import polars as pl
import pytest

from recloop.report.build import build
from recloop.report.exhibits import grid, maker


@pytest.fixture(scope="module")
def made(drawn):
    """Every table, every figure, the claims and the page."""
    return drawn("modt4r")


def test_table_says_what_was_really_used(made):
    text = (made / "table_4_3.md").read_text()
    assert "RC15 (shop_clicks, stand-in for RC15: embedded shop, 1,500 items)" in text
    assert "tier laptop" in text
    assert "– not run: LFM-1b, all models (18 GB of raw data)." in text
    assert "– not run: RC15, EASE (its item-item matrix needs 40 GiB)." in text


def test_table_has_every_cell_with_its_marks(made):
    from recloop.report.tables import CELL

    cells = pl.read_csv(made / "table_4_3.csv", schema_overrides=CELL)
    assert len(cells) == 3 * 22 * 13
    assert len(cells.drop_nulls("printed")) == 234
    best = cells.filter(model="modt4r", column="HR@10", dataset="retailrocket").row(0, named=True)
    assert (best["rank"], best["mark"], best["seeds"]) == (1, "*", 2)
    assert best["difference"] == pytest.approx(best["ours"] - 0.3565)
    worse = cells.filter(model="sasrec", column="CV_div@10", dataset="rc15").row(0, named=True)
    assert worse["mark"] == "†"
    assert cells.filter(model="smorl")["mark"].drop_nulls().is_in([""]).all()


def test_dataset_table_counts_the_split(made):
    cells = pl.read_csv(made / "table_4_2.csv").filter(dataset="rc15")
    assert dict(cells.select("metric", "ours").iter_rows()) == {
        "sequences": 800,
        "items": 1500,
        "interactions": 4000,
    }


def test_figures_are_the_same_bytes_in_a_second_run(tmp_path, study, saved):
    from matplotlib.image import imread

    scores = [path for path in saved["scores"] if "/retailrocket/modt4r/" in str(path)]
    given = {"study": study, "tier": saved["tier"], "splits": saved["splits"]}
    one, two = tmp_path / "one", tmp_path / "two"
    for output in (one, two):
        build(exhibits={"figure_4_5": scores}, output=output, **given)
    assert len(list(one.iterdir())) == 4
    assert imread(one / "figure_4_5.png").shape[1] == int(3.33 * 300)  # one column
    for path in one.iterdir():
        assert path.read_bytes() == (two / path.name).read_bytes()


def test_the_data_of_a_figure_are_tidy(made):
    data = pl.read_csv(made / "figure_4_5.csv").drop_nulls("value")
    assert len(data) == 2 * 5 * 2 * 2  # data sets, values, metrics, seeds
    assert sorted(set(data["place"])) == [0.0, 0.5, 1.0, 2.0, 4.0]


def test_figure_says_what_was_not_run(made):
    data = pl.read_csv(made / "figure_4_6.csv").filter(dataset="lfm1b")
    assert set(data["not_run"]) == {"18 GB of raw data"}


def test_ledger_never_calls_a_stand_in_reproduced(made):
    ledger = pl.read_csv(made / "ledger.csv")
    assert len(ledger) == 333
    assert set(ledger.filter(dataset="rc15")["status"]) == {"stand-in"}
    assert set(ledger.filter(dataset="lfm1b")["status"]) == {"not run"}
    assert set(ledger.filter(dataset="retailrocket")["status"]) == {"reproduced", "different"}


def test_every_cell_that_is_decided_has_its_interval(made):
    ledger = pl.read_csv(made / "ledger.csv", infer_schema_length=None)
    decided = ledger.filter(pl.col("status").is_in(["reproduced", "different"]), seeds=2)
    assert len(decided)
    half = 12.7062 * decided["sd"] / 2**0.5  # Student's t for two seeds
    assert (decided["ours"] - half).to_list() == pytest.approx(decided["low"].to_list(), rel=1e-4)
    assert (decided["ours"] + half).to_list() == pytest.approx(decided["high"].to_list(), rel=1e-4)


def test_verdicts_of_generated_results(made, study):
    judged = pl.read_csv(made / "claims.csv")
    verdicts = dict(judged.select("id", "claim_verdict").unique().iter_rows())
    assert len(verdicts) == len(study["claims"]) + len(study["known"]) == 15 + len(study["known"])
    assert (
        verdicts["modt4r-01"] == "holds in part"
    )  # generated/modt4r.yaml has it so; one data set was not run
    assert verdicts["modt4r-11"] == "holds"
    text = (made / "claims.md").read_text()
    assert (
        "RC15 (stand-in shop_clicks): holds<br>RetailRocket: holds<br>LFM-1b: not run (18 GB of raw data)"
        in text
    )
    assert "Verdicts on a stand-in are about the stand-in" in text


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"kind": "gird"}, "table_9 has the kind 'gird', which there is not; expected grid."),
        ({}, "table_9 has the kind '', which there is not; expected bars, changes, counts"),
        ({"kind": "nobody.odd"}, "table_9 has the kind 'nobody.odd', which cannot be imported: "),
        ({"kind": "grid", "datasets": []}, "table_9 of kind 'grid' lacks the keyword 'metrics'."),
    ],
)
def test_an_exhibit_that_cannot_be_made_says_why(entry, message):
    with pytest.raises(ValueError, match=message):
        maker(entry, "table_9")


def test_a_kind_may_be_somebody_elses():
    assert maker({"kind": "recloop.report.exhibits.grid.make", "datasets": []}, "odd") is grid.make
    assert maker({"kind": "recloop.report.exhibits.counts", "datasets": [], "metrics": []}, "odd")


def test_an_exhibit_sees_its_own_scores_only(tmp_path, study, saved):
    two = [path for path in saved["scores"] if "/retailrocket/modt4r/" in str(path)]
    given = {"study": study, "tier": saved["tier"], "splits": saved["splits"]}
    build(exhibits={"table_4_3": two[:1], "table_4_4": two}, output=tmp_path, **given)
    assert "; seed 1; " in (tmp_path / "table_4_3.md").read_text()
    assert "; seeds 1, 2; " in (tmp_path / "table_4_4.md").read_text()
