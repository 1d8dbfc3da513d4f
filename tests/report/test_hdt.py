"""The study of HDT: what it says fits together, and its exhibits from made-up results."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

ROOT = Path(__file__).parents[2]
ITEMS, USERS, HASH = 60, 25, "abc"
MADE = {"gru4rec": 0.2, "gru4rec_hier": 0.3, "gru4rec_hdt": 0.6}  # share of hits


@pytest.fixture(scope="module")
def paper() -> dict:
    """The study."""
    from recloop.plan.folders import read_study

    return read_study(ROOT / "studies/hdt")


@pytest.fixture(scope="module")
def evidence(tmp_path_factory, paper):
    """Runs of three models, of the twin and of the figure on Reddit; nothing on Album."""
    from recloop.plan import names as sweeps
    from recloop.report.evidence import Evidence

    root = tmp_path_factory.mktemp("hdt")
    swept = [one for _, one in sweeps.wanted(paper, paper["figures"]["figure_5_3"])]
    names = [*MADE, "gru4rec_hdt,inter_return=current", *swept]
    scores = [write_run(root, name, seed) for name in dict.fromkeys(names) for seed in (1, 2)]
    split = write_split(root)
    tier = {"tier": "laptop", "seeds": [1, 2], "absent": {"album": "no plays here"}}
    tier |= {"datasets": {"reddit": {"source": "radio_stations", "stand_in": "an embedded radio"}}}
    return Evidence.gather(paper, tier, scores, ROOT / "studies/hdt/reported.csv", [split])


def write_split(root: Path) -> Path:
    """Write three sessions of each user, one per part, with 3, 4 and 5 events."""
    pl.DataFrame({"item": range(ITEMS), "count": [4] * ITEMS}).write_parquet(root / "items.parquet")
    counts = {}
    for part, events in (("train", 3), ("valid", 4), ("test", 5)):
        users = pl.DataFrame({"user": [f"u{number}" for number in range(USERS)]})
        users.write_parquet(root / f"{part}.parquet")
        counts[part] = {"sessions": USERS, "items": ITEMS, "interactions": events * USERS}
    (root / "split.json").write_text(json.dumps({"hash": HASH, "counts": counts}))
    return root / "split.json"


def write_run(root: Path, model: str, seed: int) -> Path:
    """Write the lists of one run: four events per user, of whom all met the first ten items."""
    from recloop.evaluation import evaluate

    random = np.random.default_rng([seed, *model.encode()])
    luck = np.random.default_rng(0).random(4 * USERS)
    top = np.argsort(random.random((4 * USERS, ITEMS)), axis=1)[:, :20].astype(np.int32)
    target = np.random.default_rng(1).integers(0, ITEMS, 4 * USERS)
    hit = luck < MADE.get(model.partition(",")[0], 0.4)
    lists = pl.DataFrame(
        {
            "session": np.repeat(np.arange(USERS), 4),
            "position": np.tile(np.arange(1, 5), USERS),
            "target": target,
            "better": np.where(hit, random.integers(0, 9, len(hit)), 40),
            "tied": np.ones(len(hit), dtype=int),
            "top": pl.Series(top, dtype=pl.Array(pl.Int32, 20)),
            "purchase": np.zeros(len(hit), dtype=bool),
            "repeated": np.zeros(len(hit), dtype=bool),
            "past": target < 10,
            "familiar": pl.Series(top < 10, dtype=pl.Array(pl.Boolean, 20)),
        }
    )
    folder = root / model / str(seed)
    folder.mkdir(parents=True)
    lists.write_parquet(folder / "lists.parquet")
    scores = evaluate(lists, np.full(ITEMS, 4), None, [5, 10, 20], users=True)
    identity = {"study": "hdt", "dataset": "reddit", "model": model, "seed": seed, "split": HASH}
    identity |= {"source": "radio_stations", "stand_in": True, "tier": "laptop"}
    named = scores.with_columns(**{name: pl.lit(one) for name, one in identity.items()})
    named.write_parquet(folder / "scores.parquet")
    return folder / "scores.parquet"


def made(evidence, name: str):
    """Make one exhibit."""
    from recloop.report.exhibits import maker

    entry = (evidence.study["tables"] | evidence.study["figures"])[name]
    return maker(entry, name)(evidence, entry, name)


def test_every_run_of_a_claim_is_a_run_of_an_exhibit(paper):
    from recloop.plan import names as sweeps

    exhibits = [*paper["tables"].values(), *paper["figures"].values()]
    runs = {pair for entry in exhibits for pair in sweeps.wanted(paper, entry)}
    for claim in paper["claims"].values():
        assert set(sweeps.wanted(paper, claim)) <= runs


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
    assert models == {name for name in paper["models"] if name.split("_")[0] in HOSTS}


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
