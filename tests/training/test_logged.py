"""Logs and those who learn from them: what is kept, what nobody may read, resumption, and iterations."""

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from recloop.data.attribute_codes import Codes, read_codes
from recloop.data.catalogues import build_catalogue
from recloop.data.dialogues import make_dialogues
from recloop.data.sources import fetch, load_source
from recloop.features.cache import described, write_record
from recloop.fitting.trainer import Trainer
from recloop.language.wishes import ATTRIBUTES
from recloop.models.offline.learner import returns_of
from recloop.training.experience import COLUMNS, Log, collect
from recloop.training.logged import Logged
from recloop.training.run import rank_test, train
from recloop.training.speech import read_book
from recloop.training.tokens import encoded, vocabulary_of

ROOT = Path(__file__).parents[2]
USERS = {
    "class": "shoppers.Shoppers",
    "cap": 8,
    "penalty": -3.0,
    "attribute_weight": 0.5,
    "distances": "printed",
    "differing": "count",
    "speaks": "learnt",
    "refuses": 0.2,
    "wordings": 2,
}
TAUGHT = {"batch_size": 64, "epochs": 1, "learning_rate": [0.003], "pairs": 80, "templates": 40}
TAUGHT |= {"refuses": 0.2, "wordings": 2}
ACTS = {"loop": "shopping", "learning_rate": [0.003], "second_rate": 0.001, "batch_size": 1}
ACTS |= {"parallel": 8, "rows": 4, "epoch_turns": 96, "epochs": 2, "taught": 3, "validated": 6}
LEARNS = {"loop": "logged", "learning_rate": [0.003], "batch_size": 6, "epochs": 4, "parallel": 8}
LEARNS |= {"epoch_updates": 2, "iterations": 1, "collected": 0, "noise": 0.3, "rewards": "logged"}
LEARNS |= {"validated": 6, "clip_norm": 1.0}
ASKED = {"judged_on": "test", "sessions": 12, "choose": "drawn", "iteration": None}
SHAPE = {"hidden": 8, "slot_dim": 2}
ONLINE = {"class": "offline.on_policy.OnPolicy", "discount": 0.9, "trace": 0.9, "value_weight": 0.5}
ONLINE |= SHAPE | {"entropy_weight": 0.01, "critic_hidden": 4}
CRITIC = SHAPE | {"critic_hidden": 4, "discount": 0.9, "temperature": 2.0, "target_rate": 0.1}
BEHAVIOUR = {
    "class": "offline.behaviour.Behaviour",
    "member": ONLINE,
    "ages": ["age0", "last"],
    "noise": 0.1,
    "random": [0.0, 0.5],
}
MODELS = {
    "perception": (
        {"class": "offline.perception.Perception", "network_hidden": 8, "word_dim": 4}
        | {"text_hidden": 6, "text_dim": 4},
        TAUGHT | {"loop": "perception"},
    ),
    "speaker": ({"class": "offline.speaker.Speaker", "dim": 8}, TAUGHT | {"loop": "speech"}),
    "on_policy": (ONLINE, ACTS),
    "behaviour": (BEHAVIOUR, ACTS),
    "imitation": ({"class": "offline.imitation.Imitation", "successful": False} | SHAPE, LEARNS),
    "offline": (
        {"class": "offline.offline.Offline", "alpha": 5.0, "penalty": "log_sum_exp"} | CRITIC,
        LEARNS,
    ),
    "bcq": ({"class": "offline.bcq.BCQ", "threshold": 0.3} | CRITIC, LEARNS),
    "gendice": (
        {"class": "offline.corrected.Corrected", "correction": "gendice", "largest": 5.0} | CRITIC,
        LEARNS,
    ),
    "algae": (
        {"class": "offline.algae.Algae", "alpha": 5.0, "entropy_weight": 0.01} | CRITIC,
        LEARNS,
    ),
    "mopo": (
        {"class": "offline.mopo.MOPO", "models": 2, "model_hidden": 6, "horizon": 2}
        | {"uncertainty": 1.0}
        | CRITIC,
        LEARNS,
    ),
}
MODELS["iterative"] = (MODELS["offline"][0], LEARNS | {"iterations": 2, "collected": 8})
ESTIMATES = LEARNS | {"loop": "estimates", "truth_sessions": 8, "asked_sessions": None, "epochs": 1}
ESTIMATORS = {
    "fqe": {"class": "offline.estimators.FQE"} | CRITIC,
    "wis": {"class": "offline.estimators.WIS", "successful": False, "discount": 0.9} | SHAPE,
    "dice": {"class": "offline.estimators.DualDICE", "ridge": 0.01} | CRITIC,
}


