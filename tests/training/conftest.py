"""Ring world as a split on disk, and the settings of short trainings."""

import json

import polars as pl
import pytest
import torch

TRAINING = {
    "loop": "supervised",
    "length": 6,
    "learning_rate": [0.01],
    "tuning_epochs": 1,
    "batch_size": 100,
    "epochs": 4,
    "patience": 4,
    "validate_every": None,
    "validation_events": 40,
    "clip_norm": 1.0,
}
IDENTITY = {
    "study": "modt4r",
    "dataset": "rc15",
    "source": "ring",
    "stand_in": True,
    "tier": "smoke",
    "model": "sasrec",
    "seed": 3,
    "key": "0123abcd",
}


EACH = 6  # sessions of a user


def write_split(folder, sessions, name="a", by_user=False):
    """Write one world as all three parts, or part it by the last sessions of its users."""
    sizes = torch.from_numpy(sessions.offsets).diff().tolist()
    number = pl.int_range(len(sizes))
    table = pl.DataFrame(
        {
            "session": sessions.ids,
            "item": pl.Series(_pieces(sessions.items, sizes), dtype=pl.List(pl.Int32)),
            "event": pl.Series(_pieces(sessions.events, sizes), dtype=pl.List(pl.UInt8)),
            "time": pl.Series([None] * len(sizes), dtype=pl.List(pl.Int64)),
            "first_target": sessions.first_target,
        }
    ).with_columns(user=pl.format("u{}", number // EACH))
    folder.mkdir()
    kept = {"train": number % EACH < EACH - 2, "valid": number % EACH == EACH - 2}
    kept["test"] = number % EACH == EACH - 1
    for part, chosen in kept.items():
        rows = table.filter(chosen) if by_user else table
        rows.write_parquet(folder / f"{part}.parquet")
    counts = pl.Series("item", sessions.items).value_counts().sort("item")
    described = counts.with_columns(
        pl.col("count").cast(pl.Int64), id=pl.col("item").cast(pl.String)
    )
    described.write_parquet(folder / "items.parquet")
    (folder / "split.json").write_text(json.dumps({"hash": name * 8}))
    return folder


def _pieces(values, sizes):
    return [part.tolist() for part in torch.from_numpy(values).split(sizes)]


@pytest.fixture(scope="session")
def split(ring, tmp_path_factory):
    return write_split(tmp_path_factory.mktemp("data") / "ring", ring)


@pytest.fixture(scope="session")
def other_split(ring, tmp_path_factory):
    return write_split(tmp_path_factory.mktemp("data") / "ring", ring, name="b")


@pytest.fixture(scope="session")
def user_split(ring, tmp_path_factory):
    """Twenty users, one per first item: four training sessions, one for validation and one for the test."""
    return write_split(tmp_path_factory.mktemp("data") / "ring", ring, by_user=True)


@pytest.fixture
def settings_of():
    """Give a function: a small model's settings for `recloop.training.run.train`."""
    backbone = {"class": "backbones.sasrec.SASRec", "dim": 8, "dropout": 0.2}
    models = {
        "sasrec": {"class": "sequential.next_item.NextItem", "backbone": backbone},
        "smonac": {"class": "sequential.smonac.SMONAC", "backbone": backbone, "warm_up": 5},
        "prl": {"class": "sequential.prl.PRL", "backbone": backbone},
        "modt4r": {"class": "decision.modt4r.MODT4R", "dim": 8, "layers": 1, "dropout": 0.2},
        "gru4rec": {
            "class": "sequential.next_item.NextItem",
            "backbone": {"class": "backbones.gru4rec.GRU4Rec", "dim": 8},
        },
        "ease": {"class": "nonparametric.ease.EASE"},
        "popularity": {"class": "nonparametric.popularity.Popularity"},
    }

    def settings_of(model, training=None, **changes):
        training = TRAINING | (training or {})
        return {"model": models[model] | changes, "training": training, "inference": {}}

    return settings_of


@pytest.fixture
def identity():
    return dict(IDENTITY)


@pytest.fixture
def vectors(split, settings_of, identity, tmp_path):
    """Weights of a GRU4Rec, for those that need an item table."""
    from recloop.training.run import train

    settings = settings_of("gru4rec", {"epochs": 1})
    train({"sessions": split}, settings, identity, tmp_path / "gru4rec", tmp_path / "side-gru4rec")
    return tmp_path / "gru4rec" / "weights.safetensors"
