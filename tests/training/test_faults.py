"""Faults of the machine in the middle of a training: one sentence, nothing half written, and the next run goes on."""

import time

import pytest
import torch
from safetensors.torch import load_file

from recloop.fitting.trainer import Trainer
from recloop.storage import checkpoint
from recloop.storage.files import PlaceError
from recloop.training.run import train


@pytest.fixture
def run(split, settings_of, identity):
    """Give a function that trains below a folder and gives the weights."""

    def run(folder):
        places = folder / "run", folder / "side"
        train({"sessions": split}, settings_of("sasrec"), identity, *places)
        return load_file(folder / "run" / "weights.safetensors")

    return run


@pytest.fixture
def after_update(monkeypatch):
    """Give a function: what is to happen after an update, once."""

    def after_update(number, happens):
        learn = Trainer.learn

        def learning(self, group):
            learn(self, group)
            if self.progress.update == number:
                happens()

        monkeypatch.setattr(Trainer, "learn", learning)
        return lambda: monkeypatch.setattr(Trainer, "learn", learn)

    return after_update


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


FAULTS = {"full": r"disk full, [\d,]+ bytes are free", "read-only": "cannot be written"}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_disk_that_fails_in_the_middle(run, disk, after_update, tmp_path, fault):
    whole, (folder, mount) = run(tmp_path), disk
    mount("remount,size=1m")

    def fails():
        if fault == "read-only":
            return mount("remount,ro")
        with pytest.raises(OSError, match="No space"), (folder / "ballast").open("wb") as file:
            file.write(bytes(2 << 20))

    heal = after_update(7, fails)
    with pytest.raises(PlaceError, match=FAULTS[fault]):
        run(folder)
    heal()
    mount("remount,rw,size=8m")
    assert not [*folder.rglob("*.part")]
    assert not (folder / "run").exists()
    facts = checkpoint.load(folder / "side" / "checkpoint.safetensors")[1]
    assert 0 < facts["progress"]["update"] <= 7
    assert same(whole, run(folder))


def test_a_clock_that_jumps_changes_nothing(run, tmp_path, monkeypatch):
    whole, now = run(tmp_path / "one"), time.time
    jumps = iter([0, -1e9, 1e9, -5e8] * 10_000)
    monkeypatch.setattr(time, "time", lambda: now() + next(jumps))
    assert same(whole, run(tmp_path / "other"))
