"""Content recommenders through the loop: what is kept, what an epoch took, ranks from disk, a training that goes on."""

import json

import numpy as np
import polars as pl
import pytest
import torch

from recloop.contents.writing import make_contents
from recloop.evaluation.costs import EPOCH
from recloop.fitting.context import TrainingContext
from recloop.storage import checkpoint
from recloop.training.contents import load, prepare, train
from recloop.training.run import rank_test
from recloop.training.run import train as train_run
from tests.contents.conftest import bert, raw  # noqa: F401 fixtures
from tests.training.conftest import IDENTITY, TRAINING, split  # noqa: F401 a fixture

WORDS = ["red", "blue", "green", "striped", "dotted", "long", "shirt", "dress"]
LEARNS = {
    "loop": "contents",
    "learning_rate": [0.01],
    "epochs": 2,
    "validation_events": 20,
    "words_rate": 0.5,
}


@pytest.fixture(scope="session")
def titled(split, raw, tmp_path_factory):  # noqa: F811
    """Contents of the ring's items: two words each, no pictures."""
    items = pl.read_parquet(split / "items.parquet")
    titles = [f"{WORDS[item % 8]} {WORDS[item // 8 + 3]}" for item in items["item"]]
    place = tmp_path_factory.mktemp("titled")
    items.with_columns(title=pl.Series(titles)).write_parquet(place / "items.parquet")
    make_contents(place, raw, place / "made")
    return place / "made"


@pytest.fixture
def data(split, titled, bert):  # noqa: F811
    return {"sessions": split, "contents": titled, "words_network": bert}


def settings(**encoder):
    model = {"class": "content.recommender.ContentRecommender", "dim": 8, "heads": 2}
    encoder = {"class": "content.tuned.Tuned", "tuning": "lora", "size": 2} | encoder
    return {
        "model": model | {"encoder": encoder},
        "training": TRAINING | LEARNS | {"words": "bert", "states": "live"},
        "dialogue": {},
        "inference": {"judged_on": "test"},
        "networks": {"words": {"class": "networks.Words"}},
    }


def fitted(data, folder, **encoder):
    identity = IDENTITY | {"model": "lora"}
    train_run(data, settings(**encoder), identity, folder / "run", folder / "checkpoints")
    return folder / "run"


def test_only_what_learns_is_kept_and_ranks_come_back_from_disk(data, tmp_path):
    run = fitted(data, tmp_path)
    tensors, _ = checkpoint.load(run / "weights.safetensors")
    inside = [name for name in tensors if ".network." in name]
    assert inside
    assert all(name.endswith((".down", ".up")) for name in inside)
    record = json.loads((run / "run.json").read_text())
    spent = [record[name] for name in EPOCH.values()]
    assert spent[0] > 0
    assert spent[1] >= 0
    learned = sum(one.numel() for name, one in tensors.items() if name != "costs")
    assert spent[2] == learned
    for name in ("a", "b"):
        place = tmp_path / f"{name}.parquet"
        rank_test(data, run / "weights.safetensors", settings(), place, 5)
    first, again = (pl.read_parquet(tmp_path / f"{name}.parquet") for name in "ab")
    assert first.equals(again)
    assert first.select(EPOCH.values()).row(0) == tuple(spent)


def test_weights_of_another_model_are_refused(data, tmp_path):
    model = prepare(data, settings(), {}, "cpu")["make"]()
    with pytest.raises(ValueError, match=r"weights: '.*' is missing; remove them and train again"):
        load(model, {})


def test_a_killed_training_goes_on_with_what_it_had_measured(data, tmp_path):
    def learn(epochs, folder):
        given = settings()
        given["training"] |= {"epochs": epochs}
        context = TrainingContext(3, folder, log=lambda line: None)
        ready = prepare(data, given, {}, "cpu")
        return train(**ready, training=given["training"], context=context)

    whole, _ = learn(3, tmp_path / "whole")
    learn(1, tmp_path / "parts")
    parts, facts = learn(3, tmp_path / "parts")
    for name in whole.keys() - {"costs"}:
        assert torch.equal(whole[name], parts[name])
    assert facts["epoch_memory"] == parts["costs"][1].item()


def test_words_that_are_dealt_out_tell_something_else(data):
    vectors = []
    for dealt in (None, 1):
        given = settings(tuning="frozen")
        given["training"] |= {"dealt": dealt}
        torch.manual_seed(1)
        model = prepare(data, given, {}, "cpu")["make"]().eval()
        vectors.append(model.catalogue())
    order = np.argsort(vectors[0][:, 0].numpy())
    np.testing.assert_allclose(
        np.sort(vectors[1][:, 0].numpy()), vectors[0][order, 0].numpy(), rtol=1e-4
    )
    assert not torch.allclose(*vectors)
