"""Training on tastes: planted ones are found, a stopped training goes on exactly, what is frozen is not kept."""

import json
import os
import signal
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from recloop.data.prepare import prepare
from recloop.data.read import read
from recloop.data.sources import fetch
from recloop.data.tastes import NOBODY
from recloop.evaluation.run import score
from recloop.fitting.context import TrainingContext
from recloop.fitting.schedule import Schedule
from recloop.fitting.trainer import Trainer
from recloop.language_models.corpora import make_corpus
from recloop.language_models.interactions import Interactions, codes, text_of
from recloop.language_models.pretrain import pretrain
from recloop.language_models.prompts import Prompt
from recloop.language_models.states import write_item_states
from recloop.models.tastes.query import said
from recloop.plan.studies import Run
from recloop.training.run import rank_test, train
from recloop.training.tastes import Saying, asked, maker

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
STUDY, DATASET = "persoma", "movielens"
SIZES = {"users": 120, "items": 80, "mean_length": 50}


@pytest.fixture(scope="module")
def it(plan):
    return plan(tier="smoke", studies=[STUDY])


@pytest.fixture(scope="module")
def data(it, tmp_path_factory):
    """What runs work with, made as the rules make it, of a small cinema."""
    place = tmp_path_factory.mktemp("cinema")
    made = it.task(STUDY).data(it, Run(STUDY, DATASET, "mlp", 1))
    recipe = it.recipe(STUDY, DATASET)
    source = recipe["manifest"] | {"sizes": recipe["manifest"]["sizes"] | SIZES}
    fetch(source, place / "raw")
    read(source, place / "raw", place / "tables")
    prepare(place / "tables", place / "sessions", recipe["prepare"], recipe["split"], 1, source)
    talk = made["speaker"].inputs["own"]
    fetch(talk.inputs["raw"].settings["source"], place / "talk")
    make_corpus(place / "words", raw=place / "talk", **talk.settings)
    pretrain(place / "words", made["speaker"].settings["settings"], place / "speaker", 1)
    texts = {"sessions": place / "sessions", "tables": place / "tables"}
    make_corpus(place / "interactions", **texts, **made["interactions"].settings)
    settings = made["states"].settings["settings"]
    write_item_states(
        place / "interactions", settings, place / "states", place / "side", place / "speaker"
    )
    return {name: place / name for name in (*texts, "interactions", "states", "speaker")}


@pytest.fixture(scope="module")
def run(it, data, tmp_path_factory):
    """Give a function that trains a model and gives the folder of the run and its settings."""
    made = tmp_path_factory.mktemp("runs")

    def run(model: str, name: str, **training):
        settings = it.job_settings(Run(STUDY, DATASET, model, 1))
        settings["training"] = settings["training"] | training
        identity = it.identity(Run(STUDY, DATASET, model, 1))
        train(data, settings, identity, made / name, made / f"side-{name}")
        return made / name, settings

    return run


def micro_f1(it, data, folder, settings) -> float:
    """Ask about the test users and judge."""
    rank_test(data, folder / "weights.safetensors", settings, folder / "lists.parquet")
    found = folder / "scores.parquet"
    identity = it.identity(Run(STUDY, DATASET, "mlp", 1))
    judge = it.task(STUDY).METRICS
    score(folder / "lists.parquet", data["sessions"], identity, {}, found, metrics=judge)
    return pl.read_parquet(found).filter(metric="MicroF1")["value"].item()


def test_planted_tastes_are_found_and_another_user_s_are_not(it, data, run):
    """By whoever counts, and by a probe that sees encoded texts alone."""
    given = {"epochs": 60, "learning_rate": [0.01], "support": 2}
    found = {
        name: micro_f1(it, data, *run(model, name, **given, placebo=placebo))
        for name, model, placebo in [
            ("popularity", "popularity", None),
            ("counting", "counting", None),
            ("probe", "probe", None),
            ("others", "probe", "shuffled"),
        ]
    }
    assert found["counting"] > found["popularity"] + 0.1, found
    assert found["probe"] > found["others"] + 0.03, found


@pytest.mark.parametrize(
    ("adapter", "epochs"), [("mlp", 120), ("transformer", 240), ("perceiver", 360)]
)
def test_the_tastes_of_eight_users_are_learnt_by_heart(it, data, adapter, epochs):
    settings = it.job_settings(Run(STUDY, DATASET, f"{adapter},tuning=full", 1))
    training = settings["training"] | {"epochs": epochs, "batch_size": 8, "language_rate": 1.0}
    users = asked(data, training, "train", 1)
    few = slice(0, 8)
    names = ("users", "seen", "liked", "disliked")
    users = replace(users, **{name: getattr(users, name)[few] for name in names})
    torch.manual_seed(1)
    model = maker(data, settings, "cpu")()
    context = TrainingContext(1, log=lambda line: None)
    schedule = Schedule.of(training, learning_rate=0.005, keeps="trained")
    parts = {"train": users, "valid": users}
    Trainer(Saying(model, parts, training, schedule, context), context).fit()
    query = users.query(np.arange(8), "cpu")
    wanted = said(query.liked, query.disliked, model.genres)
    assert [text.strip() for text in model.eval().answer(query).texts] == wanted  # an F1 of 1