LEARNERS = ["imitation", "offline", "bcq", "gendice", "algae", "mopo", "iterative"]


def estimating(name: str) -> dict:
    """Settings of an estimator."""
    parts = {"model": ESTIMATORS[name], "training": ESTIMATES, "dialogue": {}, "inference": ASKED}
    return parts | {"environment": USERS, "played_in": USERS}


class Place:
    """Runs below one folder."""

    def __init__(self, root: Path):
        self.root = root
        self.data = {name: root / name for name in ("dialogues", "catalogue", "features")}

    @property
    def needs(self):
        return {name: self.weights(name) for name in ("perception", "speaker")}

    def weights(self, name):
        return self.root / "runs" / name / "weights.safetensors"

    def settings(self, name, **training):
        model, loop = MODELS[name]
        parts = {"model": model, "training": loop | training, "dialogue": {}, "inference": ASKED}
        return parts | {"environment": USERS, "played_in": USERS}

    def run(self, name, needs=None, folder=None, data=None, settings=None, **training):
        """Train; give the weights and the record."""
        settings = settings or self.settings(name, **training)
        output, side = self.root / "runs" / (folder or name), self.root / "side" / (folder or name)
        identity = {"source": "cobbler_shoes", "model": name, "seed": 3, "key": "0" * 8}
        train(data or self.data, settings, identity, output, side, needs or {})
        record = json.loads((output / "run.json").read_text())
        return load_file(output / "weights.safetensors"), record

    def lists(self, name, needs, data=None, **inference):
        """Serve test users; give the turns."""
        settings = self.settings(name)
        settings["inference"] = ASKED | inference
        output = self.root / "lists.parquet"
        rank_test(data or self.data, self.weights(name), settings, output, needs=needs)
        return pl.read_parquet(output)


