"""Two processes learn what one learns: the same curve, the same weights; stopped or killed ones go on; one writes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("team_runs.py")
CHANGES = {  # as in the program
    "Pairs": {},
    "LanguageModel": {"keeps": "trained", "clip_norm": 0.5},
    "Diffusion": {"average": 0.9},
    "EndToEnd": {"pace": "cosine", "warm_up": 3, "precision": "float32"},
}


def run(output: Path, *ways: str) -> subprocess.CompletedProcess:
    """Run the program; many a training waits for nothing in two minutes of a busy machine."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(PROGRAM), str(output), *ways]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """What two processes made of every example; the second one wrote nothing."""
    folder = tmp_path_factory.mktemp("pair")
    done = run(folder, "all")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("epoch 4/4") == len(CHANGES)  # only the first one speaks
    return folder


@pytest.mark.parametrize("name", CHANGES)
def test_two_learn_what_one_learns(pair, trainer, name):
    """Five batches in updates of two, so that the last one of each epoch has nothing for the second process."""
    alone = trainer(name, **CHANGES[name], accumulate=2, processes=1)
    weights = alone.fit()
    both = load_file(pair / f"{name}.safetensors")
    assert torch.equal(both.pop("random"), torch.get_rng_state())
    assert both.keys() == weights.keys()
    for key, value in weights.items():
        assert torch.allclose(value, both[key], atol=1e-6), key
    curve = json.loads((pair / f"{name}.json").read_text())
    for mine, theirs in zip(alone.progress.curve, curve, strict=True):
        assert {**mine, "seconds": 0} == pytest.approx(theirs, abs=1e-6)


def test_a_batch_draws_for_itself_whatever_its_neighbours_draw(trainer):
    """What dropout drops is other than what is drawn one after the other."""
    plain, alone = trainer("Pairs", accumulate=2), trainer("Pairs", accumulate=2, processes=1)
    assert not torch.equal(plain.fit()["3.weight"], alone.fit()["3.weight"])


def test_stopped_and_killed_processes_go_on(pair, tmp_path):
    done = run(tmp_path, "stop", "kill", "whole")
    assert done.returncode == 0, done.stderr
    _, told, rest = done.stdout.partition("stop: SystemExit: told to stop; run again to go on\n")
    killed, end, whole = rest.partition("kill: TeamError: process 1 of several failed: Signal 9")
    assert told and end
    assert "goes on after update 4" in killed
    assert "goes on after update 6" in whole
    assert whole.endswith("whole: done\n")
    mine, whole = (load_file(folder / "Pairs.safetensors") for folder in (tmp_path, pair))
    assert mine.keys() == whole.keys()
    assert all(torch.equal(mine[name], whole[name]) for name in mine)
    assert (tmp_path / "Pairs.json").read_text() == (pair / "Pairs.json").read_text()


def test_what_cannot_be_shared_is_one_line(trainer, monkeypatch):
    from recloop.fitting import team

    monkeypatch.setattr(team, "here", lambda: team.Place(0, 2))
    with pytest.raises(ValueError, match="Coupled: the batches of an update depend on each other"):
        trainer("Coupled", accumulate=2, processes=2)
    with pytest.raises(ValueError, match="processes=4, but 2 were started"):
        trainer("Pairs", accumulate=4, processes=4)
    with pytest.raises(ValueError, match=r"3 batches make an update .*, expected a multiple of 2"):
        trainer("Pairs", accumulate=3, processes=2)
