"""One run: data and settings to weights, a learning curve and a record; weights to ranks."""

import json
import os
import platform
import resource
import shutil
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import polars as pl
import torch
from torch import Tensor

from recloop.fitting import processor
from recloop.fitting.context import TrainingContext
from recloop.fitting.finite import Diverged, Spoiled
from recloop.fitting.progress import run_facts
from recloop.fitting.team import here
from recloop.storage import checkpoint
from recloop.storage.energy import Meter
from recloop.storage.files import write_json
from recloop.training import loop_of
from recloop.training.given import check_given, lacking


def train(
    data: dict[str, Path],
    settings: dict,
    identity: dict,
    output: Path,
    checkpoint_dir: Path,
    needs: dict[str, Path] | None = None,
    device: str = "cpu",
    threads: int = 1,
) -> None:
    """Train one model with one seed, in this process or with the others of a team, whose first one writes.

    Args:
        data: folders by what they hold: `sessions`, or `dialogues`, `features` and so on.
        settings: `model`, `training`, `dialogue` and `inference`, as resolved from the study.
        identity: study, dataset, source, model, seed and the like, for the record.
        output: folder for weights.safetensors, curve.csv and run.json.
        checkpoint_dir: folder for checkpoints; it outlives a killed job and is removed after a whole one.
        needs: weights of other runs that this one starts from or works with, by role.
        device: cpu or cuda.
        threads: processor threads to use.
    """
    with isolated(threads, device), Clock(checkpoint_dir, device) as clock:
        name = f"{identity['source']} {identity['model']} seed {identity['seed']}"

        def log(line: str) -> None:
            print(f"{name}: {line}", flush=True)
            clock.save()

        context = TrainingContext(identity["seed"], checkpoint_dir, device, log, name)
        weights, found = attempt(data, settings, needs or {}, context)
        record = identity | found | {"settings": settings, "parameters": count(weights)}
        record |= costs(clock, device) | {"split": split_hash(data)}
        if here().leads:
            write(output, weights, record)
    if here().leads:
        shutil.rmtree(checkpoint_dir, ignore_errors=True)


def attempt(
    data: dict[str, Path], settings: dict, needs: dict[str, Path], context: TrainingContext
) -> tuple[dict[str, Tensor], dict]:
    """Train, or say why there are no weights: the training diverged, or weights that it needs are not there.

    Raises:
        ValueError: NaN in what the run was given.
    """
    if why := lacking(needs):
        context.log(f"is not run: {why}")
        return {}, run_facts() | {"not_run": why}
    loop = loop_of(settings)
    try:
        return loop.train(
            **loop.prepare(data, settings, needs, context.device),
            training=settings["training"],
            context=context,
        )
    except Spoiled:
        raise
    except Diverged as error:
        check_given(data, needs)
        context.log(str(error))
        return {}, run_facts() | {
            "not_run": f"diverged: {str(error).removeprefix(f'{context.name}, ')}"
        }


def write(output: Path, weights: dict[str, Tensor], record: dict) -> None:
    """Write weights, learning curve and record of a run.

    Raises:
        ValueError: a run without weights that does not say why it was not run.
    """
    if not (weights or record["not_run"]):
        raise ValueError(
            f"the loop of {record['model']} gave no weights and no reason in `not_run`"
        )
    output.mkdir(parents=True, exist_ok=True)
    curve_of(record.pop("curve")).write_csv(output / "curve.csv")
    facts = {name: record[name] for name in ("split", "settings", "not_run")}
    checkpoint.save(output / "weights.safetensors", weights, facts)
    write_json(output / "run.json", record)


CURVE = {
    "update": pl.Int64,
    "epoch": pl.Float64,
    "loss": pl.Float64,
    "valid_ndcg10": pl.Float64,
    "seconds": pl.Float64,
}


def curve_of(rows: list[dict]) -> pl.DataFrame:
    """Put validations into a table; where another metric than NDCG@10 chooses, it has the column of that metric."""
    other = [name for name in (rows[0] if rows else {}) if name not in CURVE]
    schema = {
        (other[0] if other else name) if name == "valid_ndcg10" else name: dtype
        for name, dtype in CURVE.items()
    }
    return pl.DataFrame(rows, schema=schema)


