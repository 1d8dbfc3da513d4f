"""Texts to hidden states on disk, in the form of `recloop.features.cache`; goes on where a killed job stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from recloop.features.cache import RECORD, SHARD_ROWS, check_hash, read_record, write_record
from recloop.language_models.model import BUDGET, LanguageModel
from recloop.storage.files import replacing, sha256_of


def write_states(
    model: LanguageModel,
    texts: list[str],
    data: str,
    output: Path,
    layer: int = -1,
    budget: int = BUDGET,
    log: Callable[[str], None] = print,
) -> None:
    """Write the hidden state behind each text; `Features.open(output, data)` reads them.

    Args:
        model: frozen; its revision is recorded.
        texts: one per item or session, in their order.
        data: hash of where they come from.
        output: folder for the shards and features.json.
        layer: as of `LanguageModel.hidden`.
        budget: tokens of a batch.
        log: takes a line per shard.

    Raises:
        ValueError: the folder holds states of another model, layer or of other texts, or a damaged shard.
    """
    record = {
        "encoder": {"layer": layer},
        "revision": model.revision,
        "data": data,
        "rows": len(texts),
        "shape": [model.dim],
        "dtype": "float32",
        "precision": model.precision,
        "shard_rows": SHARD_ROWS,
        "shards": [],
    }
    output.mkdir(parents=True, exist_ok=True)
    record = resumed(output, record)
    done, started = sum(shard["rows"] for shard in record["shards"]), time.monotonic()
    for first in range(done, len(texts), record["shard_rows"]):
        part = texts[first : first + record["shard_rows"]]
        states = model.hidden(part, layer, budget).numpy()
        record["shards"].append(write_shard(output, len(record["shards"]), states))
        write_record(output, record)
        rate = (first + len(part) - done) / (time.monotonic() - started)
        log(f"{first + len(part):,} of {len(texts):,} texts, {rate:.0f}/s")
    write_record(output, record)


def resumed(folder: Path, record: dict) -> dict:
    """Take over the whole shards of an earlier job, if it was the same job."""
    if not (folder / RECORD).exists():
        return record
    before = read_record(folder)
    for key in record.keys() - {"shards"}:
        if before.get(key) != record[key]:
            raise ValueError(
                f"{folder}: holds hidden states with {key} {before.get(key)!r}, expected {record[key]!r}; remove the "
                "folder, or write into another one"
            )
    for shard in before["shards"]:
        check_hash(folder, shard)
    return before


def write_shard(folder: Path, number: int, states: np.ndarray) -> dict:
    """Write one file of rows; return what the record says of it.

    Raises:
        ValueError: a state is not finite.
    """
    if not np.isfinite(states).all():
        raise ValueError(
            f"{folder}: hidden states are infinite or no numbers; say precision: float32, or look at the model"
        )
    path = folder / f"{number:05}.npy"
    with replacing(path) as draft:
        table = np.lib.format.open_memmap(draft, mode="w+", dtype="float32", shape=states.shape)
        table[:] = states
        table.flush()
    size = path.stat().st_size
    return {"file": path.name, "rows": len(states), "bytes": size, "sha256": sha256_of(path)}
