"""The study of HDT: what it says fits together, and its exhibits from generated results."""

from pathlib import Path

import polars as pl
import pytest

ROOT = Path(__file__).parents[2]
ITEMS, USERS = 60, 25  # generated/hdt.yaml


@pytest.fixture(scope="module")
def paper(generated) -> dict:
    """The study."""
    return generated("hdt").study


@pytest.fixture(scope="module")
def evidence(generated):
    """Runs of three models, of the twin and of the figure on Reddit; nothing on Album."""
    from recloop.report.evidence import Evidence

    found = generated("hdt")
    return Evidence.gather(study=found.study, reported=found.reported, **found.saved)


def made(evidence, name: str):
    """Make one exhibit."""
    from recloop.report.exhibits import maker

    entry = (evidence.study["tables"] | evidence.study["figures"])[name]
    return maker(entry, name)(evidence, entry, name)


def test_every_override_is_of_a_keyword_that_the_study_gives(paper):
    from recloop.plan import names as sweeps

    for entry in paper["tables"].values():
        for dataset, run in sweeps.wanted(paper, entry):
            overridden = {part.partition("=")[0] for part in run.split(",")[1:]}
            assert overridden <= sweeps.defaults(paper, run, dataset).keys()


def test_all_printed_cells_are_there_with_a_margin(paper):
    printed = pl.read_csv(ROOT / "studies/hdt/reported.csv")
    cells = dict(printed.group_by("exhibit").len().iter_rows())
    assert cells == {"table_5_2": 22, "table_5_3": 240, "table_5_5": 30}
    assert set(printed["metric"]) <= set(paper["margins"])
    models = {model.partition(",")[0] for model in printed["model"].drop_nulls()}
    hosted = {name for name in paper["models"] if name.split("_")[0] in HOSTS}
    assert models == {name for name in hosted if not name.endswith("_tuned")}


HOSTS = ("gru4rec", "caser", "nextitnet", "sasrec")


def test_the_printed_numbers_say_about_the_claims_what_they_say(paper):
    from recloop.report.evidence import Evidence
    from recloop.report.verdicts import in_print, judge_all

    nothing = {"tier": "none", "datasets": {}}
    judged = judge_all(Evidence.gather(paper, nothing, [], ROOT / "studies/hdt/reported.csv"))
    answers = {name: in_print(rows) for (name,), rows in judged.group_by("id", maintain_order=True)}
    assert answers["hdt-01"] == "holds in 192 of 192"
    assert answers["hdt-02"].startswith("fails in 10 of 32: ")
    assert answers["hdt-03"].startswith("fails in 1 of 48: album CV_nov@5 sasrec_interdt")
    assert answers["hdt-05"] == "holds in 8 of 8"
    assert answers["hdt-06"].startswith("fails in 1 of 20: reddit CV_nov@5 sasrec_hdt")
    for number in ("04", "07", "08"):
        assert answers[f"hdt-{number}"] == "not checkable (figure or text only)"


def test_the_data_are_counted(evidence):
    cells = made(evidence, "table_5_2").cells
    found = dict(cells.filter(dataset="reddit").select("metric", "ours").iter_rows())
    assert found == {
        "users": USERS,
        "items": ITEMS,
        "sessions": 3 * USERS,
        "events": 12 * USERS,
        "events_per_item": 12 * USERS / ITEMS,
        "events_per_session": 4,
        "sessions_per_user": 3,
        "train_events": 7 * USERS,
        "train_sessions": 2 * USERS,
        "test_events": 5 * USERS,
        "test_sessions": USERS,
    }
    assert set(cells.filter(dataset="album")["not_run"]) == {"no plays here"}


def test_models_stand_by_encoder_with_marks_against_hier(evidence):
    cells = made(evidence, "table_5_4").cells
    assert cells["group"].unique(maintain_order=True).to_list() == [
        "Simple baselines (ours)",
        "GRU4Rec",
        "Caser",
        "NItNet",
        "SASRec",
    ]
    best = cells.filter(model="gru4rec_hdt", column="HR@10").row(0, named=True)
    assert (best["row"], best["mark"], best["rank"]) == ("HDT-GRU", "*", 1)
    unmet = cells.filter(model="gru4rec_hdt", metric="UP", k=10).row(0, named=True)
    assert unmet["ours"] == pytest.approx(10 * 50 / 60, abs=0.5)
    assert unmet["p"] is not None  # paired over users
    assert cells.filter(model="gru4rec_hdt", metric="HR_ser")["p"].null_count() == 0


def test_printed_cells_stand_beside_ours(evidence):
    cells = made(evidence, "table_5_5").cells
    assert cells.drop_nulls("printed").height == 30
    rows = cells["row"].unique(maintain_order=True).to_list()
    assert rows == ["HDT-SAS uxp", "HDT-SAS nov", "HDT-SAS"]
    assert made(evidence, "table_5_3").cells.drop_nulls("printed").height == 240


def test_the_printed_return_is_a_twin(evidence):
    cells = made(evidence, "table_twins").cells
    row = cells.filter(model="gru4rec_hdt,inter_return=current", metric="HR", dataset="reddit")
    assert row["row"][0] == "HDT-GRU as printed (Eq. 5.2)"
    change = row.filter(pl.col("column").str.starts_with("change of"))["ours"].item()
    plain = cells.filter(model="gru4rec_hdt", column="HR@10", dataset="reddit")["ours"].item()
    assert change == pytest.approx(row.filter(column="HR@10")["ours"].item() - plain)


def test_the_figure_has_a_panel_per_weight(evidence):
    plot = made(evidence, "figure_5_3")
    assert [panel.axis for panel in plot.panels] == ["α", "β", "λ"]
    assert [panel.metrics[1] for panel in plot.panels] == ["UP@10", "CV_div@10", "UP@10"]
    assert len(plot.data.drop_nulls("value")) == 3 * 5 * 2 * 2  # panels, values, metrics, seeds
    assert sorted(set(plot.data["place"])) == [0.0, 0.1, 0.2, 0.5, 1.0]
