"""Every way of training on a device: one smoke run of each, ranked too, and the lines where an update waits for it.

    python benchmarks/gpu_check.py --parts loops        # makes what they learn from, then runs this file

A copy of the project has data, simulated users and the like, made on processors. Each training has a process of its
own, forked from one that has the packages loaded, and a time limit. An update waits where it copies from the device to
the processor or needs a number to know a size: PyTorch's debug mode of synchronisation names each such line. The first
update of a process, which loads kernels, does not count, nor does what lies between two updates (batches, validation).
"""

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from pkgutil import resolve_name

import torch
import yaml

from recloop.fitting.trainer import Trainer
from recloop.plan import Plan
from recloop.plan.artifacts import Artifact
from recloop.plan.batches import arguments
from recloop.plan.studies import Run
from recloop.storage.fingerprint import ROOT
from recloop.training.batch import paths
from recloop.training.run import rank_test, train

RUNS = {  # loop: runs of the tier smoke, by study and then data set and model
    "supervised": ["gsasrec ml1m:gsasrec", "ssrl rc15:sasrec_sa2c"],
    "peers": ["pcrec ml20m:bpr_pcrec"],
    "intents": ["intent views:sasrec_intent"],
    "feedback": ["lea lfm:sasrec_sa2c_les"],
    "contents": ["iisan scientific:iisan", "iisan scientific:fft"],
    "transfer": ["transrec source:transrec_source"],
    "users": ["hdt album:sasrec_hier"],
    "episodes": ["ialp coat:dqn"],
    "perception": ["offline_tir zappos:perception"],
    "speech": ["offline_tir zappos:speaker"],
    "shopping": ["offline_tir zappos:on_policy"],
    "logged": ["offline_tir zappos:bcq"],
    "estimates": ["offline_tir zappos:fqe"],
    "latents": ["pdit_gim industry:pdit"],
    "wording": ["pdit_gim industry:gim"],
    "tastes": ["persoma movielens:mlp"],
    "dialogue": ["gommir shoes:gommir,user=mute", "gommir dresses:dm_mbpi"],
    "readings": ["gaze zuco:five"],
    "preferences": ["gaze helpsteer2:plain"],
}
SHARED = {  # what studies share: kind of data, what makes it, and a study that needs it
    "network": ("networks", "contents.learning.learn_network", "iisan"),
    "encoder": ("encoders", "features.pretrain.pretrain", "gommir"),
    "item tokens": ("item_tokens", "language_models.item_tokens.learn_item_tokens", "lea"),
    "language model": ("language_models", "language_models.pretrain.pretrain", "persoma"),
    "captioner": ("simulators", "simulators.train.train", "gommir"),
    "environment": ("simulators", "simulators.language_training.train", "lea"),
    "recommender": ("simulators", "simulators.recommender.train", "lea"),
    "user model": ("user_models", "simulators.user_models.train_user_model", "ialp"),
}
SIMULATORS = "simulators"
LIMIT_SECONDS = 45  # of one training
WAITS = "synchronizing CUDA operation"  # what PyTorch's warning says


def studies_of(names: list[str]) -> list[str]:
    """List the studies behind some loops and shared trainings."""
    found = [one.split()[0] for name in names for one in RUNS.get(name, [])]
    return sorted({*found, *(SHARED[name][2] for name in names if name in SHARED)})


