"""Controls beside a told table: the same numbers for other items, and the same users without a judge."""

import json

import polars as pl
import pytest
import torch

from recloop.models.backbones.sasrec import SASRec
from recloop.simulators.preferences import JudgedItems
from recloop.simulators.sequences import JudgedScores
from recloop.simulators.told_controls import AskedItems, AskedScores, ShuffledItems, shuffled
from recloop.storage import checkpoint

LIKED = torch.tensor([[0.5, -1.0, 2.0, -0.25], [-3.0, 1.0, -2.0, -1.5]])
ROOM = {"episodes": 2, "memory": 1, "cap": 3}
RULES = {"threshold": 1.0, "window": 2, "first": "none", **ROOM}
SCORED = {"highest": 5.0, "window": 3, "alike_window": 2, "alike": 0.5, "first": "own", **ROOM}
SIZES = {"dim": 4, "length": 3, "dropout": 0.0}


@pytest.fixture
def data(tmp_path):
    """Three users to learn with who rate four items and took some, of two of whom something was told."""
    sessions, tables, model = (tmp_path / name for name in ("sessions", "tables", "model"))
    sessions.mkdir(), tables.mkdir(), model.mkdir()
    for part, users in (("train", ["a", "b"]), ("valid", ["c"]), ("test", ["d"])):
        rows = {"user": users, "item": [[2, 0, 1], [3, 1, 0]][: len(users)]}
        pl.DataFrame(rows).write_parquet(sessions / f"{part}.parquet")
    items = {"item": [0, 1, 2, 3], "id": [*"wxyz"], "count": [4, 3, 2, 1]}
    pl.DataFrame(items).write_parquet(sessions / "items.parquet")
    rated = {"a": "1234", "b": "4321", "c": "1111", "d": "5555"}
    cells = [
        (user, item, float(rating))
        for user, row in rated.items()
        for item, rating in zip("wxyz", row, strict=True)
    ]
    columns = {"user": pl.String, "item": pl.String, "rating": pl.Float32}
    pl.DataFrame(cells, schema=columns, orient="row").write_parquet(tables / "interactions.parquet")
    checkpoint.save(tmp_path / "told/preferences.safetensors", {"liked": LIKED}, {})
    checkpoint.save(model / "user_model.safetensors", SASRec(4, **SIZES).state_dict(), {})
    record = {"items": 4, "settings": {"sizes": SIZES}}
    (model / "user_model.json").write_text(json.dumps(record))
    found = {"sessions": sessions, "tables": tables, "preferences": tmp_path / "told"}
    return found, found | {"user_model": model}


def test_a_shuffled_table_says_as_much_of_other_items():
    many = torch.arange(200.0).repeat(50, 1) - 150
    found = shuffled(many)
    assert torch.equal(found.sort(1).values, many)  # the same users like as many items, as much
    assert not torch.equal(found[0], found[1])  # each has a permutation of their own
    assert (found == many).float().mean() < 0.02  # 1 in 200 stays by chance
    assert torch.equal(found, shuffled(many))  # the same for all agents


def test_a_shuffled_judge_reads_what_was_told(data):
    it = ShuffledItems.open(data[0], ("train", "valid"), **ROOM)
    assert torch.equal(it.ratings, shuffled(LIKED))
    assert it.users == 2
    best = shuffled(LIKED)[0].argmax()
    it.reset(options={"users": torch.tensor([0, 1])})
    it.seen[:] = 4
    assert it.step(torch.arange(4).repeat(2, 1))[4]["action"][0] == best


def test_the_users_of_whom_was_told_are_those_whom_the_model_judges(data):
    """Without a judge they rate what is shown: of a learns, and b, and nobody else."""
    it = AskedItems.open(data[0], ("train", "valid"), **RULES)
    judged = JudgedItems.open(data[0], ("train", "valid"), **RULES)
    assert torch.equal(it.ratings, judged.ratings)
    it.reset(options={"users": torch.tensor([0, 1])})
    _, reward, _, _, info = it.step(torch.tensor([0, 0]))
    assert reward.tolist() == [1.0, 4.0]
    assert info == {}


def test_so_it_is_where_a_recommender_rewards(data):
    it, judged = (
        made.open(data[1], ("train", "valid"), **SCORED) for made in (AskedScores, JudgedScores)
    )
    assert it.firsts.tolist() == judged.firsts.tolist() == [2, 3]
    it.reset(options={"users": torch.tensor([0, 1])})
    assert it.step(torch.tensor([1, 1]))[4] == {}
