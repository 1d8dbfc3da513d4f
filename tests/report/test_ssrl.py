"""Self-supervised RL for next items: the study fits together, and its exhibits are made from generated results."""

from pathlib import Path
from zlib import crc32

import polars as pl
import pytest
import torch

from recloop.evaluation.results import Quantity
from recloop.models import build
from recloop.plan import names as sweeps
from recloop.plan.folders import read_study
from recloop.plan.values import for_dataset
from recloop.report import ledger
from recloop.report.evidence import Evidence
from recloop.report.exhibits import maker
from recloop.report.plots import Plot
from recloop.report.tables import Table
from recloop.report.verdicts import in_print, judge_all

ROOT = Path(__file__).parents[2]
STUDY = read_study(ROOT / "studies/ssrl")
REPORTED = ROOT / "studies/ssrl/reported.csv"
EXHIBITS = STUDY["tables"] | STUDY["figures"]


# -- what the study says ----------------------------------------------------------------------------------------------


def runs_of(entries) -> set[tuple[str, str]]:
    return {pair for entry in entries for pair in sweeps.wanted(STUDY, entry)}


def test_every_method_stands_on_every_host():
    methods = ("sqn", "sac", "snqn", "sa2c", "dqn_ns", "prl")
    for host in ("gru4rec", "caser", "nextitnet", "sasrec"):
        assert all(f"{host}_{method}" in STUDY["models"] for method in methods)
        for method in methods:
            entry = STUDY["models"][f"{host}_{method}"]
            assert entry["backbone"] == STUDY["backbones"][host]


def test_printed_numbers_have_margins_and_models():
    rows = pl.read_csv(REPORTED)
    assert set(rows["metric"]) <= set(STUDY["margins"])
    assert set(rows["model"].drop_nulls()) <= set(STUDY["models"])
    assert dict(rows.group_by("exhibit").len().iter_rows()) == {
        "table_data": 5,
        "table_rc15": 4,
        "table_retailrocket": 4,
        "table_reassessed": 64,
        "table_published": 6,
    }


def test_the_printed_numbers_say_that_sa2c_beats_its_host():
    tier = {"tier": "none", "datasets": {}}
    judged = judge_all(Evidence.gather(STUDY, tier, [], REPORTED))
    answers = {name: in_print(rows) for (name,), rows in judged.group_by("id")}
    assert answers.pop("ssrl-05") == "holds in 4 of 4"
    others = [
        answers.pop(name) for name in ("ssrl-12", "ssrl-13", "ssrl-14")
    ]  # of another protocol
    assert others == ["holds in 8 of 8", "holds in 8 of 8", "holds in 4 of 4"]
    assert set(answers.values()) == {"not checkable (figure or text only)"}


def test_what_another_protocol_printed_is_reproduced_by_nothing():
    assert EXHIBITS["table_reassessed"]["protocol"]
    evidence = Evidence.gather(STUDY, {"tier": "none", "datasets": {}}, [], REPORTED)
    assert Quantity("rc15", "vsknn", "HR_click", 10) not in evidence.printed
    row = ledger.decided({"ours": 1.0, "stand_in": None, "margin": None}, 0, "split by time")
    assert row == {"status": "no margin", "why": "printed for: split by time"}


def test_every_model_can_be_built():
    counts = torch.arange(1, 21)
    for key, entry in STUDY["models"].items():
        extras = ("label", "training", "inference")
        settings = {name: value for name, value in entry.items() if name not in extras}
        settings = for_dataset(settings | entry.get("inference", {}), "rc15")
        assert build(settings, items=20, item_counts=counts, length=10), key


def test_every_run_has_its_settings(own_plan):
    it = own_plan()
    it.studies["ssrl"] = STUDY
    it.tier["studies"]["ssrl"] = {"datasets": {name: {} for name in STUDY["datasets"]}}
    for dataset, model in runs_of(EXHIBITS.values()):
        it.settings("ssrl", dataset, model)
    found = it.settings("ssrl", "jdata", "sasrec_sa2c,twin=as_released")
    assert found["model"]["target_dropout"] is True
    assert found["inference"]["judged_on"] == "valid"
    assert (found["training"]["draws"], found["training"]["second_rate"]) == ("independent", 0.001)
    asked = it.settings("ssrl", "rc15", "sasrec_prl,prompt=dead,ask=3.0")
    assert asked["trained_as"] == "sasrec_prl,prompt=dead"


def test_a_placebo_that_is_none_is_the_plain_model():
    model = "sasrec_sqn,placebo={none,zero_reward}"
    found = sweeps.spread(model, sweeps.defaults(STUDY, model, "rc15"))
    assert found == ["sasrec_sqn", "sasrec_sqn,placebo=zero_reward"]


# -- exhibits of generated results ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def evidence(generated) -> Evidence:
    """All runs with SASRec on one data set, a few on one without purchases, none on the third."""
    return Evidence.gather(study=STUDY, reported=REPORTED, **generated("ssrl").saved)


