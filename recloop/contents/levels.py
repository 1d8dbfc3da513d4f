"""Rule `write_levels`: what a frozen network makes of each item, level by level, in memory-mapped shards.

The form is that of `recloop.features.cache`: one row per item, here of shape (level, dim), zeros where an item lacks
what the network reads. A level that nobody asks for is not written. Goes on where a killed job stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from recloop.contents.items import Contents, Pixels, Texts
from recloop.contents.networks import Network, Words
from recloop.contents.opening import open_network
from recloop.features.cache import SHARD_ROWS, described, resumed, write_record
from recloop.features.encode import move
from recloop.fitting import processor
from recloop.storage.files import replacing

SHARD_BYTES = 1 << 28
BATCH = 64


def write_levels(
    contents: Path,
    settings: dict,
    output: Path,
    checkpoint_dir: Path,
    network: Path | None = None,
    device: str = "cpu",
    threads: int = 1,
    log: Callable[[str], None] = print,
) -> None:
    """Write the hidden levels of every item.

    Args:
        contents: folder of `make_contents`.
        settings: what `open_network` takes, and perhaps `levels`, those that are kept (all, unless given), and
            `dtype`, float16 or float32.
        output: folder for the shards and features.json.
        checkpoint_dir: folder where the work is kept until it is whole.
        network: folder of a network of ours; None takes the published one.
        device: cpu or cuda.
        threads: of the processor.
        log: takes a line of progress.

    Raises:
        ValueError: the folder holds levels of another network or of other items, or a damaged shard; a state that
            the type of the cache cannot hold.
    """
    processor.use(threads)
    items = Contents(contents)
    reader = open_network(settings, network, device)
    kept = settings.get("levels") or list(range(reader.levels))
    reader.check_levels(kept)
    record = record_of(items, reader, kept, settings)
    checkpoint_dir.mkdir(parents=True, exist_ok=True)
    record = resumed(checkpoint_dir, record)
    source = read_by(reader, items, threads)
    done, started = sum(shard["rows"] for shard in record["shards"]), time.monotonic()
    for first in range(done, len(items), record["shard_rows"]):
        part = torch.arange(first, min(first + record["shard_rows"], len(items)))
        rows = levels_of(reader, source, part, kept).to(getattr(torch, record["dtype"])).numpy()
        record["shards"].append(shard(checkpoint_dir, len(record["shards"]), rows))
        write_record(checkpoint_dir, record)
        last = first + len(part)
        log(
            f"{last:,} of {len(items):,} items, {(last - done) / (time.monotonic() - started):.0f}/s"
        )
    write_record(checkpoint_dir, record)
    move(checkpoint_dir, output)


def record_of(items: Contents, reader: Network, kept: Sequence[int], settings: Mapping) -> dict:
    """Describe the rows to come; two caches may be mixed only if all of this agrees."""
    dtype = settings.get("dtype", "float16")
    width = reader.widths[kept[0]]
    row_bytes = len(kept) * width * np.dtype(dtype).itemsize
    return {
        "encoder": {"levels": list(kept), "reads": reader.reads, "pooling": reader.pooling},
        "revision": reader.revision,
        "data": items.hash,
        "rows": len(items),
        "shape": [len(kept), width],
        "dtype": dtype,
        "precision": settings.get("precision", "float32"),
        "shard_rows": max(1, min(SHARD_BYTES // row_bytes, SHARD_ROWS)),
        "shards": [],
    }


def read_by(reader: Network, items: Contents, threads: int = 1) -> Texts | Pixels:
    """Prepare titles or pictures as a network reads them."""
    if isinstance(reader, Words):
        return Texts(items, reader.tokenizer, reader.length)
    return Pixels(items, reader.prepare, threads)


@torch.no_grad()
def levels_of(
    reader: Network,
    source: Texts | Pixels,
    items: Int[Tensor, " item"],
    kept: Sequence[int],
    batch: int = BATCH,
) -> Float[Tensor, "item level dim"]:
    """Read some items, like lengths together; zeros where an item has nothing to read."""
    found = torch.zeros(len(items), len(kept), reader.widths[kept[0]])
    places = torch.nonzero(source.has[items]).flatten()
    if isinstance(source, Texts):
        places = places[source.sizes[items[places]].argsort(stable=True)]
    for part in places.split(batch):
        given = source.take(items[part], reader.device)
        found[part] = reader(given, kept).float().cpu()
    return found


def shard(folder: Path, number: int, rows: np.ndarray) -> dict:
    """Write one file of rows; return what the record says of it.

    Raises:
        ValueError: a state is not finite in the type of the cache.
    """
    if not np.isfinite(rows).all():
        raise ValueError(
            f"{folder}: states are infinite or no numbers as {rows.dtype}; say dtype: float32, or look at the network"
        )
    path = folder / f"{number:05}.npy"
    with replacing(path) as draft:
        table = np.lib.format.open_memmap(draft, mode="w+", dtype=rows.dtype, shape=rows.shape)
        table[:] = rows
        table.flush()
    return described(path, len(rows))
