"""Content recommenders beside what they cannot do without: the bare passes through their networks, and bytes read.

    python benchmarks/content.py                                     # small shapes, one core
    python benchmarks/content.py --words bert-base --pictures vit-base --image 224 --device cuda --batch 64

First an update of full fine-tuning: items a second, each distinct item encoded once, beside a bare forward and
backward pass of both networks over the same distinct items, and with every item of the batch encoded. Then with
activations computed again (`checkpointing`). Then the cache: rows of `--items` items of 7 levels of 768 numbers in
float16, asked for in the order of batches, from the page cache. Processor time on a processor, where only one thread
works.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from efficiency import batch_of, build, items_of, live, read_from

from recloop.data.batches import Batch
from recloop.features.cache import Features, described, write_record
from recloop.fitting import processor
from recloop.storage.files import replacing

LEVELS, DIM = 7, 768
TARGETS = {"share": 0.7, "gigabytes": 1.0}


def seconds(step: Callable[[], object], device: str, times: int) -> float:
    """Time a step, the least of some tries after a first one."""
    now = time.process_time if device == "cpu" else time.perf_counter
    found = []
    for _ in range(times + 1):
        started = now()
        step()
        if device == "cuda":
            torch.cuda.synchronize()
        found.append(now() - started)
    return min(found[1:])


def drawn(given: argparse.Namespace) -> Batch:
    """Draw the batch, some items of which occur several times."""
    return batch_of(given.batch, items_of(given), 1, again=True)


def update(given: argparse.Namespace, deduplicated: bool = True) -> Callable[[], object]:
    """Make an update of full fine-tuning, without its optimiser: forward and backward."""
    with tempfile.TemporaryDirectory() as folder:
        sources = read_from("fft", given, Path(folder))
        model = build("fft", sources, items_of(given)).to(given.device).train()
    model.deduplicated = deduplicated
    batch = drawn(given).take(torch.arange(given.batch), given.device)

    def step() -> None:
        model.zero_grad()
        model.loss(batch).backward()

    return step


def bare(given: argparse.Namespace) -> Callable[[], object]:
    """Make a forward and a backward pass of both networks over the distinct items of the batch."""
    batch = drawn(given)
    items = torch.unique(torch.cat([batch.session[:, :1], batch.following], 1))
    passes = []
    for reads in ("words", "pictures"):
        tower = live(given, reads).tower()
        tower.network.requires_grad_(True).train().to(given.device)
        passes.append((tower.network, tower.source.take(items, given.device)))

    def step() -> None:
        for network, inputs in passes:
            network.zero_grad()
            network.run(inputs).last_hidden_state[:, 0].sum().backward()

    return step


def reading(items: int, rows: int) -> tuple[float, float]:
    """Read a cache batch by batch; return GB a second of `rows`, and of a bare copy of as many bytes."""
    with tempfile.TemporaryDirectory() as folder:
        place, shape = Path(folder), (items, LEVELS, DIM)
        with replacing(place / "00000.npy") as draft:
            table = np.lib.format.open_memmap(draft, mode="w+", dtype=np.float16, shape=shape)
            table[:] = 1
            table.flush()
        about = {"data": "ones", "rows": items, "shape": [LEVELS, DIM], "dtype": "float16"}
        write_record(place, about | {"shards": [described(place / "00000.npy", items)]})
        features = Features.open(place)
        batches = np.random.default_rng(1).integers(0, items, (20, rows))
        size = 2 * LEVELS * DIM * batches.size / 1e9
        asked = seconds(lambda: [features.rows(batch) for batch in batches], "cpu", 3)
        block = np.ones((rows, LEVELS, DIM), np.float16)
        copied = seconds(lambda: [block.copy() for _ in batches], "cpu", 3)
    return size / asked, size / copied


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--words", default="bert-mini")
    parser.add_argument("--pictures", default="vit-tiny")
    parser.add_argument("--image", type=int, default=64, help="pixels of an edge")
    parser.add_argument("--batch", type=int, default=16, help="sessions of 11 items")
    parser.add_argument("--items", type=int, default=20000, help="of the cache")
    parser.add_argument("--rows", type=int, default=500, help="distinct items of a batch")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    given.checkpointing = False
    processor.use(1)
    distinct = len(torch.unique(drawn(given).following))
    whole, alone = (seconds(one, given.device, given.times) for one in (update(given), bare(given)))
    twice = seconds(update(given, False), given.device, given.times)
    given.checkpointing = True
    again = seconds(update(given), given.device, given.times)
    places = given.batch * 11
    print(f"{places} places, about {distinct} distinct items of {items_of(given)}")
    print(f"update {whole:.3f} s, {places / whole:.0f} items/s; bare passes {alone:.3f} s")
    print(f"share of the bare passes {alone / whole:.2f}, expected {TARGETS['share']} or more")
    print(
        f"every place encoded {twice / whole:.2f} times as long; checkpointed {again / whole:.2f}"
    )
    asked, copied = reading(given.items, given.rows)
    print(
        f"cache {asked:.2f} GB/s, expected {TARGETS['gigabytes']} or more; a bare copy {copied:.2f} GB/s"
    )


if __name__ == "__main__":
    main()