def made(evidence: Evidence, name: str) -> Table | Plot:
    """Make one exhibit."""
    return maker(EXHIBITS[name], name)(evidence, EXHIBITS[name], name)


def test_rows_are_grouped_by_host_with_simple_baselines_first(evidence):
    cells = made(evidence, "table_rc15").cells
    groups = cells["group"].unique(maintain_order=True).to_list()
    assert groups == [
        "Simple baselines (ours)",
        "Strong models of today (ours)",
        "GRU",
        "Caser",
        "NItNet",
        "SASRec",
    ]
    assert len(cells) == (7 + 5 + 3 * 8 + 14) * 13
    row = cells.filter(model="sasrec_sa2c", column="NDCG_purchase@10").row(0, named=True)
    assert (row["row"], row["printed"]) == ("SASRec-SA2C", 0.3728)
    assert cells.filter(model="sasrec_sa2c", column="Reward@20")["mark"].to_list() == ["*"]
    assert cells.filter(model="sasrec_sa2c,correction=1.0")["row"][0] == "SASRec-SA2C corrected"


def test_a_table_says_that_nothing_was_bought(evidence):
    cells = made(evidence, "table_retailrocket").cells.filter(model="sasrec")
    assert cells.filter(metric="NDCG_click")["not_run"].is_null().all()
    assert set(cells.filter(metric="NDCG_purchase")["not_run"]) == {
        "no test event has a target that is a purchase"
    }


def test_what_was_judged_on_other_events_is_not_tested(evidence):
    cells = made(evidence, "table_twins").cells.filter(dataset="rc15")
    assert cells["p"].is_null().all()
    assert made(evidence, "table_twins").reference is None
    assert "SASRec-SQN dropout in targets" in set(cells["row"])
    moved = cells.filter(column="change of NDCG_click@10", model="sasrec_sqn")["ours"]
    assert moved.to_list() == [0.0]


def test_curves_come_from_the_trainings(evidence):
    data = made(evidence, "figure_updates").data.filter(dataset="rc15")
    assert data.group_by("model").len()["len"].unique().to_list() == [15]
    first = data.filter(model="sasrec").sort("place").row(0, named=True)
    assert (first["place"], first["label"]) == (10.0, "SASRec")
    assert first["value"] == pytest.approx(0.1 + 0.01 * (crc32(b"sasrec") % 7))
    missing = made(evidence, "figure_updates").data.filter(dataset="jdata")
    assert set(missing["not_run"]) == {"not part of this run"}


def test_rewards_that_help_stand_right_of_their_placebos(evidence):
    data = made(evidence, "figure_placebo").data.filter(dataset="rc15", metric="NDCG")
    assert len(data) == 9 * 5 + 2
    rows = {row["series"]: row for row in data.filter(label="SASRec-SQN").iter_rows(named=True)}
    assert set(rows) == {"rewards", "zero", "shuffled", "constant target", "auxiliary loss"}
    assert all(row["low"] <= row["value"] <= row["high"] for row in rows.values())
    assert rows["zero"]["high"] < rows["rewards"]["value"]
    apart = data.filter(pl.col("label").str.ends_with("(nothing imitates)"))
    counts = dict(apart["label"].value_counts().rows())
    assert counts == {
        f"SASRec-{name} (nothing imitates)": n for name, n in [("SAC", 1), ("SA2C", 3)]
    }


def test_asking_for_more_gives_more_unless_the_prompt_is_dead(evidence):
    data = (
        made(evidence, "figure_calibration")
        .data.filter(metric="Yield", dataset="rc15")
        .sort("place")
    )
    alive, dead = (
        data.filter(label=f"SASRec-PRL{end}")["value"].to_list() for end in ("", ", prompt=dead")
    )
    assert alive == sorted(alive)
    assert alive[0] < alive[-1]
    assert len(alive) == len(dead) == 6
    assert len(set(dead)) == 1


def test_where_nothing_is_bought_no_item_yields_more(evidence):
    kept = sorted(model for dataset, model in evidence.results.folders if dataset == "retailrocket")
    yielded = {
        dataset: evidence.why(Quantity(dataset, kept[0], "Yield", 10))
        for dataset in ("rc15", "retailrocket")
    }
    assert yielded["rc15"] is None
    assert yielded["retailrocket"].startswith("nothing was bought in training")


@pytest.mark.parametrize("name", ["figure_placebo", "figure_discount", "figure_updates"])
def test_figures_are_drawn(evidence, name):
    from recloop.report.drawing import draw

    assert draw(made(evidence, name)).get_figwidth() == pytest.approx(3.33)


def test_a_metric_without_events_has_no_value(evidence):
    data = made(evidence, "figure_discount").data.filter(dataset="retailrocket")
    assert data.filter(metric="NDCG_purchase")["value"].is_null().all()
    assert data.filter(metric="NDCG_click")["value"].null_count() == 0
