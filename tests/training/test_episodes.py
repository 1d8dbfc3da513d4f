"""Agents that learn online: Q values as value iteration has them, seeds, exact resumption, and what is written down."""

import json
import os
import signal
from pathlib import Path

import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from recloop.data.prepare import prepare as split
from recloop.data.ratings import read_ratings
from recloop.data.read import read
from recloop.data.sources import fetch, load_source
from recloop.fitting.context import TrainingContext
from recloop.fitting.trainer import Trainer
from recloop.models import build
from recloop.models.online.state import Seen
from recloop.simulators.online import RatedItems
from recloop.training import episodes
from recloop.training.run import rank_test, train

ROOT = Path(__file__).parents[2]
RULES = {"class": "online.RatedItems", "threshold": 3.0, "window": 2, "cap": 6}
JUDGE = {"class": "preferences.PreferredItems", "kind": "true", "least": 4.0, "cap": 6}
TRAINING = {
    "loop": "episodes",
    "environment": "logs",
    "learning_rate": [0.01],
    "batch_size": 16,
    "parallel": 4,
    "rows": 2,
    "epoch_steps": 40,
    "epochs": 4,
    "keep_epochs": 1,
    "remembered": 400,
    "clip_norm": None,
}
ASKED = {"judged_on": "test", "after": "end", "choose": "categorical", "episodes": 3}
SHARED = {"hidden": 8, "layers": 1, "discount": 0.9}
AVERAGE = {"class": "online.encoders.Average", "width": 4, "memory": 2}
SASREC = {"class": "backbones.sasrec.SASRec", "dim": 8, "blocks": 1, "heads": 1, "dropout": 0.1}
ATTENTIVE = {"class": "online.encoders.Attentive", "backbone": SASREC, "memory": 3}
IALP = {"encoder": ATTENTIVE, "weighted": True, "candidates": 4, "proposed": "drawn"} | SHARED
DRAWS = {"explore": "categorical"}
AGENTS = {
    "dqn": {
        "class": "online.dqn.DQN",
        "encoder": AVERAGE,
        "double": True,
        "target_every": 3,
        "lookahead": 2,
        "explore": "epsilon",
        "epsilon_steps": 80,
    }
    | SHARED,
    "pg": {"class": "online.policy_gradient.PolicyGradient", "encoder": AVERAGE, "baseline": False}
    | SHARED
    | DRAWS,
    "a2c": {
        "class": "online.a2c.A2C",
        "encoder": AVERAGE,
        "value_weight": 0.5,
        "entropy_weight": 0.01,
        "lookahead": 2,
    }
    | SHARED
    | DRAWS,
    "ialp": {"class": "online.ialp.IALP"} | IALP | {"explore": "candidates"},
    "ft": {"class": "online.ialp.IALP"} | IALP | DRAWS,
    "ap": {
        "class": "online.ialp.AdaptiveIALP",
        "alpha": [0.1, 1.0],
        "alpha_steps": 80,
        "actor": "random",
    }
    | IALP
    | DRAWS,
}
BOUND = {"class": "online.bounds.Bound", "width": 9}