def plan_of(names: list[str]) -> Plan:
    """Plan the studies behind some names in the tier smoke, as the copy does."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    changes = {"tier": "smoke", "seeds": [1], "device": "cpu", "studies": studies_of(names)}
    return Plan(config | changes)


@dataclass(frozen=True)
class Training:
    """One training to look at.

    Attributes:
        name: for the table.
        made: the declaration of what it makes.
        lists: that of its ranks, where it is a run.
        function: that makes it, where it is shared.
    """

    name: str
    made: Artifact
    lists: Artifact | None = None
    function: str = ""

    @property
    def needed(self) -> set[str]:
        """List the files that have to be there before it."""
        asked = self.lists.records if self.lists else []
        return {*self.made.records, *asked} - {self.made.record}


def trainings(plan: Plan, names: list[str]) -> Iterator[Training]:
    """List what is trained."""
    for name in names:
        for one in RUNS.get(name, []):
            study, run = one.split()
            own = Run(study, *run.split(":"), 1)
            yield Training(f"{name}: {one}", plan.weights(own), plan.lists(own))
        if name in SHARED:
            yield Training(name, shared(plan, name), function=SHARED[name][1])


def shared(plan: Plan, name: str) -> Artifact:
    """Find the declaration of something shared that learns."""
    kind, function, study = SHARED[name]
    found = [one for one in plan.shared_data([study]).values() if one.kind == kind]
    learns = function.split(".")[1]
    own = [
        one for one in found if kind != SIMULATORS or one.settings.get("learns", "train") == learns
    ]
    return max(own, key=lambda one: (epochs(one), one.path))


def epochs(artifact: Artifact) -> int:
    """Count the epochs of a training; many for one that does not say."""
    training = artifact.settings["settings"].get("training")
    return training["epochs"] if isinstance(training, dict) and "epochs" in training else 1


class Waits:
    """Counts updates and the lines where they wait for a GPU.

    Args:
        device: cpu or cuda; on a processor there is nothing to wait for.
    """

    def __init__(self, device: str):
        self.device, self.updates = device, 0
        self.lines: Counter[str] = Counter()

    def watch(self) -> None:
        """Watch every update of this process from now on."""
        learn = Trainer.learn

        def watched(trainer: Trainer, group: list) -> None:
            self.update(lambda: learn(trainer, group))

        Trainer.learn = watched

    def update(self, learn: Callable[[], None]) -> None:
        """Make one update."""
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            self.mode("warn")
            try:
                learn()
            finally:
                self.mode("default")
        if self.updates:
            self.lines.update(place(one) for one in told if WAITS in str(one.message))
        self.updates += 1

    def mode(self, name: str) -> None:
        """Set PyTorch's debug mode."""
        if self.device == "cuda":
            torch.cuda.set_sync_debug_mode(name)

    def facts(self) -> dict:
        """Say how many updates there were, how often one waits, and where most."""
        counted = self.updates - 1
        waits = (
            sum(self.lines.values()) / counted if counted > 0 and self.device == "cuda" else None
        )
        where = [f"{line} ({number / counted:.1f})" for line, number in self.lines.most_common(4)]
        return {"updates": self.updates, "waits": waits, "where": where}


def place(warning: warnings.WarningMessage) -> str:
    """Name the line of a warning, from the room of recloop or the package on."""
    file = Path(warning.filename)
    return f"{'/'.join(file.parts[-3:])}:{warning.lineno}"


def learn(training: Training, device: str, threads: int) -> None:
    """Train and, where it is a run, rank the test part too."""
    artifact, function = training.made, training.function
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        if function:
            given = {**artifact.settings, **artifact.notes, **paths(artifact.folders)}
            given.pop("learns", None)
            resolve_name(f"recloop.{function}")(
                **given, output=made / "made", device=device, threads=threads
            )
            return
        given = arguments(artifact) | artifact.notes
        data, needs = paths(given["data"]), paths(given["needs"])
        own = {"needs": needs, "device": device, "threads": threads}
        settings, identity = given["settings"], given["identity"] | {"key": artifact.key}
        train(data, settings, identity, made / "run", made / "side", **own)
        asked = arguments(training.lists)
        own |= {"needs": paths(asked["needs"]), "top_k": asked["top_k"]}
        lists, weights = made / "lists.parquet", made / "run/weights.safetensors"
        rank_test(paths(asked["data"]), weights, asked["settings"], lists, **own)


def child(link: Connection, work: Callable[[], None], device: str) -> None:
    """Do one training in a forked process and send what was found; what it prints is thrown away."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    waits = Waits(device)
    waits.watch()
    try:
        work()
        link.send(waits.facts())
    except BaseException as error:  # a row of the table
        text = " ".join(str(error).split())
        link.send({"failed": f"{type(error).__name__}: {text[:200]}"})


def timed(work: Callable[[], None], device: str, limit: float) -> dict:
    """Do one training in a process of its own, killed after the limit."""
    started = time.perf_counter()
    here, there = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=child, args=(there, work, device))
    process.start()
    there.close()
    try:
        found = here.recv() if here.poll(limit) else {"failed": f"over its {limit:.0f} seconds"}
    except EOFError:
        found = {"failed": "its process died"}
    process.kill()
    process.join()
    return found | {"seconds": time.perf_counter() - started}


def main() -> None:
    """Read the command line; print a line of JSON for each training."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", required=True, choices=("cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--names", nargs="+", default=[*RUNS, *SHARED])
    parser.add_argument("--inputs", action="store_true", help="list what has to be made, and stop")
    given = parser.parse_args()
    whole = list(trainings(plan_of(given.names), given.names))
    if given.inputs:
        print(json.dumps(sorted({file for one in whole for file in one.needed})))
        return
    for package in ("torch._dynamo", "transformers.models.clip.modeling_clip"):
        import_module(package)  # for all children

    for one in whole:
        work = partial(learn, one, given.device, given.threads)
        row = {"name": one.name} | timed(work, given.device, LIMIT_SECONDS)
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    sys.exit(main())
