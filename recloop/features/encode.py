"""Rule `encode`: the pictures of a catalogue to a cache of features; goes on where a killed job stopped."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from torch import Tensor

from recloop.data.pictures import Pictures
from recloop.features import open_encoder
from recloop.features.cache import (
    DTYPES,
    RECORD,
    SHARD_ROWS,
    described,
    read_record,
    resumed,
    write_record,
)
from recloop.features.encoder import Encoder
from recloop.features.loading import Loader
from recloop.fitting import processor
from recloop.storage.files import replacing


def encode(
    catalogue: Path,
    settings: dict,
    output: Path,
    encoder: Path | None = None,
    device: str = "cpu",
    workers: int = 0,
    batch_size: int = 256,
    threads: int | None = None,
    checkpoint_dir: Path | None = None,
    log: Callable[[str], None] = print,
) -> None:
    """Encode every picture of a catalogue.

    Args:
        catalogue: folder that `build_catalogue` wrote.
        settings: `class` and keywords of the encoder; `dtype` of the cache, float16 unless said otherwise.
        output: folder for the shards and features.json.
        encoder: folder of a saved encoder; None takes the published one that the settings name.
        device: cpu or cuda.
        workers: threads that decode pictures ahead.
        batch_size: pictures per pass.
        threads: of the processor, for the network; None leaves torch's choice.
        checkpoint_dir: folder where the work is kept until it is whole, for rules whose outputs a kill removes.
        log: takes a line of progress.

    Raises:
        ValueError: the folder holds features of another encoder or catalogue, or a damaged shard.
    """
    processor.use(threads)
    pictures = Pictures.open(catalogue)
    network = open_encoder(settings, encoder, device)
    record = describe(network, settings, catalogue_hash(catalogue), len(pictures))
    work = checkpoint_dir or output
    Writer(work, record, network, pictures, workers, batch_size, log).run()
    if checkpoint_dir:
        move(checkpoint_dir, output)


def describe(network: Encoder, settings: dict, data: str, rows: int) -> dict:
    """Describe the rows to come; two caches may be mixed only if all of this agrees."""
    dtype = settings.get("dtype", "float16")
    if dtype not in DTYPES:
        raise ValueError(f"dtype: expected one of {', '.join(DTYPES)}, got {dtype!r}")
    return {
        "encoder": settings,
        "revision": network.revision,
        "data": data,
        "rows": rows,
        "shape": list(network.shape),
        "dtype": dtype,
        "precision": network.precision,
        "shard_rows": SHARD_ROWS,
        "shards": [],
    }


class Writer:
    """Writes one shard after another; a shard is in the record when it is whole on disk.

    Args:
        folder: where to.
        record: from `describe`.
        network: the encoder.
        pictures: the catalogue's.
        workers, batch_size, log: as for `encode`.
    """

    def __init__(
        self,
        folder: Path,
        record: dict,
        network: Encoder,
        pictures: Pictures,
        workers: int,
        batch_size: int,
        log: Callable[[str], None],
    ):
        self.folder, self.network, self.log = folder, network, log
        self.batch_size = batch_size
        folder.mkdir(parents=True, exist_ok=True)
        self.record = resumed(folder, record)
        pinned = network.device.type == "cuda"
        self.loader = Loader(pictures, network.prepare, workers, pinned)

    def run(self) -> None:
        """Write what is missing."""
        done, rows = sum(shard["rows"] for shard in self.record["shards"]), self.record["rows"]
        if done:
            self.log(f"goes on after {done:,} of {rows:,} pictures")
        first, started = done, time.monotonic()
        # One stream of batches over all shards, so that decoding never waits for a shard to end.
        stream = self.loader.batches(self.parts(done))
        while done < rows:
            done += self.write_shard(stream, min(self.record["shard_rows"], rows - done))
            rate = (done - first) / (time.monotonic() - started)
            self.log(
                f"{done:,} of {rows:,} pictures, {rate:.0f}/s, {(rows - done) / rate:.0f} s left"
            )
        write_record(self.folder, self.record)

    def parts(self, done: int) -> list[np.ndarray]:
        """Cut the items that are left into batches, none of which lies in two shards."""
        rows, size = self.record["rows"], self.record["shard_rows"]
        shards = [np.arange(start, min(start + size, rows)) for start in range(done, rows, size)]
        starts = range(0, size, self.batch_size)
        parts = [shard[start : start + self.batch_size] for shard in shards for start in starts]
        return [part for part in parts if len(part)]

    def write_shard(self, stream: Iterator[Tensor], rows: int) -> int:
        """Fill one shard and record it."""
        name = f"{len(self.record['shards']):05}.npy"
        with replacing(self.folder / name) as draft:
            self.fill(draft, stream, rows)
        self.record["shards"].append(described(self.folder / name, rows))
        write_record(self.folder, self.record)
        return rows

    def fill(self, path: Path, stream: Iterator[Tensor], rows: int) -> None:
        """Write the next features into one array file."""
        shape = (rows, *self.network.shape)
        table = np.lib.format.open_memmap(path, mode="w+", dtype=self.record["dtype"], shape=shape)
        done = 0
        while done < rows:
            found = self.network.encode(next(stream)).cpu().numpy()
            with np.errstate(over="ignore"):
                table[done : done + len(found)] = found
            self.check_finite(table[done : done + len(found)])
            done += len(found)
        table.flush()

    def check_finite(self, rows: np.ndarray) -> None:
        """Stop at features that the type of the cache cannot hold."""
        if not np.isfinite(rows).all():
            raise ValueError(
                f"features that are infinite or no numbers as {rows.dtype}; say dtype: float32, or look at the encoder"
            )


def catalogue_hash(catalogue: Path) -> str:
    return json.loads((catalogue / "catalogue.json").read_text())["hash"]


def move(checkpoint_dir: Path, output: Path) -> None:
    """Bring a whole cache to its place; the record comes last."""
    output.mkdir(parents=True, exist_ok=True)
    shards = [shard["file"] for shard in read_record(checkpoint_dir)["shards"]]
    for name in [*shards, RECORD]:
        shutil.move(checkpoint_dir / name, output / name)
    shutil.rmtree(checkpoint_dir)