@pytest.mark.parametrize("tuning", ["frozen", "lora"])
def test_a_stopped_training_goes_on_exactly(run, monkeypatch, tuning):
    model, name = f"perceiver,tuning={tuning}", f"perceiver {tuning}"
    whole, _ = run(model, f"{name} whole")
    learn = Trainer.learn

    def stop(self, group):
        learn(self, group)
        if self.progress.update == 8:  # in the second epoch
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "learn", stop)
        with pytest.raises(SystemExit, match="told to stop after update 8"):
            run(model, f"{name} cut")
    torch.manual_seed(12345)
    cut, _ = run(model, f"{name} cut")
    one, other = (load_file(place / "weights.safetensors") for place in (whole, cut))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_what_is_frozen_is_opened_again_and_not_kept(it, data, run):
    folder, settings = run("mlp", "frozen", epochs=1)
    kept = load_file(folder / "weights.safetensors")
    assert not any(".network." in name for name in kept)
    again, _ = run("mlp,tuning=lora", "lora", epochs=1)
    learned = [name for name in load_file(again / "weights.safetensors") if ".network." in name]
    assert learned
    assert all("lora_" in name for name in learned)
    micro_f1(it, data, folder, settings)
    rows = pl.read_parquet(folder / "lists.parquet")
    assert rows["session"].is_sorted()
    assert rows["flops"].min() > 0
    assert rows["tokens"].max() > settings["training"]["history"] / 2


def test_an_untrained_adapter_stays_as_it_was_drawn_and_is_kept(run):
    folder, _ = run("mlp,placebo=untrained", "untrained")
    record = json.loads((folder / "run.json").read_text())
    assert (record["learned"], record["epochs_run"]) == (0, 0)
    assert any("adapter." in name for name in load_file(folder / "weights.safetensors"))


def test_weights_of_another_model_are_refused(data, run):
    folder, _ = run("mlp", "mine", epochs=1)
    _, settings = run("perceiver", "theirs", epochs=1)
    with pytest.raises(ValueError, match="weights are of another model"):
        rank_test(data, folder / "weights.safetensors", settings, folder / "lists.parquet")


def test_another_user_s_history_is_nobody_s_own(it, data):
    training = it.job_settings(Run(STUDY, DATASET, "mlp", 1))["training"]
    own = asked(data, training, "test", 1)
    others = asked(data, training | {"placebo": "shuffled"}, "test", 1)
    assert np.array_equal(own.liked, others.liked)
    assert not (own.seen == others.seen).all(1).any()


def test_a_history_without_genres_does_not_tell_them(it, data, tmp_path):
    genres = "Action|Comedy|Drama|Fantasy|Horror|Romance|War|Western"
    template = it.job_settings(Run(STUDY, DATASET, "mlp", 1))["prompts"]["without_genres"]
    make_corpus(
        tmp_path / "out", sessions=data["sessions"], tables=data["tables"], template=template
    )
    told = pl.Series(Interactions(tmp_path / "out").texts)
    assert not told.str.contains(genres).any()
    assert pl.Series(Interactions(data["interactions"]).texts).str.contains(genres).all()


def test_same_ratings_are_those_of_the_history_alone(it, data):
    training = it.job_settings(Run(STUDY, DATASET, "mlp,twin=same_ratings", 1))["training"]
    training |= {"history": 6, "support": 1}
    users = asked(data, training, "train", 1)
    for seen, tastes in zip(users.seen, users.liked | users.disliked, strict=True):
        known = users.genres[users.rated.items[seen[seen != NOBODY]]].any(0)
        assert not (tastes & ~known).any()  # no genre of which the history says nothing
    later = asked(data, training | {"labels": "future"}, "train", 1)
    assert len(later) != len(users) or (later.liked != users.liked).any()


# -- bad input ---------------------------------------------------------------------------------------------------------


def test_an_item_without_a_title_stops_and_one_without_genres_says_so():
    prompt = Prompt("interaction", "{title}. Genres: {genres}. Rating: {rating}.")
    bare = {"id": "17", "title": "Dusk", "attributes": None}
    assert text_of(prompt, bare, 350) == "Dusk. Genres: unknown. Rating: 3.5."
    with pytest.raises(ValueError, match="item 17: expected a title, found none; leave it out"):
        text_of(prompt, bare | {"title": None}, 350)


def test_ratings_that_have_no_text_stop(data):
    told = Interactions(data["interactions"])
    item = np.array([told.known[0] // 10_000])
    with pytest.raises(ValueError, match="without a text: the texts are of another split"):
        told.rows(item, np.array([4.99]))
    with pytest.raises(ValueError, match=r"ratings of -1\.0 to -1\.0: expected some from 0"):
        codes(item, np.array([-1.0]))