def settings_of(name, model=None, **training):
    world = JUDGE if name == "ialp" else RULES
    return {
        "model": model or AGENTS[name],
        "training": TRAINING | training,
        "dialogue": {},
        "inference": dict(ASKED),
        "environment": world,
        "played_in": RULES,
    }


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Racks of coats and their customers in parts."""
    place, source = tmp_path_factory.mktemp("racks"), load_source(ROOT / "sources/racks.yaml")
    source["sizes"] |= {"users": 20, "items": 8, "clusters": 4}
    fetch(source, place / "raw")
    read(source, place / "raw", place / "tables")
    users = {"events": ["rating"], "purchases": [], "sessions": {"by": "user"}}
    shares = {"by": "session", "shares": [0.6, 0.15, 0.25]}
    split(place / "tables", place / "sessions", users, shares, 1, source)
    return {"sessions": place / "sessions", "tables": place / "tables"}


@pytest.fixture
def run(data, tmp_path):
    """Give a function that trains an agent and gives its weights and its record."""

    def run(name, folder, seed=3, needs=None, model=None, **training):
        settings = settings_of(name, model, **training)
        identity = {"source": "racks", "model": name, "seed": seed, "key": "0" * 8}
        output = tmp_path / folder
        train(data, settings, identity, output, tmp_path / f"side-{folder}", needs)
        weights, record = output / "weights.safetensors", output / "run.json"
        return load_file(weights), json.loads(record.read_text())

    return run


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


# -- what is learned ---------------------------------------------------------------------------------------------------

REWARDS = torch.tensor([5.0, 3.0, 2.0, 1.0])
NEAR = torch.tensor([[0.0, 1, 9, 9], [1, 0, 9, 9], [9, 9, 0, 1], [9, 9, 1, 0]])
GAMMA = 0.5


def value_iteration() -> torch.Tensor:
    """Q of each item after each last one; to show one too near ends the episode."""
    values = torch.zeros(4)
    for _ in range(60):
        q = REWARDS + GAMMA * torch.where(NEAR < 2, 0.0, values)
        values = q.max(1).values
    return q


def test_q_values_are_those_of_value_iteration():
    torch.manual_seed(0)
    model = AGENTS["dqn"] | {"encoder": AVERAGE | {"width": 8, "memory": 1}, "hidden": 32}
    model |= {"discount": GAMMA, "lookahead": 1, "target_every": 20, "epsilon": [1.0, 1.0]}
    agent = build(model, items=4)
    world = RatedItems(
        REWARDS[None], NEAR, episodes=16, memory=1, threshold=2.0, window=1, cap=10**6
    )
    training = TRAINING | {"parallel": 16, "rows": 1, "epoch_steps": 16 * 900, "epochs": 1}
    training |= {"batch_size": 64, "remembered": 4000}
    context = TrainingContext(1, None, "cpu", lambda line: None, "dqn")
    Trainer(episodes.Online(agent, world, training, context), context).fit()
    last = torch.arange(4)[:, None]
    found = agent.score(Seen(last, REWARDS[last], torch.zeros(4, dtype=torch.long)))
    expected = value_iteration()
    assert expected[0].tolist() == pytest.approx(
        [5.0, 3.0, 6.0, 5.0]
    )  # V is 6 after item 0, 8 after 2
    assert torch.allclose(found, expected, atol=0.35), found - expected
    assert torch.equal(found.argmax(1), expected.argmax(1))


def test_an_agent_learns_what_to_show(run):
    model = AGENTS["pg"] | {"hidden": 32, "baseline": True}
    record = run("pg", "pg", model=model, epochs=200, keep_epochs=100, parallel=8)[1]
    returns, number = record["played"]["return"], len(record["played"]["return"]) // 6
    assert sum(returns[-number:]) > 1.4 * sum(returns[:number])


# -- seeds and resumption ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["dqn", "ialp"])
def test_the_seed_reaches_everything_random(run, name):
    one, again, other = (run(name, folder, seed) for folder, seed in [("a", 3), ("b", 3), ("c", 4)])
    assert same(one[0], again[0])
    assert one[1]["played"] == again[1]["played"]
    assert not same(one[0], other[0])


@pytest.mark.parametrize("stop", [5, 7])  # at the end of the first epoch, and in the second
@pytest.mark.parametrize("name", AGENTS)
def test_a_stopped_training_goes_on_exactly(run, name, stop, tmp_path, monkeypatch):
    needs = {}
    if name in ("ft", "ap"):
        run("ialp", "first", epochs=1)
        needs = {"start": tmp_path / "first" / "weights.safetensors"}
    whole, record = run(name, "whole", needs=needs)
    learn = Trainer.learn

    def asked(self, group):
        learn(self, group)
        if self.progress.update == stop:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "learn", asked)
        with pytest.raises(SystemExit, match=f"told to stop after update {stop}"):
            run(name, "cut", needs=needs)
    torch.manual_seed(99)
    resumed, again = run(name, "cut", needs=needs)
    assert same(whole, resumed)
    assert again["played"] == record["played"]


# -- what is written ---------------------------------------------------------------------------------------------------


def test_steps_and_episodes_are_counted(run):
    weights, record = run("dqn", "out")
    assert int(weights["steps"]) == 4 * (40 + 1)  # and one row more, before anything is known
    played = record["played"]
    assert sum(played["length"]) <= int(weights["steps"]) < sum(played["length"]) + 4 * 6
    assert all(1 <= length <= 6 for length in played["length"])
    assert played["steps"] == sorted(played["steps"])


def test_weights_of_the_start_and_of_an_epoch_are_kept(run):
    weights, record = run("a2c", "out")
    moments = {name: episodes.moment(weights, name) for name in episodes.MOMENTS}
    assert moments["start"].keys() == moments["epoch"].keys() == moments["end"].keys()
    assert [int(one["steps"]) for one in moments.values()] == [0, 40 + 4, 160 + 4]
    assert not same(moments["start"], moments["epoch"])
    assert record["learned"] < sum(one.numel() for one in weights.values()) / 2
    with pytest.raises(ValueError, match="after='later'"):
        episodes.moment(weights, "later")


def played(data, tmp_path, weights, settings):
    rank_test(data, weights, settings, tmp_path / "lists.parquet")
    return pl.read_parquet(tmp_path / "lists.parquet")


def test_every_test_user_plays_the_same_number_of_episodes(run, data, tmp_path):
    run("pg", "out")
    weights = tmp_path / "out" / "weights.safetensors"
    rows = played(data, tmp_path, weights, settings_of("pg"))
    each = rows.group_by("session").agg(pl.col("episode").n_unique())
    assert each["episode"].to_list() == [3] * 5
    ratings = read_ratings(data["sessions"], data["tables"], ["test"])
    users, items = rows["session"].to_numpy(), rows["item"].to_numpy()
    assert rows["reward"].to_list() == ratings[users, items].tolist()
    ends = rows.group_by("session", "episode").agg(pl.len(), pl.col("left").last())
    assert ((ends["len"] == 6) | ends["left"]).all()
    assert rows.equals(played(data, tmp_path, weights, settings_of("pg")))


@pytest.mark.parametrize(("users", "come"), [(2, 2), (9, 5), (None, 5)])
def test_some_of_the_test_users_play(run, data, tmp_path, users, come):
    run("pg", "out", epochs=1)
    settings = settings_of("pg")
    settings["inference"]["users"] = users
    rows = played(data, tmp_path, tmp_path / "out" / "weights.safetensors", settings)
    assert rows["session"].unique().sort().to_list() == [*range(come)]
    assert (
        rows.group_by("session").agg(pl.col("episode").n_unique())["episode"].to_list()
        == [3] * come
    )


@pytest.mark.parametrize("knows", ["nothing", "popularity", "rewards", "rules", "all"])
def test_a_bound_is_a_run_without_learning(run, data, tmp_path, knows):
    model = BOUND | {"knows": knows}
    weights, record = run("bound", "out", model=model)
    assert record["curve"] if "curve" in record else record["epochs_run"] == 0
    assert weights["liked"].shape == (8,)
    place = tmp_path / "out" / "weights.safetensors"
    rows = played(data, tmp_path, place, settings_of("bound", model))
    assert rows["position"].max() <= 6


def test_fine_tuning_begins_where_pretraining_ended(run, data, tmp_path):
    first = run("ialp", "first")[0]
    needs = {"start": tmp_path / "first" / "weights.safetensors"}
    later = run("ft", "later", needs=needs)[0]
    start, end = episodes.moment(later, "start"), episodes.moment(first, "end")
    assert same(
        {k: v for k, v in start.items() if k != "steps"},
        {k: v for k, v in end.items() if k != "steps"},
    )
    assert int(start["steps"]) == 0


def test_a_missing_rating_is_named(data, tmp_path):
    cells = pl.read_parquet(data["tables"] / "interactions.parquet")
    cells[1:].write_parquet(tmp_path / "interactions.parquet")
    with pytest.raises(ValueError, match="user 0 has not rated item 0"):
        read_ratings(data["sessions"], tmp_path)
