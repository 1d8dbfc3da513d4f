"""One run from a split to weights and record, and from weights to lists and scores."""

import json
import shutil
import warnings

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from recloop.evaluation.run import SCHEMA, score
from recloop.fitting.finite import Diverged
from recloop.storage import checkpoint
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
    assert pl.read_parquet(lists).is_empty()
    score(lists, split, identity, EVALUATION, scores, vectors)
    assert pl.read_parquet(scores).is_empty()
    assert pl.read_parquet(scores).schema == SCHEMA


def test_a_training_that_diverges_is_on_record_and_so_is_what_needs_it(
    split, settings_of, identity, tmp_path, other_split
):
    data, folder = {"sessions": split}, tmp_path / "lost"
    train(data, settings_of("sasrec", {"learning_rate": [1e30]}), identity, folder, tmp_path / "a")
    record = json.loads((folder / "run.json").read_text())
    assert record["not_run"].startswith("diverged: update ")
    assert record["not_run"].endswith("lower learning_rate")
    assert record.keys() >= FIELDS - {"valid_ndcg10"}
    assert pl.read_csv(folder / "curve.csv").is_empty()

    starting = {"item_vectors": folder / "weights.safetensors"}
    settings = settings_of("modt4r")
    train(
        data, settings, identity | {"model": "modt4r"}, tmp_path / "run", tmp_path / "b", starting
    )
    needing = json.loads((tmp_path / "run" / "run.json").read_text())
    assert needing["not_run"] == (
        f"needs sasrec as its item_vectors, which was not run: {record['not_run']}"
    )

    lists, scores = tmp_path / "lists.parquet", tmp_path / "scores.parquet"
    for weights in (folder, tmp_path / "run"):
        rank_test(data, weights / "weights.safetensors", settings, lists, 5, starting)
        score(lists, split, identity, EVALUATION, scores, starting["item_vectors"])
        assert pl.read_parquet(scores).is_empty()
    with pytest.raises(ValueError, match=r"was trained on split a+, the data are b+"):
        rank_test({"sessions": other_split}, starting["item_vectors"], settings, lists, 5)


def test_lists_have_no_inner_distance_where_the_judge_of_items_was_not_run(
    trained, split, identity, tmp_path
):
    settings, folder = trained
    lists, scores = tmp_path / "lists.parquet", tmp_path / "scores.parquet"
    rank_test({"sessions": split}, folder / "weights.safetensors", settings, lists, top_k=10)
    checkpoint.save(tmp_path / "judge.safetensors", {}, {"not_run": "diverged"})
    score(lists, split, identity, EVALUATION, scores, tmp_path / "judge.safetensors")
    assert {"HR", "NDCG"} <= set(pl.read_parquet(scores)["metric"]) - {"ILD"}


@pytest.mark.parametrize("where", ["table", "list", "array", "weights"])
def test_what_is_given_with_nan_is_no_training_that_diverged(
    split, settings_of, identity, tmp_path, where
):
    folder, needs = tmp_path / "given", {}
    folder.mkdir()
    bad = [1.0, float("nan")]
    if where == "table":
        pl.DataFrame({"item": [1, 2], "price": bad}).write_parquet(folder / "a.parquet")
    if where == "list":
        pl.DataFrame({"price": [[1.0], bad, []]}).write_parquet(folder / "a.parquet")
    if where == "array":
        np.save(folder / "a.npy", np.array([bad], dtype=np.float16))
    if where == "weights":
        needs = {"start": folder / "a.safetensors"}
        checkpoint.save(needs["start"], {"w": torch.tensor(bad, dtype=torch.bfloat16)}, {})
    settings = settings_of("sasrec", {"learning_rate": [1e30]})
    given = {"sessions": split, "features": folder}
    with pytest.raises(ValueError, match=r"a\.\w+: .*(price|array|w) has NaN"):
        train(given, settings, identity, tmp_path / "run", tmp_path / "c", needs)
    assert not (tmp_path / "run").exists()


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


def test_a_run_leaves_nothing_behind_for_the_next_one(split, settings_of, identity, tmp_path):
    """Several runs in one process are those of a process each."""

    def run(name, model, **changes):
        data, folder = {"sessions": split}, tmp_path / name
        settings = settings_of(model, {"epochs": 1}, **changes)
        train(data, settings, identity, folder, tmp_path / f"c-{name}")
        weights = folder / "weights.safetensors"
        rank_test(data, weights, settings, folder / "lists.parquet", 5)
        return load_file(weights), pl.read_parquet(folder / "lists.parquet")

    torch.manual_seed(5)
    before = torch.get_num_threads(), torch.get_rng_state(), warnings.filters[:]
    one = run("one", "sasrec")
    assert torch.equal(torch.get_rng_state(), before[1])
    run("other", "prl", ask_spread=0.5)
    torch.rand(7)
    again = run("again", "sasrec")
    assert all(torch.equal(one[0][name], again[0][name]) for name in one[0])
    assert one[1].equals(again[1])
    assert (torch.get_num_threads(), warnings.filters[:]) == (before[0], before[2])


