"""The seed decides everything and nothing else does: hash seeds, threads, clocks, listing orders, random states."""

import json
import os
import subprocess
import sys

import pytest

from recloop.plan.studies import Run

STUDY, DATASET, MODEL = "gsasrec", "ml1m", "sasrec"

# From raw files to ranks, three times in one process: seed 1, seed 1 again after all that happened, seed 2.
CHAIN = """
import hashlib, json, os, random, sys, time
from pathlib import Path

given, place = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
if len(sys.argv) > 3:
    listed, scanned, clock = os.listdir, os.scandir, time.time

    class Scanned:
        def __init__(self, *folder):
            with scanned(*folder) as found:
                self.entries = sorted(found, key=lambda entry: entry.name, reverse=True)
        def __iter__(self):
            return iter(self.entries)
        def __enter__(self):
            return iter(self.entries)
        def __exit__(self, *_):
            self.close()
        def close(self):
            pass

    os.listdir = lambda *folder: sorted(listed(*folder), reverse=True)
    os.scandir = Scanned
    time.time = lambda: clock() - 1e8 * (int(clock() * 1000) % 2)  # to and fro by three years

import numpy as np
import polars as pl
import torch
from safetensors.torch import load_file

from recloop.data.prepare import prepare
from recloop.data.read import read
from recloop.data.sources import fetch
from recloop.training.run import rank_test, train

if len(sys.argv) > 3:
    random.seed(5), np.random.seed(6), torch.manual_seed(7), random.random(), torch.rand(3)


def run(name, seed):
    folder, identity = place / name, given["identity"] | {"seed": seed}
    train({"sessions": place / "split"}, given["settings"], identity, folder, place / f"side-{name}")
    weights = folder / "weights.safetensors"
    lists = folder / "lists.parquet"
    rank_test({"sessions": place / "split"}, weights, given["settings"], lists, 10)
    content = b"".join(one.numpy().tobytes() for _, one in sorted(load_file(weights).items()))
    return hashlib.sha256(content + pl.read_parquet(lists).write_json().encode()).hexdigest()


recipe = given["recipe"]
fetch(recipe["manifest"], place / "raw")
read(recipe["manifest"], place / "raw", place / "tables")
prepare(place / "tables", place / "split", recipe["prepare"], recipe["split"], 1, recipe["manifest"])
found = {"split": json.loads((place / "split" / "split.json").read_text())["hash"]}
found |= {name: run(name, seed) for name, seed in (("one", 1), ("again", 1), ("other", 2))}
print(json.dumps(found))
"""
OTHERWISE = {
    "PYTHONHASHSEED": "77",
    "OMP_NUM_THREADS": "3",
    "POLARS_MAX_THREADS": "3",
    "MKL_NUM_THREADS": "3",
    "TZ": "Pacific/Kiritimati",
    "LC_ALL": "C",
}


@pytest.fixture(scope="module")
def given(plan):
    """What the first rows of a study are made from."""
    it, run = plan(studies=[STUDY]), Run(STUDY, DATASET, MODEL, 1)
    recipe = {part: it.recipe(STUDY, DATASET)[part] for part in ("manifest", "prepare", "split")}
    return {"recipe": recipe, "settings": it.job_settings(run), "identity": it.identity(run)}


def hashes(given, folder, *perturbed, **environment) -> dict[str, str]:
    folder.mkdir()
    (folder / "given.json").write_text(json.dumps(given))
    command = [sys.executable, "-c", CHAIN, str(folder / "given.json"), str(folder), *perturbed]
    own = os.environ | {"PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=own | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_the_seed_alone_decides(given, tmp_path):
    plain = hashes(given, tmp_path / "plain")
    assert plain["one"] == plain["again"] != plain["other"]
    assert hashes(given, tmp_path / "perturbed", "perturbed", **OTHERWISE) == plain
