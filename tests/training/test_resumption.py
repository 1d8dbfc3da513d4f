"""A killed training goes on exactly: its weights are those of one that was never disturbed."""

import json
import os
import signal
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from recloop.fitting.trainer import Trainer
from recloop.storage import checkpoint
from recloop.training.run import train

NEEDS_VECTORS = ("smonac", "modt4r")


@pytest.fixture
def run(split, settings_of, identity, tmp_path, request):
    """Give a function that trains a model and gives its weights and its record."""

    def run(model, name, seed=3, **training):
        needed = (
            {"item_vectors": request.getfixturevalue("vectors")} if model in NEEDS_VECTORS else {}
        )
        output = tmp_path / name
        settings = settings_of(model, training)
        train(
            {"sessions": split},
            settings,
            identity | {"seed": seed},
            output,
            tmp_path / f"side-{name}",
            needed,
        )
        return load_file(output / "weights.safetensors"), json.loads(
            (output / "run.json").read_text()
        )

    return run


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("model", ["sasrec", "smonac", "modt4r"])
def test_the_seed_reaches_everything_random(run, model):
    one, again, other = (run(model, name, seed)[0] for name, seed in [("a", 3), ("b", 3), ("c", 4)])
    assert same(one, again)
    assert not same(one, other)


# Dropout is on in all; SMONAC also tosses coins, draws negatives and has a second optimiser from update 5 on; PRL
# counts returns. Update 7 is in the middle of an epoch.
@pytest.mark.parametrize(
    ("model", "asked", "changes"),
    [
        ("sasrec", signal.SIGTERM, {}),
        ("sasrec", signal.SIGUSR1, {"draws": "independent"}),
        ("smonac", signal.SIGUSR1, {"second_rate": 0.005}),
        ("modt4r", signal.SIGTERM, {}),
        ("prl", signal.SIGTERM, {"draws": "independent"}),
    ],
)
def test_a_stopped_training_goes_on_exactly(run, model, asked, changes, tmp_path, monkeypatch):
    whole, record = run(model, "whole", **changes)
    learn = Trainer.learn

    def stop(self, group):
        learn(self, group)
        if self.progress.update == 7:
            os.kill(os.getpid(), asked)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "learn", stop)
        with pytest.raises(SystemExit, match="told to stop after update 7; run again to go on"):
            run(model, "cut", **changes)
    assert not (tmp_path / "cut").exists()
    torch.manual_seed(12345)
    resumed, again = run(model, "cut", **changes)
    assert same(whole, resumed)
    for name in ("epochs_run", "best_epoch", "valid_ndcg10"):
        assert record[name] == again[name]
    curves = [(tmp_path / name / "curve.csv").read_text() for name in ("whole", "cut")]
    assert without_seconds(curves[0]) == without_seconds(curves[1])
    assert not (tmp_path / "side-cut").exists()


def without_seconds(curve):
    return [line.rpartition(",")[0] for line in curve.splitlines()]


KILLED = """
import json, os, signal, sys
from pathlib import Path
from recloop.training.run import train
from recloop.fitting.trainer import Trainer
learn = Trainer.learn
def die(self, group):
    learn(self, group)
    if self.progress.update == 11:
        os.kill(os.getpid(), signal.SIGKILL)
Trainer.learn = die
given = json.loads(sys.argv[1])
data = {"sessions": Path(given["split"])}
folders = Path(given["output"]), Path(given["checkpoint_dir"])
train(data, given["settings"], given["identity"], *folders)
"""


def test_a_killed_process_goes_on_exactly(run, split, settings_of, identity, tmp_path):
    whole, _ = run("sasrec", "whole")
    logged = {"split": str(split), "settings": settings_of("sasrec"), "identity": identity}
    logged |= {"output": str(tmp_path / "cut"), "checkpoint_dir": str(tmp_path / "side-cut")}
    killed = subprocess.run([sys.executable, "-c", KILLED, json.dumps(logged)], check=False)
    assert killed.returncode == -signal.SIGKILL
    # Five updates an epoch: the last checkpoint is that of update 10.
    facts = checkpoint.load(tmp_path / "side-cut" / "checkpoint.safetensors")[1]
    assert facts["progress"]["update"] == 10
    assert same(whole, run("sasrec", "cut")[0])


def test_a_training_that_was_over_is_not_trained_further(run, tmp_path, monkeypatch):
    """Killed between its last validation and its weights, it only has to write them."""
    whole, record = run("sasrec", "whole", patience=1, learning_rate=[0.5], epochs=9)
    assert record["epochs_run"] < 9
    with monkeypatch.context() as patched:
        patched.setattr("recloop.training.run.count", lambda weights: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run("sasrec", "cut", patience=1, learning_rate=[0.5], epochs=9)
    resumed, again = run("sasrec", "cut", patience=1, learning_rate=[0.5], epochs=9)
    assert same(whole, resumed)
    assert again["epochs_run"] == record["epochs_run"]