def test_seconds_count_all_resumptions(split, settings_of, identity, tmp_path):
    folder = tmp_path / "checkpoint_dir"
    folder.mkdir()
    (folder / "clock.json").write_text(json.dumps({"seconds": 1000.0, "cpu_seconds": 500.0}))
    settings = settings_of("popularity", {"loop": "nonparametric"})
    train({"sessions": split}, settings, identity, tmp_path / "run", folder)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert 1000 < record["seconds"] < 1500
    assert 500 < record["cpu_seconds"] < 1000


def test_a_stopped_run_leaves_its_seconds(split, settings_of, identity, tmp_path, monkeypatch):
    from recloop.fitting.trainer import Trainer

    monkeypatch.setattr(Trainer, "follow_up", lambda self: self.stop())
    folder = tmp_path / "checkpoint_dir"
    with pytest.raises(SystemExit, match="told to stop after update 1"):
        train({"sessions": split}, settings_of("sasrec"), identity, tmp_path / "run", folder)
    assert json.loads((folder / "clock.json").read_text())["seconds"] > 0


MINE = """
from recloop.training.nonparametric import prepare, rank, train
"""


def test_a_loop_may_be_a_module_of_somebody_else(
    split, settings_of, identity, tmp_path, monkeypatch
):
    from recloop.training import loop_name, loop_of

    (tmp_path / "somebody").mkdir()
    (tmp_path / "somebody" / "mine.py").write_text(MINE)
    (tmp_path / "somebody" / "half.py").write_text("def prepare(): ...")
    monkeypatch.syspath_prepend(tmp_path)
    assert loop_of({"training": {"loop": "somebody.mine"}}).__name__ == "somebody.mine"
    assert loop_name({"loop": "users"}) == "recloop.training.users"
    with pytest.raises(ValueError, match=r"there is no module somebody\.yours"):
        loop_of({"training": {"loop": "somebody.yours"}})
    with pytest.raises(ValueError, match=r"there is no module recloop\.training\.supervise "):
        loop_of({"training": {"loop": "supervise"}})
    with pytest.raises(ValueError, match=r"half has no train and no rank"):
        loop_of({"training": {"loop": "somebody.half"}})


def test_a_loop_without_weights_has_to_say_why(split, settings_of, identity, tmp_path, monkeypatch):
    from recloop.training import nonparametric

    settings = settings_of("popularity", {"loop": "nonparametric"})
    for why in ("too large", None):
        found = {}, {"curve": [], "not_run": why}
        monkeypatch.setattr(nonparametric, "train", lambda found=found, **_: found)
        given = {"sessions": split}, settings, identity, tmp_path / "run", tmp_path / "c"
        if why:
            train(*given)
            _, facts = checkpoint.load(tmp_path / "run" / "weights.safetensors")
            assert facts["not_run"] == why
        else:
            with pytest.raises(ValueError, match="the loop of sasrec gave no weights"):
                train(*given)


def test_a_model_that_diverged_in_its_weights_is_named_when_ranked(trained, split, tmp_path):
    settings, folder = trained
    tensors, facts = checkpoint.load(folder / "weights.safetensors")
    broken = {name: tensor * torch.nan for name, tensor in tensors.items()}
    checkpoint.save(tmp_path / "broken.safetensors", broken, facts)
    with pytest.raises(Diverged, match=r"broken.safetensors: the scores for session \d+, position"):
        rank_test({"sessions": split}, tmp_path / "broken.safetensors", settings, tmp_path / "l", 5)


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


def test_what_is_made_from_a_run_that_was_not_run_says_so(tmp_path):
    from recloop.training.given import all_run

    weights = tmp_path / "weights.safetensors"
    checkpoint.save(weights, {}, {"not_run": "diverged: update 3"})
    (tmp_path / "run.json").write_text(json.dumps({"model": "behaviour"}))
    message = (
        "the log cannot be made: it needs behaviour as its policy, which was not run: diverged"
    )
    with pytest.raises(ValueError, match=message):
        all_run({"policy": weights}, "the log")
