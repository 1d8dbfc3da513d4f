"""The exhibits of the study made from made-up results."""

import polars as pl
import pytest

from recloop import report


@pytest.fixture(scope="module")
def made(tmp_path_factory, study, saved, reported):
    """Every table, every figure, the claims and the page."""
    output = tmp_path_factory.mktemp("results") / "modt4r"
    given = {"study": study, "tier": saved["tier"], "scores": saved["scores"]}
    rest = {"reported": reported, "splits": saved["splits"], "runs": saved["runs"]}
    for name in study["tables"]:
        report.build_table(**given, **rest, name=name, output=output / name)
    for name in study["figures"]:
        report.build_figure(**given, **rest, name=name, output=output / name)
    report.build_claims(**given, **rest, output=output / "claims")
    report.build_page(**given, runs=saved["runs"], splits=saved["splits"], output=output)
    return output


def test_every_file_is_there(made, study):
    tables = [f"{name}.{end}" for name in study["tables"] for end in ("md", "tex", "csv")]
    figures = [f"{name}.{end}" for name in study["figures"] for end in ("pdf", "svg", "png", "csv")]
    others = ["claims.md", "claims.csv", "ledger.csv", "README.md", "index.html"]
    assert sorted(path.name for path in made.iterdir()) == sorted([*tables, *figures, *others])


def test_table_says_what_was_really_used(made):
    text = (made / "table_4_3.md").read_text()
    assert "RC15 (shop_clicks, stand-in for RC15: embedded shop, 1,500 items)" in text
    assert "tier laptop" in text
    assert "– not run: LFM-1b, all models (18 GB of raw data)." in text
    assert "– not run: RC15, EASE (its item-item matrix needs 40 GiB)." in text


def test_table_has_every_cell_with_its_marks(made):
    from recloop.report.tables import CELL

    cells = pl.read_csv(made / "table_4_3.csv", schema_overrides=CELL)
    assert len(cells) == 3 * 14 * 13
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


def test_figures_are_the_same_bytes_in_a_second_run(made, tmp_path, study, saved, reported):
    output = tmp_path / "modt4r" / "figure_4_6"
    given = {key: saved[key] for key in ("scores", "tier", "splits")}
    report.build_figure("figure_4_6", output, study=study, reported=reported, **given)
    for end in ("pdf", "svg", "png", "csv"):
        name = f"figure_4_6.{end}"
        assert (output.parent / name).read_bytes() == (made / name).read_bytes()


def test_figure_is_one_column_wide_and_its_data_are_tidy(made, study):
    from matplotlib.image import imread

    assert imread(made / "figure_4_5.png").shape[1] == int(3.33 * 300)
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


def test_verdicts_of_made_up_results(made):
    judged = pl.read_csv(made / "claims.csv")
    verdicts = dict(judged.select("id", "claim_verdict").unique().iter_rows())
    assert len(verdicts) == 12
    assert (
        verdicts["modt4r-01"] == "holds in part"
    )  # the made-up models are made so; one data set was not run
    assert verdicts["modt4r-11"] == "holds"
    text = (made / "claims.md").read_text()
    assert (
        "RC15 (stand-in shop_clicks): holds<br>RetailRocket: holds<br>LFM-1b: not run (18 GB of raw data)"
        in text
    )
    assert "Verdicts on a stand-in are about the stand-in" in text


def test_unknown_exhibit_is_named(tmp_path):
    with pytest.raises(ValueError, match="no function 'table_9'"):
        report.exhibit(tmp_path / "modt4r" / "table_9", "table_9")
