"""One run from a split to weights and record, and from weights to lists and scores."""

import json
import shutil

import polars as pl
import pytest
from safetensors.torch import load_file

from recloop.evaluation.run import SCHEMA, score
from recloop.training.run import rank_test, train

FIELDS = {
    *("study", "dataset", "source", "model", "seed", "key", "split", "settings", "parameters"),
    *("seconds", "cpu_seconds", "peak_memory_mb", "device", "host", "torch", "epochs_run"),
    *("best_epoch", "valid_ndcg10", "not_run"),
}
EVALUATION = {"cutoffs": [5, 10], "novel_share": 0.9}


@pytest.fixture
def trained(split, settings_of, identity, tmp_path):
    settings = settings_of("sasrec")
    train({"sessions": split}, settings, identity, tmp_path / "run", tmp_path / "checkpoint_dir")
    return settings, tmp_path / "run"


def test_leaves_weights_curve_and_record(trained, split, identity):
    settings, folder = trained
    assert {path.name for path in folder.iterdir()} == {
        "weights.safetensors",
        "curve.csv",
        "run.json",
    }
    record = json.loads((folder / "run.json").read_text())
    assert record.keys() >= FIELDS
    assert record.items() >= identity.items()
    assert record["settings"] == settings
    assert record["split"] == "a" * 8
    assert record["not_run"] is None
    assert record["seconds"] > 0
    assert record["cpu_seconds"] > 0
    assert record["peak_memory_mb"] > 50
    weights = load_file(folder / "weights.safetensors")
    assert record["parameters"] == sum(tensor.numel() for tensor in weights.values())
    curve = pl.read_csv(folder / "curve.csv")
    assert curve.columns == ["update", "epoch", "loss", "valid_ndcg10", "seconds"]
    assert curve["valid_ndcg10"].max() == pytest.approx(record["valid_ndcg10"])
    assert curve["epoch"].to_list() == [1, 2, 3, 4]


def test_ranks_every_test_event(trained, split, tmp_path):
    settings, folder = trained
    lists = tmp_path / "new" / "lists.parquet"
    rank_test({"sessions": split}, folder / "weights.safetensors", settings, lists, top_k=7)
    rows = pl.read_parquet(lists)
    test = pl.read_parquet(split / "test.parquet")
    assert len(rows) == (test["item"].list.len() - 1).sum()
    assert rows.schema == {
        "session": pl.Int64,
        "position": pl.Int32,
        "target": pl.Int32,
        "better": pl.Int32,
        "tied": pl.Int32,
        "top": pl.Array(pl.Int32, 7),
        "purchase": pl.Boolean,
        "repeated": pl.Boolean,
    }
    assert rows.equals(rows.sort("session", "position"))
    assert rows["purchase"].equals(rows["target"] % 2 == 1, check_names=False)
    assert not rows["repeated"].any()  # no session goes round the ring
    assert (rows["position"] >= 1).all()
    assert (rows["tied"] >= 1).all()
    first = rows.filter(better=0, tied=1)
    assert (first["top"].arr.first() == first["target"]).all()


@pytest.mark.parametrize(
    ("model", "loop"), [("sasrec", "supervised"), ("popularity", "nonparametric")]
)
def test_joins_the_sessions_of_a_user_and_says_what_the_past_holds(
    user_split, settings_of, identity, tmp_path, model, loop
):
    settings = settings_of(model, {"loop": loop, "users": True, "length": 5})
    train(
        {"sessions": user_split}, settings, identity, tmp_path / "run", tmp_path / "checkpoint_dir"
    )
    weights, lists = tmp_path / "run" / "weights.safetensors", tmp_path / "lists.parquet"
    rank_test({"sessions": user_split}, weights, settings, lists, top_k=8)
    rows = pl.read_parquet(lists)
    assert rows.schema["past"] == pl.Boolean
    assert rows.schema["familiar"] == pl.Array(pl.Boolean, 8)
    assert rows["session"].n_unique() == 20
    assert rows["position"].to_list() == [1, 2, 3, 4, 5, 6] * 20  # of the last session alone
    # A user who starts at item i has met i … i + 5 before the last session, which goes on to i + 6.
    assert rows["past"].to_list() == [True, True, True, True, True, False] * 20
    first = pl.Series(range(20)).repeat_by(6).explode()
    listed = ((rows["top"].explode() - first.repeat_by(8).explode()) % 20 < 6).to_list()
    assert rows["familiar"].explode().to_list() == listed
    settings["inference"] = {"judged_on": "valid"}
    rank_test({"sessions": user_split}, weights, settings, lists, top_k=8)
    assert pl.read_parquet(lists)["past"].to_list() == [True, True, True, True, False] * 20


