"""An environment without any word is trained, asked and measured; who chooses in its place; what a training needs."""

import polars as pl
import pytest
import torch

from recloop.data.batches import Batch
from recloop.evaluation.feedback import measures
from recloop.fitting.context import TrainingContext
from recloop.simulators.feedback import open_environment, write_feedback
from recloop.simulators.histories import Histories
from recloop.simulators.recommender import train
from recloop.storage import checkpoint
from recloop.storage.settings import SettingsError
from recloop.training import asking, feedback

ITEMS, LENGTH = 12, 5
SETTINGS = {
    "class": "recommender.RecommenderEnvironment",
    "backbone": {"class": "backbones.sasrec.SASRec", "dim": 16, "dropout": 0.0},
    "share": 1.0,
    "length": LENGTH,
    "training": {"learning_rate": 0.02, "batch_size": 8, "epochs": 12},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A split in which item i is followed by i + 1, and a recommender that has learnt it."""
    root = tmp_path_factory.mktemp("asking")
    (root / "sessions").mkdir()
    for part, users in (("train", 36), ("valid", 6), ("test", 6)):
        items = [[(user + step) % ITEMS for step in range(LENGTH + 2)] for user in range(users)]
        none = [[0] * (LENGTH + 2)] * users
        rows = {"session": range(users), "item": items, "event": none, "first_target": [1] * users}
        pl.DataFrame(rows).write_parquet(root / f"sessions/{part}.parquet")
    brand = [None, *(f"brand {item % 2}" for item in range(1, ITEMS))]
    about = {"item": range(ITEMS), "title": ["x"] * ITEMS, "brand": brand, "count": range(ITEMS)}
    pl.DataFrame(about).write_parquet(root / "sessions/items.parquet")
    train(root / "sessions", SETTINGS, root / "simulator", 1, log=lambda _: None)
    return {"sessions": root / "sessions", "simulator": root / "simulator"}


@pytest.fixture(scope="module")
def environment(data):
    return open_environment(SETTINGS, data)


def test_it_ranks_and_chooses_as_it_has_learnt(environment):
    lists = torch.tensor([[3, 5, 7], [9, 0, 4]])
    assert environment.choose([[3, 4], [11]], lists).tolist() == [5, 0]
    session = torch.tensor([[3, 4, ITEMS], [11, ITEMS, ITEMS]])
    states = environment.states(session, ITEMS)
    assert not states[1, 1:].any()
    scores = states[0, 1] @ environment.vectors.T + environment.network.rank.bias
    assert torch.allclose(
        environment.rewards([[3, 4]], torch.arange(ITEMS)[None])[0], scores, atol=1e-5
    )


def test_feedback_is_written_for_every_step_and_goes_on(data, tmp_path, monkeypatch):
    monkeypatch.setattr("recloop.simulators.feedback.AT_ONCE", 20)
    lines, folders = [], [tmp_path / "whole", tmp_path / "resumed"]

    def die(line):
        raise KeyboardInterrupt

    given = (data["sessions"], data["simulator"], SETTINGS)
    write_feedback(*given, folders[0], 1, pool=2, log=lines.append)
    assert len(lines) == 4  # 72 windows
    with pytest.raises(KeyboardInterrupt):
        write_feedback(*given, folders[1], 1, pool=2, log=die)
    lines.clear()
    write_feedback(*given, folders[1], 1, pool=2, log=lines.append)
    assert len(lines) == 3
    one, other = (checkpoint.load(folder / "feedback.safetensors")[0] for folder in folders)
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert one["rewards"].shape == (36 * (LENGTH + 1), 3)
    assert (one["rewards"][:, 0] > one["rewards"][:, 1:].amax(1)).float().mean() > 0.9


def test_choices_go_on_where_a_killed_job_stopped(environment, data, tmp_path, monkeypatch):
    monkeypatch.setattr(asking, "AT_ONCE", 100)
    training = {"length": LENGTH, "proposed": 3, "chosen_by": "environment", "chooses": "number"}
    given = (environment, environment.network, data["sessions"], ITEMS, training)

    def die(line):
        if line.startswith("200 of"):
            raise KeyboardInterrupt

    whole, _ = asking.train(*given, TrainingContext(1, log=lambda line: None))
    with pytest.raises(KeyboardInterrupt):
        asking.train(*given, TrainingContext(1, tmp_path / "run", log=die))
    lines = []
    resumed, _ = asking.train(*given, TrainingContext(1, tmp_path / "run", log=lines.append))
    assert lines == ["216 of 216 steps"]
    assert whole.keys() == resumed.keys() == {"chosen", "chosen_rewards", "lists"}
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert (whole["chosen"] == whole["lists"][:, 0]).all()  # it chooses as it proposes


@pytest.mark.parametrize(
    ("by", "expected"), [("environment", 5), ("first", 0), ("popular", 7), ("neighbours", 5)]
)
def test_who_chooses(environment, data, by, expected):
    made = Histories([[3, 4]], torch.tensor([5]))
    training = {"chosen_by": by, "chooses": "number", "length": LENGTH}
    lists = torch.tensor([[0, 5, 7]])
    assert asking.choose(environment, made, lists, data["sessions"], training, 0).tolist() == [
        expected
    ]


def test_what_is_drawn_hangs_on_the_seed(environment, data):
    made, lists = Histories([[3, 4]] * 40, torch.full((40,), 5)), torch.tensor([[3, 5, 7]] * 40)
    training = {"chosen_by": "drawn", "chooses": "number", "length": LENGTH}
    found = [
        asking.choose(environment, made, lists, data["sessions"], training, seed)
        for seed in (1, 1, 2)
    ]
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert {*found[0].tolist()} == {3, 5, 7}


def test_what_an_environment_knows(environment):
    found = asking.knows(
        environment, Histories([[3, 4], [8], [0, 1]], torch.tensor([5, 9, 2])), ITEMS
    )
    assert found["preferred"].mean() == 1
    assert measures(pl.DataFrame(found)).keys() == {"Preferred", "Nearer"}


def test_what_was_chosen_beside_what_was_taken(data):
    taken, chosen = torch.tensor([5, 5, 0]), torch.tensor([5, 7, 3])
    lists = torch.tensor([[5, 3], [7, 2], [3, 0]])
    brand = asking.brands(data["sessions"])
    found = pl.DataFrame(asking.picks(taken, chosen, lists, brand))
    assert found["listed"].to_list() == [True, False, True]
    assert found["picked"].to_list() == [True, None, False]
    assert found["kin"].to_list() == [1.0, 1.0, None]  # item 0 has no brand
    assert found["kin_listed"].to_list() == [1.0, 0.5, None]
    assert measures(found) == {"Listed": 2 / 3, "Picked": 0.5, "Kin": 1.0, "Kin_listed": 0.75}


def test_a_training_stops_where_nobody_was_asked():
    model = {"class": "sequential.lea.LEASA2C", "reward": "constant", "state": "hidden"}
    feedback.check(model, {}, {})
    with pytest.raises(SettingsError, match="chosen actions count, but nothing was chosen"):
        feedback.check(model | {"supervised_weight": 0.1}, {}, {})
    with pytest.raises(SettingsError, match="but it did not choose them"):
        rewarded = model | {"value_weight": 0.1, "reward": "environment"}
        feedback.check(rewarded, {"states": torch.zeros(1, 1)}, {"chosen": torch.zeros(1)})
    with pytest.raises(SettingsError, match="it was not asked"):
        feedback.check(model | {"state": "both"}, {}, {"chosen": torch.zeros(1)})
    with pytest.raises(SettingsError, match="negatives are the environment's"):
        feedback.check(model | {"refused_of": "asked"}, {}, {})


def test_the_host_alone_ranks():
    names = (
        "networks.0.backbone.x",
        "networks.0.rank.weight",
        "networks.0.values.0.weight",
        "networks.1.rank.weight",
    )
    tensors = {name: torch.tensor(place) for place, name in enumerate(names)}
    host = {"backbone.x": tensors[names[0]], "rank.weight": tensors[names[1]]}
    assert feedback.host_of(tensors) == host
    assert feedback.host_of(host) == host


def test_proposals_are_the_best_of_each_step(environment):
    windows = Batch.whole(torch.tensor([[3, 4, 5], [8, 9, ITEMS]]))
    found = asking.proposed(environment.network, windows, 2, "cpu")
    assert found[:, 0].tolist() == [4, 5, 9]
