"""Rules `train`, `rank`, `list` and `evaluate`: several runs one after the other in one job.

Everything is made in a folder aside and put into its place when the whole batch is done, because Snakemake removes what
a failed job has made: a killed batch goes on with the run that was not over.
"""

import contextlib
import io
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recloop.evaluation.run import score
from recloop.fitting.launch import launched
from recloop.fitting.team import here
from recloop.storage.files import replacing
from recloop.storage.timing import timed
from recloop.training.run import rank_test, train

ASIDE = Path(".recloop/finished")


def work(batch: Path, device: str = "cpu", threads: int = 1) -> None:
    """Do all tasks of a batch.

    Args:
        batch: JSON file, a list of tasks (recloop/plan/batches.py).
        device: cpu or cuda.
        threads: processor threads to use.
    """
    tasks = json.loads(batch.read_text(encoding="utf-8"))
    for task in tasks:
        if not (ASIDE / task["key"] / "whole").exists():
            make(task, device, threads)
    for task in tasks:
        publish(task)
    for task in tasks:
        shutil.rmtree(ASIDE / task["key"])


def make(task: dict, device: str, threads: int) -> None:
    """Do one task: make weights, lists and scores, or what of these is missing, in the folder aside."""
    aside = ASIDE / task["key"]
    aside.mkdir(parents=True, exist_ok=True)
    log = aside / f"{task['step']}.log"
    if task["step"] == "train":
        make_weights(task, aside, log, device, threads)
    with logged(log):
        for number, asked in enumerate(task["asked"]):
            ask(task, asked, aside / str(number), device, threads)
    (aside / "whole").touch()


def make_weights(task: dict, aside: Path, log: Path, device: str, threads: int) -> None:
    """Train, unless a killed job was already past that, in as many processes as the settings ask for."""
    if (aside / "run" / "run.json").exists():
        return
    given = task["train"]
    with timed("train"):
        launched(learn)(
            log=log,
            data=paths(given["data"]),
            settings=given["settings"],
            identity=given["identity"] | {"key": task["checkpoints"]},
            output=aside / "run",
            checkpoint_dir=Path(".recloop/checkpoints", task["checkpoints"]),
            needs=paths(given["needs"]),
            device=device,
            threads=threads,
        )


def learn(log: Path, **given: Any) -> None:
    """Train, as `train` does; what the first process says is logged."""
    with logged(log) if here().leads else contextlib.nullcontext():
        train(**given)


@contextlib.contextmanager
def logged(file: Path) -> Iterator[None]:
    """Add what a block prints to a file too."""
    with (
        file.open("a", encoding="utf-8") as log,
        contextlib.redirect_stdout(Both(sys.stdout, log)),
    ):
        yield


def ask(task: dict, asked: dict, aside: Path, device: str, threads: int) -> None:
    """Make the lists and the scores of one way of asking, or what of both the step says."""
    aside.mkdir(exist_ok=True)
    lists, given = Path(asked["lists"]), asked["rank"]
    if task["step"] != "evaluate":
        lists = aside / "lists.parquet"
        with timed("rank"):
            rank_test(
                data=paths(given["data"]),
                weights=weights_of(task),
                settings=given["settings"],
                output=lists,
                top_k=given["top_k"],
                needs=paths(given["needs"]),
                device=device,
                threads=threads,
            )
    if task["step"] == "list":
        return
    judged = asked["evaluate"]
    with timed("evaluate"):
        score(
            lists=lists,
            split=Path(judged["split"]),
            identity=judged["identity"],
            evaluation=judged["evaluation"],
            output=aside / "scores.parquet",
            vectors=judge(task, judged),
            metrics=judged["metrics"],
        )


def weights_of(task: dict) -> Path:
    """Find the weights of a task: just made, or in their place."""
    made = task["step"] == "train"
    folder = ASIDE / task["key"] / "run" if made else Path(task["weights"])
    return folder / "weights.safetensors"


def judge(task: dict, judged: dict) -> Path | None:
    """Find the weights whose item table measures how alike items are; they may be those just made."""
    if "vectors" not in judged:
        return None
    file = Path(judged["vectors"])
    return weights_of(task) if file.parent == Path(task["weights"]) else file


def publish(task: dict) -> None:
    """Put what a task has made into its place; copies, whose time is now, and which a kill leaves to be made again."""
    aside = ASIDE / task["key"]
    if task["step"] == "train":
        copy(aside / "train.log", Path(task["weights"]) / "train.log")
        for file in (aside / "run").iterdir():
            copy(file, Path(task["weights"]) / file.name)
    for number, asked in enumerate(task["asked"]):
        if task["step"] != "evaluate":
            copy(aside / str(number) / "lists.parquet", Path(asked["lists"]))
        if task["step"] != "list":
            copy(aside / str(number) / "scores.parquet", Path(asked["scores"]))


def copy(file: Path, place: Path) -> None:
    """Copy a file, as a whole or not at all."""
    with replacing(place) as draft:
        shutil.copyfile(file, draft)


def paths(folders: dict[str, str]) -> dict[str, Path]:
    """Read the values of a dictionary as paths."""
    return {role: Path(folder) for role, folder in folders.items()}


class Both(io.TextIOBase):
    """A text stream that writes to two, line by line; not a terminal, so that libraries draw no bars for one.

    Args:
        first, second: the streams.
    """

    def __init__(self, first: io.TextIOBase, second: io.TextIOBase):
        self.streams = first, second

    def write(self, text: str) -> int:
        """Write to both."""
        for stream in self.streams:
            stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush both."""
        for stream in self.streams:
            stream.flush()
