"""A job of the rule `train`: several processes where a run asks for them, and what they leave."""

import io
import json
import sys
from pathlib import Path

import polars as pl
import pytest
from safetensors.torch import load_file

from recloop.training.batch import logged, work


@pytest.fixture
def made(split, settings_of, identity, tmp_path, monkeypatch):
    """Give a function that lets a job train one run, in as many processes as asked for; return the run's folder."""
    monkeypatch.syspath_prepend(Path(__file__).parents[1])
    monkeypatch.chdir(tmp_path)

    def made(processes):
        training = {
            "loop": "training.dealt",
            "processes": processes,
            "accumulate": 2,
            "batch_size": 400,
            "epochs": 2,
        }
        settings = settings_of("sasrec", training)
        place = tmp_path / f"made-by-{processes}"
        train = {"data": {"sessions": str(split)}, "settings": settings, "identity": identity}
        task = {"step": "train", "key": f"{processes}", "checkpoints": f"{processes}"}
        task |= {"weights": str(place), "train": train | {"needs": {}}, "asked": []}
        (tmp_path / "batch.json").write_text(json.dumps([task]))
        work(tmp_path / "batch.json", threads=2)
        return place

    return made


def test_two_processes_leave_what_one_leaves(made, tmp_path):
    one, two = made(1), made(2)
    names = {"weights.safetensors", "curve.csv", "run.json", "train.log"}
    for folder, number in ((one, 1), (two, 2)):
        assert {file.name for file in folder.iterdir()} == names
        assert json.loads((folder / "run.json").read_text())["processes"] == number
        assert (folder / "train.log").read_text().count("epoch 2/2") == 1
    curves = [pl.read_csv(folder / "curve.csv").drop("seconds").to_numpy() for folder in (one, two)]
    assert curves[0] == pytest.approx(curves[1], rel=1e-3)
    mine, theirs = (load_file(folder / "weights.safetensors") for folder in (one, two))
    for name, tensor in mine.items():
        assert tensor.numpy() == pytest.approx(theirs[name].numpy(), abs=1e-3), name
    assert not list((tmp_path / ".recloop/finished").iterdir())
    assert not list((tmp_path / ".recloop/checkpoints").iterdir())


def test_libraries_may_ask_a_logged_stream_what_they_ask_any_text_stream(tmp_path, capsys):
    # transformers asks it for `isatty` where an encoder is opened within a training.
    with logged(tmp_path / "train.log"):
        assert isinstance(sys.stdout, io.TextIOBase)
        assert not sys.stdout.isatty()
        assert not sys.stdout.closed
        sys.stdout.writelines(["one line\n"])
        print("another")
    said = "one line\nanother\n"
    assert (tmp_path / "train.log").read_text() == capsys.readouterr().out == said
