"""A captioner learns a world of coloured squares from its captions, and goes on after a kill."""

import json

import numpy as np
import polars as pl
import pytest

COLOURS, SIZES = ["red", "blue", "green", "black"], ["small", "large"]
SETTINGS = {
    "class": "captioner.Captioner",
    "network": "show_attend_tell.ShowAttendTell",
    "grid": "tiny",
    "dim": 32,
    "word_dim": 16,
    "attention_dim": 16,
    "dropout": 0.0,
    "training": {
        "epochs": 12,
        "batch_size": 32,
        "learning_rate": 0.01,
        "at_least": 2,
        "clip": None,
    },
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Eight kinds of squares, five of each; a caption names what the target has and the reference has not."""
    folder, random = tmp_path_factory.mktemp("squares"), np.random.default_rng(0)
    colour, size = (grid.ravel().repeat(5) for grid in np.meshgrid(np.arange(4), np.arange(2)))
    cells = np.zeros((40, 4, 6), np.float16)
    cells[np.arange(40), random.integers(0, 4, 40), colour] = 4
    cells[np.arange(40), :, 4] = size[:, None]
    cells += random.normal(0, 0.05, cells.shape).astype(np.float16)

    def say(target, reference):
        words = [COLOURS[colour[target]]] * int(colour[target] != colour[reference])
        words += [SIZES[size[target]]] * int(size[target] != size[reference])
        return "Is " + (" and ".join(words) or "the same") + "."

    rows = [
        {"target": t, "reference": r, "caption": say(t, r), "part": part, "by": "grammar"}
        for part, count in (("train", 320), ("valid", 60), ("test", 60))
        for t, r in random.integers(0, 40, (count, 2)).tolist()
    ]
    schema = {"target": pl.Int32, "reference": pl.Int32}
    pl.DataFrame(rows, schema_overrides=schema).write_parquet(folder / "captions.parquet")
    (folder / "split.json").write_text(json.dumps({"hash": "squares"}))
    return folder, features(folder / "grid", cells), say


def features(folder, rows):
    """Write a feature cache of one shard, as rule `encode` does."""
    from recloop.features.cache import RECORD

    folder.mkdir()
    np.save(folder / "00000.npy", rows)
    shard = {"file": "00000.npy", "rows": len(rows), "sha256": "", "bytes": 0}
    shard["bytes"] = (folder / "00000.npy").stat().st_size
    record = {"encoder": {}, "revision": "1", "data": "squares", "rows": len(rows)}
    record |= {"shape": rows.shape[1:], "dtype": str(rows.dtype), "shards": [shard]}
    (folder / RECORD).write_text(json.dumps(record))
    return folder


def learn(world, output, log=lambda line: None, **changes):
    from recloop.simulators.train import train

    settings = SETTINGS | {"training": SETTINGS["training"] | changes}
    train(world[0], world[1], settings, output, seed=1, log=log)
    return {file.name: file.read_bytes() for file in output.iterdir()}


@pytest.fixture(scope="module")
def trained(world, tmp_path_factory):
    output = tmp_path_factory.mktemp("simulators") / "captioner"
    learn(world, output)
    return output


def test_writes_what_a_captioner_is_opened_from(trained):
    names = {file.name for file in trained.iterdir()}
    assert names == {"weights.safetensors", "vocabulary.json", "curve.csv", "simulator.json"}
    assert not trained.with_name("captioner.part").exists()
    record = json.loads((trained / "simulator.json").read_text())
    assert record["captions"] == {"train": 320, "valid": 60}
    curve = pl.read_csv(trained / "curve.csv")
    assert record["best_epoch"] == curve.sort("valid_loss")["epoch"][0]
    assert record["valid_loss"] == pytest.approx(curve["valid_loss"].min())


def test_says_what_is_different_about_pairs_it_never_saw(trained, world):
    from recloop.simulators import open_simulator

    folder, grid, say = world
    simulator = open_simulator(SETTINGS, trained, folder, folder, grid, "cpu")
    pairs = pl.read_parquet(folder / "captions.parquet").filter(part="test")
    target, reference = pairs["target"].to_numpy(), pairs["reference"].to_numpy()
    utterances = simulator.critique(target, reference)
    truth = [say(t, r).lower().rstrip(".") for t, r in zip(target, reference, strict=True)]
    assert np.mean([a == b for a, b in zip(utterances, truth, strict=True)]) > 0.9


def test_same_seed_same_weights(trained, world, tmp_path):
    again = learn(world, tmp_path / "again")
    assert again["weights.safetensors"] == (trained / "weights.safetensors").read_bytes()


def test_goes_on_exactly_where_it_was_killed(trained, world, tmp_path):
    def die(line):
        if line.startswith("epoch 5/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn(world, tmp_path / "killed", log=die)
    assert not (tmp_path / "killed").exists()
    logged = []
    files = learn(world, tmp_path / "killed", log=logged.append)
    assert logged[0].startswith("goes on after update 40, epoch 4")
    assert files["weights.safetensors"] == (trained / "weights.safetensors").read_bytes()


def test_leaves_a_checkpoint_of_other_settings_aside(world, tmp_path):
    def die(line):
        if line.startswith("epoch 2/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn(world, tmp_path / "one", log=die)
    logged = []
    learn(world, tmp_path / "one", log=logged.append, epochs=1)
    assert "starts anew" in logged[0]
    assert len(logged) == 2


def test_stops_when_it_no_longer_gets_better(world, tmp_path):
    logged = []
    learn(world, tmp_path / "one", log=logged.append, patience=1, learning_rate=0.0)
    assert len(logged) == 2  # the first epoch is the best, the second is the same


def test_says_which_captions_are_missing(world, tmp_path):
    captions = pl.read_parquet(world[0] / "captions.parquet").filter(pl.col("part") != "valid")
    captions.write_parquet(tmp_path / "captions.parquet")
    with pytest.raises(ValueError, match=r"'valid': 0.*by: grammar"):
        learn((tmp_path, world[1]), tmp_path / "output")


def test_refuses_grid_features_of_another_encoder(trained, world, tmp_path):
    from recloop.simulators import open_simulator

    other = features(tmp_path / "other", np.zeros((3, 4, 9), np.float16))
    with pytest.raises(ValueError, match="cells of 9 features"):
        open_simulator(SETTINGS, trained, world[0], world[0], other, "cpu")
    record = json.loads((world[1] / "features.json").read_text())
    same_size = features(tmp_path / "same", np.zeros((3, 4, record["shape"][-1]), np.float16))
    about = json.loads((same_size / "features.json").read_text()) | {"revision": "2"}
    (same_size / "features.json").write_text(json.dumps(about))
    with pytest.raises(ValueError, match=r"cells of encoder 2, but .* was trained on 1"):
        open_simulator(SETTINGS, trained, world[0], world[0], same_size, "cpu")
    with pytest.raises(ValueError, match="rules `encode` and `simulate`"):
        open_simulator(SETTINGS, None, world[0], world[0], other, "cpu")


def test_warm_up_rises_to_the_peak_and_falls():
    from recloop.simulators.learner import schedule_of, settings_of

    schedule = schedule_of(settings_of({"learning_rate": 0.2, "warm_up": 4}))
    rates = [schedule.rate(0.2, update, 99)[0] for update in (0, 1, 3, 15)]
    assert rates == pytest.approx([0.05, 0.1, 0.2, 0.1])
    assert schedule_of(settings_of({"learning_rate": 0.2})).rate(0.2, 9, 99)[0] == 0.2


def test_a_setting_that_does_not_exist_is_named():
    from recloop.simulators.learner import settings_of

    with pytest.raises(ValueError, match=r"unknown \['epoch'\], there are \['epochs'"):
        settings_of({"epoch": 3})


def test_goes_on_exactly_where_it_was_asked_to_stop(trained, world, tmp_path, monkeypatch):
    """A signal in the middle of an epoch is as good as its end."""
    from recloop.fitting.trainer import Trainer

    learn_one = Trainer.learn

    def stop(self, group):
        learn_one(self, group)
        self.stopping = self.progress.update == 33

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "learn", stop)
        with pytest.raises(SystemExit, match="update 33"):
            learn(world, tmp_path / "stopped")
    files = learn(world, tmp_path / "stopped")
    assert files["weights.safetensors"] == (trained / "weights.safetensors").read_bytes()


def test_counts_words_and_one_end_each():
    import torch

    from recloop.simulators.learner import real

    words = torch.tensor([[4, 5, 0, 0], [0, 0, 0, 0], [1, 2, 3, 0]])
    assert real(words).tolist() == [[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1]]
