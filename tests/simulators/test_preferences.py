"""A judge of preferences: whom it takes, what "None" does, and where its table comes from."""

import polars as pl
import pytest
import torch

from recloop.models.online.state import Environment
from recloop.simulators.preferences import JudgedItems, PreferredItems
from recloop.storage import checkpoint

LIKED = torch.tensor([[0.0, 4, 5, 0, 0], [0, 0, 0, 0, 4]])


def judge(episodes=2, **changes) -> PreferredItems:
    it = PreferredItems(LIKED, episodes=episodes, **({"memory": 2, "cap": 3} | changes))
    it.reset()
    it.user = torch.arange(episodes) % 2
    it.seen[:] = 5
    return it


def test_the_best_candidate_is_taken_for_a_reward():
    seen, reward, left, over, info = judge().step(torch.tensor([[0, 1, 2], [0, 1, 2]]))
    assert info["action"][0] == 2
    assert reward.tolist() == [1.0, 0.0]
    assert info["action"][1] in (0, 1, 2)
    assert not left.any()
    assert not over.any()
    assert torch.equal(seen.items[:, -1], info["action"])


def test_none_shows_any_candidate():
    """Each is as likely as any other."""
    it = judge(episodes=4000)
    it.user = torch.ones(4000, dtype=torch.long)
    action = it.step(torch.tensor([[0, 1, 2]]).repeat(4000, 1))[4]["action"]
    shares = torch.bincount(action, minlength=3) / 4000
    assert torch.allclose(shares, torch.full((3,), 1 / 3), atol=0.03)


def test_what_is_seen_is_not_liked_again():
    it = judge()
    candidates = torch.tensor([[2, 2], [4, 4]])
    assert it.step(candidates)[1].tolist() == [1.0, 1.0]
    assert it.step(candidates)[1].tolist() == [0.0, 0.0]
    assert it.step(candidates)[3].tolist() == [True, True]  # the cap


def test_it_is_an_environment_with_a_state():
    it, other = judge(), judge(seed=5)
    assert isinstance(it, Environment)
    other.load_state({name: one.clone() for name, one in it.state().items()})
    step = torch.tensor([[0, 1, 3], [0, 1, 2]])
    assert all(map(torch.equal, it.step(step)[0], other.step(step)[0]))
    assert torch.equal(it.reset()[0].items, other.reset()[0].items)


def test_a_language_model_chooses_and_users_reward():
    """The first users of the parts come, as many as were asked for."""
    ratings = torch.tensor([[1.0, 2, 3, 4, 5], [5, 4, 3, 2, 1], [1, 1, 1, 1, 1]])
    far = torch.full((5, 5), 9.0).fill_diagonal_(0.0)
    rules = {"threshold": 1.0, "window": 2, "cap": 3, "episodes": 2, "memory": 1, "first": "none"}
    it = JudgedItems(ratings[:2], far, liked=LIKED, **rules)
    it.reset(options={"users": torch.tensor([0, 1])})
    _, reward, _, _, info = it.step(torch.tensor([[1, 2, 3], [1, 2, 4]]))
    assert info["action"].tolist() == [2, 4]
    assert reward.tolist() == [3.0, 1.0]
    it.step(torch.tensor([[1], [1]]))
    assert it.step(torch.tensor([[2, 2], [4, 4]]))[2].tolist() == [True, True]  # users are bored


@pytest.fixture
def data(tmp_path):
    """Two users who rate three items."""
    sessions, tables = tmp_path / "sessions", tmp_path / "tables"
    sessions.mkdir(), tables.mkdir()
    for part, users in (("train", ["a"]), ("valid", ["b"]), ("test", [])):
        frame = pl.DataFrame({"user": users}, schema={"user": pl.String})
        frame.write_parquet(sessions / f"{part}.parquet")
    pl.DataFrame({"item": [0, 1, 2], "id": ["x", "y", "z"]}).write_parquet(
        sessions / "items.parquet"
    )
    cells = [
        (u, i, float(r))
        for u, row in (("a", "135"), ("b", "542"))
        for i, r in zip("xyz", row, strict=True)
    ]
    columns = {"user": pl.String, "item": pl.String, "rating": pl.Float32}
    pl.DataFrame(cells, schema=columns, orient="row").write_parquet(tables / "interactions.parquet")
    return {"sessions": sessions, "tables": tables}


def opened(data, kind, parts=("train", "valid")):
    given = {"kind": kind, "least": 4.0, "episodes": 1, "memory": 1, "cap": 3}
    return PreferredItems.open(data, parts, **given)


def test_true_preferences_are_high_ratings(data):
    assert opened(data, "true").ratings.tolist() == [[0.0, 0.0, 5.0], [5.0, 4.0, 0.0]]
    assert opened(data, "true", ("valid",)).ratings.tolist() == [[5.0, 4.0, 0.0]]


def test_random_preferences_are_as_many(data):
    one, again = (opened(data, "random").ratings for _ in range(2))
    assert torch.equal(one, again)
    assert torch.equal(one.sort().values, opened(data, "true").ratings.sort().values)


def test_told_preferences_are_read(data, tmp_path):
    table = tmp_path / "told/preferences.safetensors"
    checkpoint.save(table, {"liked": LIKED}, {})
    assert torch.equal(opened(data | {"preferences": table.parent}, "told").ratings, LIKED)


def test_other_preferences_are_refused(data):
    with pytest.raises(ValueError, match="kind='guessed'"):
        opened(data, "guessed")
