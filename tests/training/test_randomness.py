"""The seed decides everything and nothing else does: hash seeds, threads, clocks, listing orders, random states."""

import json
import os
import subprocess
import sys

import pytest
from perturbed import OTHERWISE, PERTURBED, PLAIN, THREADS

from recloop.plan.artifacts import with_all_inputs
from recloop.plan.studies import Run

STUDY, DATASET, MODEL = "gsasrec", "ml1m", "sasrec"

# What both processes begin with; the perturbed one has benchmarks/otherwise on its path.
BEGIN = """
import hashlib, json, sys
from pathlib import Path
from pkgutil import resolve_name

import polars as pl
from safetensors.torch import load_file

told, place = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
"""
# From raw files to ranks, three times in one process: seed 1, seed 1 again after all that happened, seed 2.
CHAIN = """
given = told["chain"]
from recloop.data.prepare import prepare
from recloop.data.read import read
from recloop.data.sources import fetch
from recloop.training.run import rank_test, train


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
# From raw files to what studies share, each made of what stands before it.
SHARED = """
given = told["shared"]


def content(file):
    if file.suffix == ".safetensors":
        tensors = sorted(load_file(file).items())
        return b"".join(one.numpy().tobytes() for name, one in tensors if not name.startswith(COSTS))
    return pl.read_parquet(file).serialize() if file.suffix == ".parquet" else file.read_bytes()


COSTS, found = ("cost", "seconds"), {}
for name, (maker, settings, folders) in given.items():
    resolve_name(maker)(**settings, **{role: place / one for role, one in folders.items()}, output=place / name)
    files = sorted(one for one in (place / name).rglob("*") if one.suffix in (".safetensors", ".parquet", ".npy"))
    found[name] = hashlib.sha256(b"".join(map(content, files))).hexdigest() if files else None
print(json.dumps(found))
"""
MAKERS = {
    "raw": "recloop.data.sources.fetch",
    "tables": "recloop.data.read.read",
    "catalogues": "recloop.data.read.build_catalogue",
    "dialogues": "recloop.data.dialogues.make_dialogues",
    "encoders": "recloop.features.pretrain.pretrain",
    "features": "recloop.features.encode.encode",
    "simulators": "recloop.simulators.train.train",
    "corpora": "recloop.language_models.corpora.make_corpus",
    "language_models": "recloop.language_models.pretrain.pretrain",
}
MORE = dict.fromkeys(THREADS, "3")  # too few numbers for another order of sums
# Both tests look at what two programs make: to load PyTorch takes longer than most of it.
pytestmark = pytest.mark.xdist_group("randomness")


def chain(plan) -> dict:
    """What the first rows of a study are made from."""
    it, run = plan(studies=[STUDY]), Run(STUDY, DATASET, MODEL, 1)
    recipe = {part: it.recipe(STUDY, DATASET)[part] for part in ("manifest", "prepare", "split")}
    return {"recipe": recipe, "settings": it.job_settings(run), "identity": it.identity(run)}


def shared(own_plan) -> dict:
    """How a captioner and a language model are made, with all that they are made of, in an order that works."""
    it = own_plan(studies=["gommir", "pdit_gim"], device="cpu", seeds=[1])
    ends = [
        one for one in it.shared_data().values() if one.kind in ("simulators", "language_models")
    ]
    chosen = {one.kind: one for one in ends if "vl_transformer" not in one.path}
    made = with_all_inputs(chosen.values()).values()
    pretraining = chosen["language_models"].settings["settings"]["pretrain"]
    pretraining["epochs"] = 2  # of many that do the same again
    return {
        one.path: (MAKERS[one.kind], one.settings | one.notes, one.folders)
        for one in sorted(made, key=lambda one: [*MAKERS].index(one.kind))
    }


@pytest.fixture(scope="module")
def made(plan, own_plan, tmp_path_factory) -> dict[str, list[dict]]:
    """The hashes of a run and of what studies share, made by a plain process and by one that is perturbed."""
    given, found = {"chain": chain(plan), "shared": shared(own_plan)}, {}
    ways = {"plain": ((), PLAIN), "perturbed": ((str(PERTURBED),), OTHERWISE | MORE)}
    for name, (first, environment) in ways.items():
        folder = tmp_path_factory.mktemp(name)
        (folder / "given.json").write_text(json.dumps(given))
        source = BEGIN + CHAIN + SHARED
        command = [sys.executable, "-c", source, str(folder / "given.json"), str(folder)]
        own = os.environ | {"PYTHONPATH": os.pathsep.join([*first, *sys.path])} | environment
        done = subprocess.run(command, env=own, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        found[name] = [*map(json.loads, lines)]
    return found


def test_the_seed_alone_decides(made):
    plain, perturbed = (made[name][0] for name in ("plain", "perturbed"))
    assert plain["one"] == plain["again"] != plain["other"]
    assert perturbed == plain


def test_it_alone_decides_encoders_captioners_and_language_models_too(made):
    plain, perturbed = (made[name][1] for name in ("plain", "perturbed"))
    assert {*MAKERS} == {name.split("/")[1] for name in plain}
    assert perturbed == plain