def write_features(catalogue: Path, output: Path) -> None:
    """Let attributes be seen, as an encoder might, in numbers with noise."""
    rows = pl.read_parquet(catalogue / "attributes.parquet")
    items = int(pl.read_parquet(catalogue / "items.parquet", columns=["item"]).height)
    pairs = sorted(rows.select("attribute", "value").unique().iter_rows())
    table = np.random.default_rng(0).normal(scale=0.3, size=(items, len(pairs)))
    for item, attribute, value in rows.select("item", "attribute", "value").iter_rows():
        table[item, pairs.index((attribute, value))] += 2.0
    output.mkdir(parents=True)
    np.lib.format.open_memmap(output / "0.npy", "w+", "float32", table.shape)[:] = table
    record = {"data": "", "shape": [len(pairs)], "dtype": "float32", "rows": items}
    write_record(output, record | {"shards": [described(output / "0.npy", items)]})


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Make a small shop with perception, speaker, online recommender, behaviour and log."""
    root = tmp_path_factory.mktemp("shop")
    source = load_source(ROOT / "sources/cobbler_shoes.yaml")
    source |= {"sizes": source["sizes"] | {"items": 50}}
    fetch(source, root / "raw")
    build_catalogue(source, root / "raw", root / "catalogue")
    prepare, split = {"captions": None}, {"by": "item", "shares": [0.6, 0.2, 0.2]}
    make_dialogues(root / "catalogue", prepare, split, 1, root / "dialogues")
    write_features(root / "catalogue", root / "features")
    it = Place(root)
    for name in ("perception", "speaker"):
        it.run(name)
    it.run("on_policy", it.needs)
    it.run("behaviour", it.needs | {"policy": it.weights("on_policy")})
    collect_log(it, root / "experience", 20)
    it.data["experience"] = root / "experience"
    return it


def collect_log(it, output, sessions):
    settings = {"model": BEHAVIOUR, "environment": USERS, "sessions": sessions, "parallel": 6}
    data = {name: one for name, one in it.data.items() if name != "experience"}
    collect(data, it.needs | {"policy": it.weights("behaviour")}, settings, 1, output)


# -- logs --------------------------------------------------------------------------------------------------------------


def test_a_log_has_whole_sessions_of_all_policies(place):
    rows = pl.read_parquet(place.root / "experience/experience.parquet")
    sessions = rows.group_by("session").agg(
        pl.col("turn").min().alias("first"),
        (pl.col("turn").max() + 1).alias("turns"),
        pl.len(),
        pl.col("ends").last(),
        pl.col("ends").sum().alias("ended"),
        pl.col("policy").n_unique(),
    )
    assert sessions["session"].sort().to_list() == list(range(20))
    assert (sessions["first"] == 0).all()
    assert (sessions["turns"] == sessions["len"]).all()
    assert sessions["ends"].all() and (sessions["ended"] == 1).all()
    assert (sessions["policy"] == 1).all()
    assert set(rows["policy"]) == {"0 age0 random 0", "1 last random 0.5"}
    record = json.loads((place.root / "experience/experience.json").read_text())
    assert (record["sessions"], record["turns"]) == (20, rows.height)


def test_the_same_seed_collects_the_same_log(place, tmp_path):
    collect_log(place, tmp_path / "again", 20)
    hashes = [
        json.loads((folder / "experience.json").read_text())["hash"]
        for folder in (tmp_path / "again", place.root / "experience")
    ]
    assert hashes[0] == hashes[1]


def test_a_log_gives_sessions_as_they_were(place):
    rows = pl.read_parquet(place.root / "experience/experience.parquet")
    log = Log.read(place.root / "experience", 6)
    vectors = torch.arange(50.0)[:, None]
    sentences = torch.arange(1000.0)[:, None]
    batch = log.take(torch.tensor([4, 0]), vectors, sentences)
    for place_, session in enumerate([4, 0]):
        mine = rows.filter(session=session)
        real = batch.real[place_]
        assert int(real.sum()) == mine.height
        assert batch.seen[place_, real, 0].tolist() == mine["item"].to_list()
        assert batch.heard[place_, real, 0].tolist() == mine["sentence"].to_list()
        assert batch.action[place_, real].tolist() == mine["action"].to_list()
        assert not batch.ends[place_, ~real].any()
    both = log.joined(log)
    assert len(both) == 40
    again = both.take(torch.tensor([24]), vectors, sentences)
    assert torch.equal(again.seen[0], batch.seen[0, batch.real[0]])


def test_dealt_rewards_say_nothing_but_the_length_and_without_their_mean_not_even_that():
    """Turns cost 5 and a little, sessions end where they did: returns are nearly lengths."""
    generator = torch.Generator().manual_seed(0)
    length = torch.randint(1, 20, (400,), generator=generator).tolist()
    reward = (-5 + torch.randn(sum(length), generator=generator)).tolist()
    names = {"session": [row for row, one in enumerate(length) for _ in range(one)]}
    turn = [turn for one in length for turn in range(one)]
    ends = [turn == one - 1 for one in length for turn in range(one)]
    table = pl.DataFrame(names | {"turn": turn, "reward": reward, "ends": ends})
    blank = (pl.lit(0).alias(name) for name in ("item", "sentence"))
    log = Log(table.with_columns(*blank, action=pl.lit([0])), 1)
    one, every = torch.zeros(1, 1), torch.arange(400)
    found = {
        name: returns_of(each.take(every, one, one), 0.99)
        for name, each in {
            "true": log,
            "dealt": log.dealt(generator, centred=False),
            "shuffled": log.dealt(generator, centred=True),
        }.items()
    }
    assert torch.corrcoef(torch.stack([found["true"], found["dealt"]]))[0, 1] > 0.95
    assert torch.corrcoef(torch.stack([found["true"], found["shuffled"]]))[0, 1].abs() < 0.2
    assert log.dealt(generator, centred=True).parts["reward"].mean().abs() < 1e-4


def test_other_rewards_are_refused(place):
    with pytest.raises(ValueError, match="rewards='mixed': expected one of logged, shuffled, dea"):
        place.run("imitation", place.needs, "imitation-mixed", rewards="mixed")


def test_an_empty_log_is_refused(place, tmp_path):
    pl.DataFrame(schema=COLUMNS).write_parquet(tmp_path / "experience.parquet")
    with pytest.raises(ValueError, match="the log is empty; collect at least one session"):
        Log.read(tmp_path, 6)


def logs_by_others(place, folder) -> dict[str, dict]:
    """The log as it is, without the name of who collected it, and with lies in its place."""
    rows, found = pl.read_parquet(place.root / "experience/experience.parquet"), {}
    lost, lies = rows.drop("policy"), rows.with_columns(policy=pl.lit("somebody"))
    for change, changed in {"kept": rows, "lost": lost, "lies": lies}.items():
        shutil.copytree(place.root / "experience", folder / change)
        changed.write_parquet(folder / change / "experience.parquet")
        found[change] = place.data | {"experience": folder / change}
    return found


@pytest.mark.parametrize("name", LEARNERS)
def test_no_learner_reads_who_collected(place, tmp_path, name):
    """Without the column, or with lies in it, all weights are the same."""
    logs = logs_by_others(place, tmp_path)
    found = [place.run(name, place.needs, f"{name}-{one}", logs[one])[0] for one in logs]
    for other in found[1:]:
        assert all(torch.equal(found[0][key], other[key]) for key in found[0])


@pytest.mark.parametrize("name", ESTIMATORS)
def test_no_estimator_reads_who_collected(place, tmp_path, name):
    place.run("imitation", place.needs)
    needs = place.needs | {"imitation": place.weights("imitation")}
    settings = estimating(name)
    found = [
        place.run(name, needs, f"{name}-{change}", data, settings=settings)[1]["estimates"]
        for change, data in logs_by_others(place, tmp_path).items()
    ]
    assert found[0] == found[1] == found[2]


# -- what cannot be said or heard --------------------------------------------------------------------------------------


def test_a_comment_has_words_and_an_unknown_one_is_heard_as_such(place):
    vocabulary = vocabulary_of(read_codes(place.data["catalogue"], ATTRIBUTES))
    tokens, lengths = encoded(["I want zebras, please"], vocabulary)
    assert lengths.tolist() == [4]
    assert (tokens == vocabulary.unknown).sum() == 1
    with pytest.raises(ValueError, match=r"comment 1 is '\?!', without any word; expected a sente"):
        encoded(["I want boots", "?!"], vocabulary)


def test_a_speaker_of_another_catalogue_is_refused(place):
    known = read_codes(place.data["catalogue"], ATTRIBUTES)
    fewer = Codes(known.names, (known.values[0][:1], *known.values[1:]), known.table)
    with pytest.raises(ValueError, match=r"words \d+ differences, the catalogue has \d+; train"):
        read_book(place.weights("speaker"), fewer)


# -- labels of test items ----------------------------------------------------------------------------------------------


@pytest.fixture
def relabelled(place, tmp_path):
    """The same shop, whose test items have the labels of other test items."""
    root = tmp_path / "relabelled"
    shutil.copytree(place.root / "catalogue", root)
    parts = pl.read_parquet(place.root / "dialogues/items.parquet")
    test = parts.filter(part="test")["item"].to_list()
    moved = dict(zip(test, test[1:] + test[:1], strict=True))
    rows = pl.read_parquet(root / "attributes.parquet")
    rows = rows.with_columns(pl.col("item").replace(moved)).sort("item", "attribute", "value")
    rows.write_parquet(root / "attributes.parquet")
    return place.data | {"catalogue": root}


def test_nothing_learned_depends_on_labels_of_test_items(place, relabelled):
    learners = [(name, place.needs) for name in ("on_policy", *LEARNERS)]
    for name, needs in [("perception", {}), ("speaker", {}), *learners]:
        one, other = (
            place.run(name, needs, f"{name}-{word}", data)[0]
            for word, data in (("own", place.data), ("other", relabelled))
        )
        assert all(torch.equal(one[key], other[key]) for key in one), name


def test_what_is_first_shown_does_not_depend_on_labels_of_test_items(place, relabelled):
    place.run("offline", place.needs)
    one, other = (place.lists("offline", place.needs, data) for data in (place.data, relabelled))
    first = [rows.filter(position=1).select("session", "target", "item") for rows in (one, other)]
    assert first[0].equals(first[1])
    assert not one.equals(other)  # users know what they look for


# -- learners ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in LEARNERS if name != "iterative"])
def test_every_learner_learns_and_serves(place, name):
    weights, record = place.run(name, place.needs)
    assert record["epochs_run"] == 4
    assert all(one.isfinite().all() for one in weights.values())
    rows = place.lists(name, place.needs)
    assert rows["session"].n_unique() == 12
    assert rows["position"].max() <= 8
    ends = rows.group_by("session").agg(pl.col("solved").any(), pl.col("position").max())
    assert (ends["solved"] | (ends["position"] == 8)).all()
    assert rows.filter("solved")["critique"].null_count() == rows["solved"].sum()


@pytest.mark.parametrize(
    ("name", "setting", "values"),
    [("offline", "alpha", [0.5, 50.0]), ("imitation", "learning_rate", [1e-9, 0.003])],
)
def test_a_learner_takes_what_validation_users_prefer(place, monkeypatch, name, setting, values):
    """They are spared most turns with the second value: the training is the one that has this value by itself."""
    scores = iter([0.1, 0.4] + 4 * [0.2])
    monkeypatch.setattr(Logged, "evaluate", lambda self: next(scores))
    tries = {"tried": setting, "tried_values": values, "tuning_epochs": 1}
    weights, record = place.run(name, place.needs, f"{name}-tried", **tries)
    assert [(row[setting], row["valid_ndcg10"]) for row in record["tuning"]] == [
        (values[0], 0.1),
        (values[1], 0.4),
    ]
    assert record["chosen"] == {setting: values[1]}
    settings = place.settings(name)
    own = settings["training"] if setting == "learning_rate" else settings["model"]
    own |= {setting: [values[1]] if setting == "learning_rate" else values[1]}
    scores = iter(4 * [0.2])
    alone, _ = place.run(name, place.needs, f"{name}-alone", settings=settings)
    assert all(torch.equal(one, alone[key]) for key, one in weights.items())


def test_iterations_collect_more_and_can_be_asked(place):
    weights, record = place.run("iterative", place.needs)
    assert record["sessions"] == 20 + 8
    first = place.lists("iterative", place.needs, iteration=1)
    last = place.lists("iterative", place.needs, iteration=2)
    assert last.equals(place.lists("iterative", place.needs))
    assert not first.equals(last)
    mine = {key: one for key, one in weights.items() if "/" not in key}
    assert all(torch.equal(one, weights[f"iteration2/{key}"]) for key, one in mine.items())


@pytest.mark.parametrize("name", ["on_policy", "iterative", "perception", "speaker"])
def test_a_stopped_training_goes_on_exactly(place, monkeypatch, name):
    whole, _ = place.run(name, place.needs, f"{name}-whole")
    learn = Trainer.learn

    def asked(self, group):
        learn(self, group)
        if self.progress.update == max(1, min(5, self.last_update // 2)):
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Trainer, "learn", asked)
    with pytest.raises(SystemExit, match="told to stop after update"):
        place.run(name, place.needs, f"{name}-cut")
    monkeypatch.setattr(Trainer, "learn", learn)
    resumed, _ = place.run(name, place.needs, f"{name}-cut")
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(one, resumed[key]) for key, one in whole.items())


def test_a_stopped_estimate_goes_on_exactly(place, monkeypatch):
    """Stopped in the second policy, the first one is not estimated anew to another number."""
    needs = place.needs | {"on_policy": place.weights("on_policy")}
    settings = place.settings("imitation")
    settings |= {"model": ESTIMATORS["fqe"], "training": ESTIMATES | {"epochs": 3}}
    _, whole = place.run("fqe", needs, "fqe-whole", settings=settings)
    learn = Trainer.learn

    def asked(self, group):
        learn(self, group)
        if self.progress.update == self.last_update - 1:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "learn", asked)
        with pytest.raises(SystemExit, match="told to stop after update"):
            place.run("fqe", needs, "fqe-cut", settings=settings)
    _, again = place.run("fqe", needs, "fqe-cut", settings=settings)
    assert whole["estimates"] == again["estimates"]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators_say_what_policies_bring(place, name):
    place.run("imitation", place.needs)
    needs = place.needs | {"imitation": place.weights("imitation")}
    _, record = place.run(name, needs, settings=estimating(name))
    (row,) = record["estimates"]
    assert row["policy"] == "imitation"
    told = {"estimate", "truth", "error", "true_ratio"} | ({"ratio"} if name == "dice" else set())
    assert set(row) == {"policy"} | told
    assert np.isfinite([row[one] for one in told]).all()
    turns = pl.read_parquet(place.root / "experience/experience.parquet").height / 20
    discounted = row["true_ratio"] * turns
    assert 1 <= discounted <= (1 - 0.9**8) / (1 - 0.9)  # of a session of 1 to 8 turns
