"""Every training goes on exactly: told to stop, then killed, then run again, it ends with the weights of the workflow.

What the workflow has made without being disturbed is what a disturbed training is held against. A module that trains
and is neither met here nor named below with its own test fails `test_no_training_is_left_out`.
"""

import ast
import json
import os
import re
from contextlib import suppress
from functools import cache
from pathlib import Path
from pkgutil import resolve_name

import pytest
import torch
from safetensors.torch import load_file

from recloop.fitting.trainer import Trainer
from recloop.plan.studies import Run
from recloop.training import PARTS, loop_name
from recloop.training.batch import paths
from recloop.training.run import train

ROOT = Path(__file__).parents[2]
EVERY = "RECLOOP_EVERY_TRAINING"  # `make resume` sets it: studies that are slow to make are met here as well
COSTS = ("cost", "seconds")  # what a training took is no weight
NO_UPDATES = {"asking", "nonparametric", "decoded"}  # loops that learn nothing step by step
ELSEWHERE = {  # loops of studies that `built` leaves out, and the tests that hold them
    "estimates": "training/test_logged.py::test_a_stopped_estimate_goes_on_exactly",
    "latents": "training/test_generation.py::test_a_stopped_training_goes_on_exactly",
    "logged": "training/test_logged.py::test_a_stopped_training_goes_on_exactly",
    "peers": "training/test_peers.py::test_a_stopped_training_goes_on_exactly",
    "perception": "training/test_logged.py::test_a_stopped_training_goes_on_exactly",
    "preferences": "training/test_preferences.py::test_a_killed_training_goes_on_to_the_same_weights",
    "readings": "models/gaze/test_readers.py::test_a_stopped_training_goes_on_exactly",
    "shopping": "training/test_logged.py::test_a_stopped_training_goes_on_exactly",
    "speech": "training/test_logged.py::test_a_stopped_training_goes_on_exactly",
    "transfer": "training/test_transfer.py::test_a_stopped_training_goes_on_exactly",
    "wording": "training/test_generation.py::test_a_stopped_training_goes_on_exactly",
}
SHARED = {  # modules that train what studies share: the kind of data, and the function that makes it
    "contents.learning": ("networks", "contents.learning.learn_network"),
    "features.pretrain": ("encoders", "features.pretrain.pretrain"),
    "language_models.items": ("item_tokens", "language_models.item_tokens.learn_item_tokens"),
    "language_models.pretrain": ("language_models", "language_models.pretrain.pretrain"),
    "simulators.language_training": ("simulators", "simulators.language_training.train"),
    "simulators.recommender": ("simulators", "simulators.recommender.train"),
    "simulators.train": ("simulators", "simulators.train.train"),
    "simulators.user_models": ("user_models", "simulators.user_models.train_user_model"),
}
LONG = {  # one run for each of the loops above
    "gaze": ["zuco:five", "helpsteer2:plain"],
    "offline_tir": [f"zappos:{name}" for name in ("on_policy", "imitation", "fqe", "speaker")],
    "pdit_gim": ["industry:pdit", "industry:gim"],
    "transrec": ["source:transrec_source"],
    "pcrec": ["ml20m:bpr_pcrec"],
}


def trees(folder: str = "") -> dict[str, ast.Module]:
    """Parse the modules of recloop, or of a folder of it, by name without `recloop.`."""
    files = sorted((ROOT / "recloop" / folder).rglob("*.py"))
    names = [".".join(file.relative_to(ROOT / "recloop").with_suffix("").parts) for file in files]
    return {name: ast.parse(file.read_text()) for name, file in zip(names, files, strict=True)}


def trains(tree: ast.Module) -> bool:
    """Say whether a module makes a training."""
    named = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return "Trainer" in named


def loops() -> list[str]:
    """List the ways of training of recloop/training."""
    found = []
    for name, tree in trees("training").items():
        given = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        imports = (node for node in tree.body if isinstance(node, ast.ImportFrom))
        given |= {one.asname or one.name for node in imports for one in node.names}
        if given >= {*PARTS}:
            found.append(name.removeprefix("training."))
    return found


def test_no_training_is_left_out():
    """Each module with a trainer is a loop of a study or named in a table above, and each test named there exists."""
    making = {name for name, tree in trees().items() if trains(tree) and "fitting" not in name}
    shared = {name for name in making if not name.startswith("training.")}
    assert shared == set(SHARED)
    named = {f"training.{name}" for name in loops()}
    assert making - shared - named == set()
    assert ELSEWHERE.keys() | NO_UPDATES <= set(loops())
    for place in ELSEWHERE.values():
        file, test = place.split("::")
        assert f"def {test}(" in (ROOT / "tests" / file).read_text(), place


class Killed(BaseException):
    """Nobody catches it, and nothing is written after it."""