def rank_test(
    data: dict[str, Path],
    weights: Path,
    settings: dict,
    output: Path,
    top_k: int | None = None,
    needs: dict[str, Path] | None = None,
    device: str = "cpu",
    threads: int = 1,
) -> None:
    """Rank the candidates of every test event, a place in a session or a turn of a dialogue; keep ranks and lists.

    Args:
        data: folders, as for `train`.
        weights: what `train` wrote.
        settings: as for `train`, perhaps with another `inference`.
        output: parquet file, one row per test event; no rows for a model that was not run.
        top_k: length of the lists; a dialogue shows as many items as its settings say.
        needs, device, threads: as for `train`.

    Raises:
        ValueError: the weights belong to another split.
        Diverged: a score is NaN or infinite.
    """
    tensors, made = checkpoint.load(weights)
    if made["split"] != split_hash(data):
        raise ValueError(
            f"{weights} was trained on split {made['split']}, the data are {split_hash(data)}: "
            "remove the weights and run again"
        )
    given = {} if top_k is None else {"top_k": top_k}
    if made.get("not_run"):
        return write_nothing(output)
    with isolated(threads, device):
        try:
            loop = loop_of(settings)
            loop.rank(data, tensors, settings, needs or {}, output, device=device, **given)
        except Diverged as error:
            raise Diverged(f"{weights}: {error}") from None


def write_nothing(output: Path) -> None:
    """Write the lists of a run that was not run: no rows."""
    output.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(schema={"session": pl.Int64, "position": pl.Int32}).write_parquet(output)


FRESH_SEED = 67280421310721  # of torch's generators in a new process


@contextmanager
def isolated(threads: int, device: str) -> Iterator[None]:
    """Run a block as if it were alone in a new process, and leave nothing of it to what comes after.

    Args:
        threads: processor threads to use.
        device: cpu or cuda.
    """
    before = torch.get_num_threads()
    gpus = [torch.cuda.current_device()] if device == "cuda" else []
    with warnings.catch_warnings(), torch.random.fork_rng(gpus):
        processor.use(threads)
        torch.manual_seed(FRESH_SEED)
        forget_peaks(device)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def forget_peaks(device: str) -> None:
    """Measure the most memory from here on, where the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # Linux: the peak is now what is in use
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()


class Clock:
    """Wall and processor time of a run, and its energy where counted, over all processes that have worked on it.

    What a killed process spent since its last line of progress is lost.

    Args:
        folder: of the run's checkpoints; the clock's file lies there.
        device: cpu or cuda.
    """

    def __init__(self, folder: Path, device: str = "cpu"):
        self.path = folder / "clock.json"
        self.meter = Meter(
            str(torch.cuda.get_device_properties().uuid) if device == "cuda" else None
        )

    def __enter__(self) -> "Clock":
        self.before = json.loads(self.path.read_text()) if self.path.exists() else {}
        self.started = time.monotonic(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.save()

    def read(self) -> dict[str, float]:
        """Add what this process spent to what those before it did."""
        spent = {
            "seconds": time.monotonic() - self.started[0],
            "cpu_seconds": time.process_time() - self.started[1],
            **{f"{part}_joules": joules for part, joules in self.meter.read().items()},
        }
        return self.before | {
            name: self.before.get(name, 0.0) + took for name, took in spent.items()
        }

    def save(self) -> None:
        """Write down what was spent so far."""
        if here().leads:
            write_json(self.path, self.read())


SPLITS = ("sessions", "dialogues", "pairs", "readings")  # roles of folders with a split.json


def split_hash(data: dict[str, Path]) -> str:
    """Read which split a run works on."""
    folder = next(data[role] for role in SPLITS if role in data)
    return json.loads((folder / "split.json").read_text())["hash"]


def count(weights: dict[str, Tensor]) -> int:
    """Count the numbers in the weights, frozen ones included."""
    return sum(tensor.numel() for tensor in weights.values())


def costs(clock: Clock, device: str) -> dict:
    """List what the run took: time, energy, memory, and on what; of several processes, what the first took."""
    gpu = torch.cuda.max_memory_allocated() / 2**20 if device == "cuda" else None
    return clock.read() | {
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "peak_gpu_memory_mb": gpu,
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "host": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "torch": torch.__version__,
        "processes": here().size,
    }
