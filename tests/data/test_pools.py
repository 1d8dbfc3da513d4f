"""Pools, requests and the first lists that all models share."""

import polars as pl
import pytest
import torch


@pytest.fixture
def folder(tmp_path):
    parts = ["all", "train", "valid", "test", "simulator", "train", "all"]
    pl.DataFrame({"item": range(7), "part": parts}).write_parquet(tmp_path / "items.parquet")
    pl.DataFrame(
        {
            "dialogue": [3, 0, 1, 2],
            "part": ["train", "train", "valid", "test"],
            "user": [9, 9, 8, 7],
            "target": [5, 1, 2, 6],
            "history": [[0], [6, 0], [], [1]],
            "group": ["all"] * 4,
        }
    ).write_parquet(tmp_path / "dialogues.parquet")
    return tmp_path


def test_a_part_has_its_own_items_and_the_common_ones(folder):
    from recloop.data.pools import read_part

    features = torch.randn(7, 4)
    for part, ids in {"train": [0, 1, 5, 6], "valid": [0, 2, 6], "test": [0, 3, 6]}.items():
        world = read_part(folder, part, features)
        assert world.pool.ids.tolist() == ids
        assert torch.equal(world.pool.features, features[ids])
    assert world.requests.target.tolist() == [2]
    train = read_part(folder, "train", features).requests
    assert train.dialogue.tolist() == [0, 3]
    assert train.target.tolist() == [1, 2]
    assert train.history.tolist() == [[6, 0], [0, 0]]
    assert train.length.tolist() == [2, 1]


def test_a_target_outside_of_its_pool_is_named(folder):
    from recloop.data.pools import read_part

    rows = pl.read_parquet(folder / "dialogues.parquet").with_columns(target=pl.lit(4))
    rows.write_parquet(folder / "dialogues.parquet")
    with pytest.raises(ValueError, match="Item 4 is looked for"):
        read_part(folder, "train", torch.randn(7, 4))


def test_first_lists_depend_on_the_dialogue_alone_and_are_fair():
    from recloop.data.pools import first_lists

    many = first_lists(torch.arange(40_000), 3, 10)
    assert torch.equal(first_lists(torch.tensor([7, 3]), 3, 10), many[[7, 3]])
    assert (many.sort(1).values.diff(dim=1) > 0).all()
    shares = [torch.bincount(column, minlength=10) / 40_000 for column in many.T]
    assert all(torch.allclose(share, torch.tensor(0.1), atol=0.006) for share in shares)


def test_more_different_items_than_there_are_is_an_error():
    from recloop.data.pools import distinct

    uniform = torch.rand(2, 5, 4)
    assert distinct(uniform, 4).sort(1).values.tolist() == [[0, 1, 2, 3]] * 5
    with pytest.raises(ValueError, match="4 different items"):
        distinct(uniform, 3)
