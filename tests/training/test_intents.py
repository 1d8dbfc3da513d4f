"""Training with moments: planted intents are recovered, a stopped one goes on exactly, lists say what was meant."""

import json
import os
import signal

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from recloop.data.prepare import prepare
from recloop.data.read import read
from recloop.data.sources import fetch
from recloop.evaluation.intents import adjusted_rand, clusters, matrix
from recloop.fitting.trainer import Trainer
from recloop.training.run import rank_test, train

USERS = 140  # fewer than in the tier quick


@pytest.fixture(scope="module")
def it(plan):
    return plan(tier="quick", studies=["intent"])


@pytest.fixture(scope="module")
def data(it, tmp_path_factory):
    """Sessions of the embedded shop, and its raw files."""
    recipe, place = it.recipe("intent", "views"), tmp_path_factory.mktemp("views")
    manifest = recipe["manifest"]
    manifest = manifest | {"sizes": manifest["sizes"] | {"users": USERS}}
    fetch(manifest, place / "raw")
    read(manifest, place / "raw", place / "tables")
    prepare(place / "tables", place / "split", recipe["prepare"], recipe["split"], 1, manifest)
    return {"sessions": place / "split", "raw": place / "raw"}


@pytest.fixture(scope="module")
def run(it, data, tmp_path_factory):
    """Give a function that trains a model and gives the folder of the run."""
    made = tmp_path_factory.mktemp("runs")

    def run(model: str, name: str, **training):
        settings = it.settings("intent", "views", model)
        settings = {part: settings[part] for part in ("model", "training", "inference")}
        settings["training"] = settings["training"] | training
        identity = {
            "study": "intent",
            "dataset": "views",
            "source": "errands",
            "model": model,
            "seed": 1,
        }
        train(data, settings, identity, made / name, made / f"side-{name}")
        return made / name, settings

    return run


@pytest.fixture(scope="module")
def found(run, data):
    """The lists of a model with intents, and its record."""
    folder, settings = run("gru4rec_intent", "whole", epochs=8, batch_size=64)
    rank_test(data, folder / "weights.safetensors", settings, folder / "lists.parquet", 20)
    return pl.read_parquet(folder / "lists.parquet"), json.loads((folder / "run.json").read_text())


def test_planted_intents_are_recovered_beyond_chance(found):
    """Clusters of prior means, which know context and history alone, and of posterior means."""
    lists, _ = found
    planted, random = lists["planted"].to_numpy(), np.random.default_rng(1)
    for column, least in (("intent", 0.2), ("posterior", 0.3)):
        label = clusters(matrix(lists, column))
        chance = [adjusted_rand(label, random.permutation(planted)) for _ in range(99)]
        assert adjusted_rand(label, planted) > max(least, max(chance))


def test_the_record_has_elbo_and_divergence_of_every_validation(found):
    _, record = found
    updates = [row["update"] for row in record["intents"]]
    assert len(updates) == len(set(updates)) == record["epochs_run"] == 8
    assert all(np.isfinite(row["elbo"]) for row in record["intents"])
    assert record["intents"][-1]["kl"] > 0.1


def test_lists_say_when_and_of_whom(found):
    lists, _ = found
    assert lists["time"].min() > 0
    assert lists["user"].null_count() == lists["planted"].null_count() == 0
    assert lists["intent"].dtype == pl.Array(pl.Float32, 8)
    later = lists.sort("session", "position").group_by("session").agg(pl.col("time").is_sorted())
    assert later["time"].all()


def test_a_stopped_training_goes_on_exactly(run, monkeypatch):
    asked = {"epochs": 2, "validation_events": 50}
    whole, _ = run("sasrec_snqn_intent", "uncut", **asked)
    learn = Trainer.learn

    def stop(self, group):
        learn(self, group)
        if self.progress.update == 25:  # in the second epoch
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "learn", stop)
        with pytest.raises(SystemExit, match="told to stop after update 25"):
            run("sasrec_snqn_intent", "cut", **asked)
    torch.manual_seed(12345)
    cut, _ = run("sasrec_snqn_intent", "cut", **asked)
    one, other = (load_file(place / "weights.safetensors") for place in (whole, cut))
    assert all(torch.equal(one[name], other[name]) for name in one)
    records = [json.loads((place / "run.json").read_text()) for place in (whole, cut)]
    assert records[0]["intents"] == records[1]["intents"]
