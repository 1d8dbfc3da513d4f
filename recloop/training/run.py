"""One run: data and settings to weights, a learning curve and a record; weights to ranks."""

import json
import os
import platform
import resource
import shutil
import time
from pathlib import Path
from pkgutil import resolve_name
from types import ModuleType

import polars as pl
import torch
from torch import Tensor

from recloop.storage import checkpoint


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
    """Train one model with one seed.

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
    torch.set_num_threads(threads)
    clocks = time.monotonic(), time.process_time()
    label = f"{identity['source']} {identity['model']} seed {identity['seed']}"
    loop = loop_of(settings)
    weights, found = loop.train(
        **loop.prepare(data, settings, needs or {}, device),
        training=settings["training"],
        seed=identity["seed"],
        checkpoint_dir=checkpoint_dir,
        device=device,
        log=lambda line: print(f"{label}: {line}", flush=True),
    )
    output.mkdir(parents=True, exist_ok=True)
    curve = found.pop("curve")
    pl.DataFrame(curve, schema=CURVE).write_csv(output / "curve.csv")
    record = (
        identity
        | found
        | {"settings": settings, "parameters": count(weights)}
        | costs(clocks, device)
    )
    record["split"] = split_hash(data)
    checkpoint.save(
        output / "weights.safetensors", weights, {"split": record["split"], "settings": settings}
    )
    (output / "run.json").write_text(json.dumps(record, indent=1))
    shutil.rmtree(checkpoint_dir, ignore_errors=True)


CURVE = {
    "update": pl.Int64,
    "epoch": pl.Float64,
    "loss": pl.Float64,
    "valid_ndcg10": pl.Float64,
    "seconds": pl.Float64,
}


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
    """
    torch.set_num_threads(threads)
    tensors, made = checkpoint.load(weights)
    if made["split"] != split_hash(data):
        raise ValueError(
            f"{weights} was trained on split {made['split']}, the data are {split_hash(data)}: "
            "remove the weights and run again"
        )
    length = {} if top_k is None else {"top_k": top_k}
    loop_of(settings).rank(data, tensors, settings, needs or {}, output, device=device, **length)


def loop_of(settings: dict) -> ModuleType:
    """Find the module with `prepare`, `train` and `rank`."""
    return resolve_name(f"recloop.training.{settings['training']['loop']}")


def split_hash(data: dict[str, Path]) -> str:
    """Read which split a run works on."""
    folder = data.get("sessions") or data["dialogues"]
    return json.loads((folder / "split.json").read_text())["hash"]


def count(weights: dict[str, Tensor]) -> int:
    """Count the numbers in the weights, frozen ones included."""
    return sum(tensor.numel() for tensor in weights.values())


def costs(clocks: tuple[float, float], device: str) -> dict:
    """Say what the run took: time, processor time, memory, and on what."""
    started, used = clocks
    gpu = torch.cuda.max_memory_allocated() / 2**20 if device == "cuda" else None
    return {
        "seconds": time.monotonic() - started,
        "cpu_seconds": time.process_time() - used,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "peak_gpu_memory_mb": gpu,
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "host": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "torch": torch.__version__,
    }