def test_a_twin_may_be_judged_on_what_it_was_chosen_on(trained, user_split, split, tmp_path):
    settings, folder = trained
    logged = {}
    for part in ("test", "valid"):
        asked = settings | {"inference": {"judged_on": part}}
        logged[part] = tmp_path / f"{part}.parquet"
        rank_test({"sessions": user_split}, folder / "weights.safetensors", asked, logged[part], 5)
    rows = {part: pl.read_parquet(path) for part, path in logged.items()}
    for part, found in rows.items():
        there = pl.read_parquet(user_split / f"{part}.parquet")["session"].to_list()
        assert sorted(set(found["session"])) == there
    asked = settings | {"inference": {"judged_on": "train"}}
    with pytest.raises(ValueError, match="judged_on='train': expected test or valid"):
        rank_test({"sessions": split}, folder / "weights.safetensors", asked, logged["test"], 5)


def test_asking_for_more_needs_no_new_weights(split, settings_of, identity, tmp_path):
    settings = settings_of("prl", {"epochs": 2})
    train({"sessions": split}, settings, identity, tmp_path / "run", tmp_path / "checkpoint_dir")
    lists = []
    for ask in (0.5, 20.0):
        asked = settings | {"inference": {"ask": ask}}
        lists.append(tmp_path / f"{ask}.parquet")
        weights = tmp_path / "run" / "weights.safetensors"
        rank_test({"sessions": split}, weights, asked, lists[-1], 5)
    one, other = (pl.read_parquet(path) for path in lists)
    assert not one.equals(other)


def test_refuses_weights_of_another_split(trained, other_split, tmp_path):
    settings, folder = trained
    with pytest.raises(ValueError, match=r"was trained on split a+, the data are b+: .* run again"):
        rank_test(
            {"sessions": other_split},
            folder / "weights.safetensors",
            settings,
            tmp_path / "lists.parquet",
            5,
        )


def test_a_model_that_does_not_fit_is_not_run_and_has_no_scores(
    split, settings_of, identity, vectors, tmp_path
):
    settings = settings_of("ease", {"loop": "nonparametric"}, memory_gib=0.0)
    train({"sessions": split}, settings, identity, tmp_path / "run", tmp_path / "checkpoint_dir")
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert "needs" in record["not_run"]
    assert "memory_gib" in record["not_run"]
    assert record.keys() >= FIELDS
    lists, scores = tmp_path / "lists.parquet", tmp_path / "scores.parquet"
    rank_test(
        {"sessions": split}, tmp_path / "run" / "weights.safetensors", settings, lists, top_k=5
    )
    rows = pl.read_parquet(lists)
    assert rows.is_empty()
    assert rows.schema["top"] == pl.Array(pl.Int32, 5)
    score(lists, split, identity, EVALUATION, scores, vectors)
    assert pl.read_parquet(scores).is_empty()
    assert pl.read_parquet(scores).schema == SCHEMA


def test_a_counted_model_is_run_like_any_other(split, settings_of, identity, vectors, tmp_path):
    settings = settings_of("ease", {"loop": "nonparametric"})
    train({"sessions": split}, settings, identity, tmp_path / "run", tmp_path / "checkpoint_dir")
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["not_run"] is None
    assert record["valid_ndcg10"] is None
    assert pl.read_csv(tmp_path / "run" / "curve.csv").is_empty()
    lists, scores = tmp_path / "lists.parquet", tmp_path / "scores.parquet"
    rank_test(
        {"sessions": split}, tmp_path / "run" / "weights.safetensors", settings, lists, top_k=10
    )
    score(lists, split, identity, EVALUATION, scores, vectors)
    found = pl.read_parquet(scores)
    assert found.schema == SCHEMA
    assert found["split"].unique().to_list() == ["a" * 8]
    assert found["value"].is_finite().all()
    assert found.filter(metric="HR", k=10)["value"].item() > 0.3


def test_what_is_asked_at_inference_needs_no_new_weights(
    split, settings_of, identity, vectors, tmp_path
):
    settings = settings_of("modt4r", {"epochs": 2}) | {"inference": {"alpha": 1.0}}
    train(
        {"sessions": split},
        settings,
        identity,
        tmp_path / "run",
        tmp_path / "checkpoint_dir",
        {"item_vectors": vectors},
    )
    lists = []
    for alpha in (0.0, 1.0):
        asked = settings | {"inference": {"alpha": alpha}}
        lists.append(tmp_path / f"{alpha}.parquet")
        rank_test(
            {"sessions": split},
            tmp_path / "run" / "weights.safetensors",
            asked,
            lists[-1],
            5,
            {"item_vectors": vectors},
        )
    assert not pl.read_parquet(lists[0]).equals(pl.read_parquet(lists[1]))


def test_the_side_folder_is_gone_after_a_whole_run(trained, tmp_path):
    assert not (tmp_path / "checkpoint_dir").exists()


def test_a_damaged_checkpoint_stops_the_run_with_a_remedy(split, settings_of, identity, tmp_path):
    checkpoint_dir = tmp_path / "checkpoint_dir"
    checkpoint_dir.mkdir()
    (checkpoint_dir / "checkpoint.safetensors").write_bytes(b"half a file")
    with pytest.raises(ValueError, match="delete it and run again"):
        train(
            {"sessions": split}, settings_of("sasrec"), identity, tmp_path / "run", checkpoint_dir
        )
    shutil.rmtree(checkpoint_dir)
