"""`recloop run` from a clean copy of the project to the table, with a model of the user's own."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def neighbour(path):
    """Load what another test file has."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


commands = neighbour(Path(__file__).with_name("test_command.py"))
workflow = neighbour(ROOT / "tests" / "workflow" / "conftest.py")


@pytest.fixture
def project(tmp_path):
    """Copy the project and put the examples' files into it."""
    commands.shop(tmp_path / "shop.csv", sessions=60)
    commands.model(tmp_path)
    return workflow.Project(tmp_path, [])


def call(project, *words):
    return project.call(sys.executable, "-m", "recloop", *words)


def test_a_model_of_ones_own_from_the_file_to_the_table(project):
    words = (
        "run",
        "mypackage.models.MyRec",
        "shop",
        "--set",
        "dim=8",
        "--set",
        "training.epochs=1",
        "--device",
        "cpu",
    )
    assert call(project, "add-data", "shop.csv", "--yes").returncode == 0
    done = call(project, *words)
    assert done.returncode == 0, done.stdout
    assert "myrec,epochs=1 on shop" in done.stdout and "epoch 1/1" in done.stdout
    assert re.search(r"validation NDCG@10 +0\.\d{4}", done.stdout)
    assert re.search(r"test +HR@10 +0\.\d{4}", done.stdout)
    (weights,) = re.findall(r"record: (.*)/\n", done.stdout)
    assert (project.root / weights / "weights.safetensors").exists()
    again = call(project, *words)
    assert again.returncode == 0 and "epoch" not in again.stdout.replace("epochs=1", "")
    assert done.stdout.endswith(again.stdout)


def test_a_wrong_keyword_of_ones_own_model_is_said_first(project):
    call(project, "add-data", "shop.csv", "--yes")
    done = call(project, "run", "mypackage.models.MyRec", "shop", "--set", "dimm=8")
    assert done.returncode == 1 and "did you mean 'dim'?" in done.stdout
    assert done.stdout.count("\n") == 1
