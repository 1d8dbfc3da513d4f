"""One run: sessions and settings to weights, a learning curve and a record; weights to ranks."""

import json
import os
import platform
import resource
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from pkgutil import resolve_name

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from recloop.data.batches import Events, Sessions
from recloop.evaluation.ranker import rank
from recloop.models import build
from recloop.training import checkpoint


def train(
    sessions: Path,
    settings: dict,
    identity: dict,
    into: Path,
    side: Path,
    vectors: Path | None = None,
    device: str = "cpu",
    threads: int = 1,
) -> None:
    """Train one model with one seed.

    Args:
        sessions: folder of a split.
        settings: `model`, `training` and `inference`, as resolved from the study.
        identity: study, dataset, source, model, seed and the like, for the record.
        into: folder for weights.safetensors, curve.csv and run.json.
        side: folder for checkpoints; it outlives a killed job and is removed after a whole one.
        vectors: weights of the run whose item table this one works with.
        device: cpu or cuda.
        threads: processor threads to use.
    """
    torch.set_num_threads(threads)
    clocks = time.monotonic(), time.process_time()
    label = f"{identity['source']} {identity['model']} seed {identity['seed']}"
    facts = data_facts(sessions, settings, vectors)
    loop = resolve_name(f"recloop.training.{settings['training']['loop']}")
    weights, found = loop.train(
        maker(settings, facts),
        {part: Sessions.read(sessions / f"{part}.parquet") for part in ("train", "valid")},
        facts["items"],
        settings["training"],
        identity["seed"],
        side,
        device=device,
        tell=lambda line: print(f"{label}: {line}", flush=True),
    )
    into.mkdir(parents=True, exist_ok=True)
    curve = found.pop("curve")
    pl.DataFrame(curve, schema=CURVE).write_csv(into / "curve.csv")
    record = (
        identity
        | found
        | {"settings": settings, "parameters": count(weights)}
        | costs(clocks, device)
    )
    record["split"] = split_hash(sessions)
    checkpoint.save(
        into / "weights.safetensors", weights, {"split": record["split"], "settings": settings}
    )
    (into / "run.json").write_text(json.dumps(record, indent=1))
    shutil.rmtree(side, ignore_errors=True)


CURVE = {
    "update": pl.Int64,
    "epoch": pl.Float64,
    "loss": pl.Float64,
    "valid_ndcg10": pl.Float64,
    "seconds": pl.Float64,
}


def rank_test(
    sessions: Path,
    weights: Path,
    settings: dict,
    into: Path,
    top_k: int,
    vectors: Path | None = None,
    device: str = "cpu",
    threads: int = 1,
) -> None:
    """Rank the whole catalogue for every test event and keep ranks and lists.

    Args:
        sessions: folder of a split.
        weights: what `train` wrote.
        settings: as for `train`, perhaps with another `inference`.
        into: parquet file, one row per test event; no rows for a model that was not run.
        top_k: length of the lists.
        vectors, device, threads: as for `train`.

    Raises:
        ValueError: the weights belong to another split.
    """
    torch.set_num_threads(threads)
    tensors, made = checkpoint.load(weights)
    if made["split"] != split_hash(sessions):
        raise ValueError(
            f"{weights} was trained on split {made['split']}, {sessions} is {split_hash(sessions)}: "
            "remove the weights and run again"
        )
    facts = data_facts(sessions, settings, vectors)
    length = settings["training"]["length"]
    events = Events.of(Sessions.read(sessions / "test.parquet"), length, facts["items"])
    if not tensors:
        return write_lists(
            into, events, *(np.empty(shape, np.int32) for shape in (0, 0, (0, top_k)))
        )
    model = maker(settings, facts)()
    model.load_state_dict(tensors)
    found = rank(model.to(device), events, top_k, device)
    return write_lists(into, events, found.better, found.tied, found.top)


def write_lists(
    into: Path, events: Events, better: np.ndarray, tied: np.ndarray, top: np.ndarray
) -> None:
    """Write one row per event, or an empty table with the same columns."""
    rows = slice(0, len(better))
    into.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(
        {
            "session": pl.Series(events.session[rows], dtype=pl.Int64),
            "position": pl.Series(events.position[rows], dtype=pl.Int32),
            "target": pl.Series(events.target[rows], dtype=pl.Int32),
            "better": pl.Series(better, dtype=pl.Int32),
            "tied": pl.Series(tied, dtype=pl.Int32),
            "top": pl.Series(top, dtype=pl.Array(pl.Int32, top.shape[1])),
        }
    ).write_parquet(into)


def maker(settings: dict, facts: dict) -> Callable[[], nn.Module]:
    """Give a function that makes the model; what it is asked with belongs to its keywords."""
    return lambda: build(settings["model"] | settings["inference"], **facts)


def data_facts(sessions: Path, settings: dict, vectors: Path | None) -> dict:
    """Collect what a model may need to know of the data."""
    counts = pl.read_parquet(sessions / "items.parquet", columns=["count"])["count"]
    facts = {
        "items": len(counts),
        "item_counts": torch.from_numpy(counts.to_numpy().copy()),
        "length": settings["training"]["length"],
    }
    return facts | ({"item_vectors": item_table(vectors)} if vectors else {})


def item_table(weights: Path) -> Tensor:
    """Read the item embeddings of a trained backbone, without the row for padding."""
    return checkpoint.load(weights)[0]["backbone.embedding.weight"][:-1]


def split_hash(sessions: Path) -> str:
    return json.loads((sessions / "split.json").read_text())["hash"]


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
