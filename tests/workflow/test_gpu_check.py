"""The check of a GPU, on a processor: its parts at small size, its rows, and what it says where there is no GPU."""

import importlib.util
import json
import os
import runpy
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from recloop.plan import device
from recloop.storage.settings import load_schema

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "benchmarks/gpu_check.py"
NO_UPDATES = {"asking", "nonparametric", "decoded"}  # loops that learn nothing step by step


@pytest.fixture
def check(tmp_path):
    """Give a function that runs the check; it returns the process and the rows."""

    def check(*options):
        command = [sys.executable, str(PROGRAM), "--output", str(tmp_path / "found.json"), *options]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=1300, cwd=tmp_path
        )
        found = tmp_path / "found.json"
        return done, json.loads(found.read_text())["rows"] if found.exists() else None

    return check


@pytest.fixture
def loops(monkeypatch):
    """The module of the loops, as a program has it."""
    monkeypatch.syspath_prepend(PROGRAM.parent)
    return runpy.run_path(str(PROGRAM.parent / "gpu_loops.py"))


@pytest.mark.skipif(device.why_not() is None, reason="there is a GPU")
def test_without_a_gpu_it_is_one_line(check):
    done, rows = check()
    assert (done.returncode, rows) == (2, None)
    assert done.stdout.startswith("gpu_check: PyTorch cannot use a GPU here (")
    assert len(done.stdout.splitlines()) == 1


def test_on_a_processor_it_runs_the_same_parts_and_a_part_that_is_too_slow_is_a_row(check):
    wanted = ("--parts", "machine", "loss", "loops", "--loops", "speech", "--minutes", "20")
    done, rows = check("--device", "cpu", *wanted)
    assert done.returncode == 0, done.stderr
    names = [row["name"] for row in rows]
    assert names[0] == "machine" and names[2:] == ["speech: offline_tir zappos:speaker"]
    assert rows[1]["chunked"]["memory"] < rows[1]["plain"]["memory"]
    assert rows[2]["updates"] > 1 and rows[2]["waits"] is None
    assert done.stdout.count("| ok |") == 3
    late, rows = check("--device", "cpu", "--parts", "machine", "encode", "--minutes", "0.001")
    assert late.returncode == 1
    assert [row["result"] for row in rows] == ["over its 0 seconds"] * 2
    assert late.stdout.count("✘") == 2


def test_every_loop_is_checked(loops):
    known = load_schema("training")["$defs"]
    defined = {name for name, one in known.items() if "loop" in one.get("properties", {})}
    assert loops["RUNS"].keys() == defined - NO_UPDATES - {"counted"}
    modules = {name.rpartition(".")[0] for _, name, _ in loops["SHARED"].values()}
    making = {name for name in modules if importlib.util.find_spec(f"recloop.{name}")}
    assert len(making) == len(loops["SHARED"]) == 8


def test_lines_at_which_an_update_waits_are_counted(loops, monkeypatch):
    waits = loops["Waits"]("cuda")
    monkeypatch.setattr("torch.cuda.set_sync_debug_mode", lambda mode: modes.append(mode))
    modes = []

    def update():
        warnings.warn("called a synchronizing CUDA operation (function)", UserWarning, stacklevel=1)
        warnings.warn("something else", UserWarning, stacklevel=1)

    for _ in range(3):
        waits.update(update)
    assert modes == ["warn", "default"] * 3
    found = waits.facts()
    assert (found["updates"], found["waits"]) == (3, 1.0)  # the first one does not count
    assert found["where"][0].startswith("tests/workflow/test_gpu_check.py:")