@pytest.fixture
def disturb(monkeypatch):
    """Give a function that calls another one three times: told to stop, killed after a checkpoint, let alone."""
    learn, keep, seen = Trainer.learn, Trainer.keep, {}

    def disturbed(self, group):
        learn(self, group)
        if not self.context.checkpoint:  # a learning rate is tried
            return
        seen["updates"] = seen.get("updates", 0) + 1
        if seen["wanted"] == "stop" and self.progress.update >= max(1, self.last_update // 3):
            self.stop()
        if seen["wanted"] == "kill" and seen.get("kept"):
            raise Killed

    def kept(self):
        keep(self)
        seen["kept"] = bool(self.context.checkpoint)

    def call(work):
        for wanted, error in (("stop", SystemExit), ("kill", Killed)):
            seen.update(wanted=wanted, kept=False)
            torch.manual_seed(len(wanted))
            with monkeypatch.context() as patched:
                patched.setattr(Trainer, "learn", disturbed)
                patched.setattr(Trainer, "keep", kept)
                with suppress(error):
                    work()
                    return seen.get("updates", 0)  # too short to be disturbed, or nothing to learn
        work()
        return seen["updates"]

    return call


def same_tensors(one: Path, other: Path) -> bool:
    """Compare the weights in two folders, bit by bit."""
    names = sorted(str(file.relative_to(one)) for file in one.rglob("*.safetensors"))
    assert names and names == sorted(
        str(file.relative_to(other)) for file in other.rglob("*.safetensors")
    )
    pairs = [(load_file(one / name), load_file(other / name)) for name in names]
    assert all(mine.keys() == theirs.keys() for mine, theirs in pairs)
    return all(
        torch.equal(mine[name], theirs[name])
        for mine, theirs in pairs
        for name in mine
        if not name.startswith(COSTS)
    )


# -- loops of studies --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def slow(copied, request):
    """A second project with a run of each slow way of training; where it was not asked for, nothing."""
    if EVERY not in os.environ:
        return None
    plan = request.getfixturevalue("plan")(studies=list(LONG), seeds=[1], device="cpu")
    runs = [Run(study, *name.split(":"), 1) for study, names in LONG.items() for name in names]
    project = copied(f"studies=[{','.join(LONG)}]")
    project.edit(
        "tiers/smoke.yaml", lambda text: re.sub("runs_per_job: .*", "runs_per_job: 1", text)
    )
    project.snakemake(*(plan.weights(run).record for run in runs))
    return project


@cache
def tasks(root: Path) -> dict[str, dict]:
    """Find the quickest training of each loop among those that were made below a folder, with its epochs over."""
    found = {}
    for file in sorted(root.glob(".recloop/jobs/train_*.json")):
        for task in json.loads(file.read_text()):
            record = root / task["weights"] / "run.json"
            if not record.exists():
                continue
            took = json.loads(record.read_text())
            loop = loop_name(task["train"]["settings"]["training"]).rpartition(".")[2]
            rank = (not took["epochs_run"], took["seconds"])
            if loop not in found or rank < found[loop][0]:
                found[loop] = rank, task
    return {loop: task for loop, (_, task) in found.items()}


@pytest.mark.parametrize("loop", loops())
def test_a_loop_goes_on_exactly(loop, built, slow, disturb, tmp_path, monkeypatch):
    projects = [one for one in (built, slow) if one and loop in tasks(one.root)]
    if not projects:
        assert loop in {*ELSEWHERE, *NO_UPDATES}
        return
    root, task = projects[0].root, tasks(projects[0].root)[loop]
    given = task["train"]
    data, needs = paths(given["data"]), paths(given["needs"])
    places = tmp_path / "run", tmp_path / "side"

    def work():
        train(data, given["settings"], given["identity"] | {"key": "0" * 8}, *places, needs)

    monkeypatch.chdir(root)
    updates = disturb(work)
    assert bool(updates) == (loop not in NO_UPDATES)
    assert same_tensors(tmp_path / "run", root / task["weights"])


# -- what studies share ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def shared(plan, built):
    """What the built project shares between studies, by kind: the same keys are the same settings and code."""
    found = {}
    for place, one in plan(seeds=[1], device="cpu").shared_data().items():
        if (built.root / one.record).exists():
            found.setdefault(one.kind, []).append(one)
            assert place == one.path
    return found


@pytest.mark.parametrize("module", SHARED)
def test_what_is_shared_goes_on_exactly(module, built, shared, disturb, tmp_path, monkeypatch):
    kind, function = SHARED[module]
    own = [
        one
        for one in shared[kind]
        if kind != "simulators" or f"simulators.{one.settings.get('learns', 'train')}" == module
    ]
    artifact = min(own, key=lambda one: (one.settings["settings"].get("training") == 0, one.path))
    given = artifact.settings | artifact.notes | {k: Path(v) for k, v in artifact.folders.items()}
    given.pop("learns", None)
    make = resolve_name(f"recloop.{function}")
    monkeypatch.chdir(built.root)

    def work():
        make(**given, output=tmp_path / "made")

    assert disturb(work)
    assert same_tensors(tmp_path / "made", built.root / artifact.path)
