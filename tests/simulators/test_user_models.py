"""Models of users: what is read of users and items, and that they learn what the embedded worlds plant."""

import json
from pathlib import Path

import pytest
import torch

from recloop.data.prepare import prepare
from recloop.data.ratings import PARTS, read_ratings
from recloop.data.read import read
from recloop.data.readers import coat
from recloop.data.sources import fetch, load_source
from recloop.simulators.online import RatedItems
from recloop.simulators.user_models import FILE, RECORD, known, train_user_model
from recloop.storage import checkpoint

ROOT = Path(__file__).parents[2]
RATINGS = {
    "class": "user_models.Ratings",
    "sizes": {"dim": 4, "hidden": 16, "layers": 1},
    "schedule": {"learning_rate": 0.02, "batch_size": 64, "epochs": 40, "patience": 5},
}
NEXT = {
    "class": "user_models.NextItems",
    "sizes": {"dim": 8, "blocks": 1, "heads": 1, "dropout": 0.0, "length": 5},
    "schedule": {"learning_rate": 0.02, "batch_size": 32, "epochs": 6, "patience": 3},
}


def made(place, source, sizes, prepared):
    """Generate a world, and split it."""
    source = load_source(ROOT / f"sources/{source}.yaml")
    source["sizes"] |= sizes
    fetch(source, place / "raw")
    read(source, place / "raw", place / "tables")
    shares = {"by": "session", "shares": [0.7, 0.1, 0.2]}
    prepare(place / "tables", place / "sessions", {"purchases": []} | prepared, shares, 1, source)
    return {name: place / name for name in ("sessions", "tables", "raw")}


@pytest.fixture(scope="module")
def racks(tmp_path_factory):
    """Racks of coats with a DeepFM of their customers."""
    place = tmp_path_factory.mktemp("racks")
    data = made(place, "racks", {"users": 60}, {"events": ["rating"], "sessions": {"by": "user"}})
    output, data = place / "model", data
    train_user_model(data["sessions"], data["raw"], RATINGS, output, 1, log=lambda line: None)
    return data | {"user_model": output}


def test_flags_of_a_kind_are_one_value(tmp_path):
    (tmp_path / coat.OF_USERS[1]).write_text("age:20\nage:30\nstyle:a\n")
    (tmp_path / coat.OF_USERS[0]).write_text("0 1 0\n1 0 1\n0 0 1\n")
    assert known(tmp_path, coat.OF_USERS).tolist() == [[0, 1, 1], [1, 0, 0], [2, 2, 0]]


def test_it_rates_better_than_the_mean(racks):
    found = json.loads((racks["user_model"] / RECORD).read_text())
    assert found["rmse"] < 0.8 * found["rmse_of_the_mean"]


def test_ratings_lie_where_those_of_the_world_lie(racks):
    """Users and items are in the order of the split."""
    table = checkpoint.load(racks["user_model"] / FILE)[0]["ratings"]
    true = torch.from_numpy(read_ratings(racks["sessions"], racks["tables"], PARTS))
    assert torch.corrcoef(torch.stack([table.flatten(), true.flatten()]))[0, 1] > 0.7
    rules = {"threshold": 3.0, "window": 2, "cap": 5, "episodes": 1, "memory": 1}
    world = RatedItems.open(racks, ("test",), **rules)
    assert torch.equal(world.ratings, table[-len(world.ratings) :])
    other = RatedItems.open({**racks, "user_model": racks["user_model"]}, ("train",), **rules)
    assert torch.equal(other.near, world.near)


def test_the_next_item_is_told_from_another(tmp_path):
    sizes = {"items": 40, "users": 60, "sessions_per_user": 5}
    data = made(tmp_path, "radio_stations", sizes, {"events": ["play"], "sessions": {"by": "user"}})
    train_user_model(
        data["sessions"], data["raw"], NEXT, tmp_path / "model", 1, log=lambda line: None
    )
    found = json.loads((tmp_path / "model" / RECORD).read_text())
    assert found["valid_loss"] < 0.85 * found["chance"]
    assert found["items"] == 40
