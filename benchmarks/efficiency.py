"""What an epoch of IISAN, of full and of parameter-efficient tuning takes at the shapes of BERT-base and ViT-B/16.

    python benchmarks/efficiency.py                                    # 2 sessions a batch, one core, minutes
    python benchmarks/efficiency.py --device cuda --batch 32 --updates 10 --bfloat16
    python benchmarks/efficiency.py --words bert-mini --pictures vit-tiny --image 64 --batch 16

Weights are random: what an update takes does not depend on them. Every method has a process of its own, the same
items, sessions and batches; an epoch is as many updates as `--users` make batches. Seconds are wall time on a GPU and
processor time on a processor, where other jobs may run beside it; wall time stands beside them. Memory is what PyTorch
allocated on a GPU, and resident memory beyond what was there before the model, after its data, on a processor. TPME is
over the methods of the table. The last columns are shares of FFT's where it is among them, beside those of the abstract
(47 GB and 443 s). No item is drawn twice for a batch, so that the networks read all of its items, as released code does
whatever is drawn.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import nn

from recloop.contents.networks import Network, Pictures, Words
from recloop.contents.shapes import configured, drawn
from recloop.contents.towers import CachedTower, LiveTower, Source
from recloop.data.batches import Batch
from recloop.evaluation.costs import tpme
from recloop.features.cache import Features, described, write_record
from recloop.features.preparation import Preparation
from recloop.fitting import processor
from recloop.models.content.iisan import IISAN
from recloop.models.content.recommender import ContentRecommender
from recloop.models.content.tuned import Tuned
from recloop.models.content.versa import Versa
from recloop.storage.files import replacing
from recloop.training.contents import groups_of
from recloop.training.costs import Costs

METHODS = ("fft", "adapter", "lora", "bitfit", "iisan_live", "iisan")
LABELS = {
    "fft": "FFT",
    "adapter": "Adapter (Houlsby)",
    "lora": "LoRA",
    "bitfit": "BitFit",
    "iisan_live": "IISAN, uncached",
    "iisan": "IISAN, cached",
}
PRINTED = {"fft": (1.0, 1.0), "adapter": (0.82, 0.82), "lora": (0.82, 0.82), "iisan": (0.064, 0.05)}
WAYS = {
    "fft": ("full", 0),
    "adapter": ("houlsby", 64),
    "lora": ("lora", 8),
    "bitfit": ("bitfit", 0),
}
TOKENS, LENGTH, FEWEST = 30, 10, 400
USERS = 12076  # of Amazon Scientific
STEADY = 2.0  # seconds of updates that are timed at least: those of a side network are too short to time one alone


def items_of(given: argparse.Namespace) -> int:
    """Count the items of the catalogue: enough for a batch without one that occurs twice."""
    return max(FEWEST, given.batch * (LENGTH + 1))


class Drawn:
    """Random titles or pictures in memory.

    Args:
        values: of each item, token numbers or pixels.
        words: whether these are titles.
    """

    def __init__(self, values: torch.Tensor, words: bool):
        self.values, self.reads = values, "words" if words else "pictures"
        self.has = torch.ones(len(values), dtype=torch.bool)

    def take(self, items: torch.Tensor, device: torch.device | str) -> dict[str, torch.Tensor]:
        """Return what a network reads of some items."""
        found = self.values[items].to(device)
        if self.reads == "pictures":
            return {"pixels": found}
        return {"input_ids": found.long(), "attention_mask": torch.ones_like(found).long()}


def network_of(given: argparse.Namespace, reads: str) -> Network:
    """Make a network of a published shape with random weights, frozen."""
    shape = getattr(given, reads)
    config = configured(shape, 30522, given.image, 16)
    if reads == "words":
        config.max_position_embeddings = max(getattr(config, "max_position_embeddings", 0), TOKENS)
        return Words(drawn(config, 1), None, "random").freeze()
    return Pictures(drawn(config, 1), Preparation(given.image, None), "random").freeze()


def live(given: argparse.Namespace, reads: str) -> Source:
    """Make a source whose network reads in every batch; the network is made with the tower."""
    random, items = torch.Generator().manual_seed(2), items_of(given)
    shape = (items, TOKENS) if reads == "words" else (items, 3, given.image, given.image)
    most, kind = (30000, torch.int32) if reads == "words" else (255, torch.uint8)
    values = Drawn(torch.randint(1, most, shape, generator=random, dtype=kind), reads == "words")
    config = configured(getattr(given, reads), 30522, given.image, 16)

    def make(kept: list[int]) -> LiveTower:
        network = network_of(given, reads)
        if given.checkpointing:
            network.checkpoint_gradients()
        return LiveTower(network, values, kept, torch.arange(items))

    levels = config.num_hidden_layers + 1
    return Source(config.hidden_size, levels, values.has, make, None, reads, live=True)


def cached(given: argparse.Namespace, reads: str, folder: Path) -> Source:
    """Make a source from a cache of all levels in float16."""
    config, items = configured(getattr(given, reads), 30522, given.image, 16), items_of(given)
    shape = (items, config.num_hidden_layers + 1, config.hidden_size)
    folder.mkdir()
    rows = np.random.default_rng(3).standard_normal(shape, np.float32).astype(np.float16)
    with replacing(folder / "00000.npy") as draft:
        table = np.lib.format.open_memmap(draft, mode="w+", dtype=rows.dtype, shape=rows.shape)
        table[:] = rows
        table.flush()
    about = {"data": "drawn", "rows": items, "shape": list(shape[1:]), "dtype": "float16"}
    write_record(folder, about | {"shards": [described(folder / "00000.npy", items)]})
    features, has = Features.open(folder), torch.ones(items, dtype=torch.bool)

    def make(kept: list[int]) -> CachedTower:
        return CachedTower(features, kept, has, kept, torch.arange(items))

    return Source(shape[2], shape[1], has, make, None, reads, live=False)


def batch_of(sessions: int, items: int, seed: int, again: bool = False) -> Batch:
    """Draw whole sessions, no item twice unless they may come `again`."""
    random, places = torch.Generator().manual_seed(seed), sessions * (LENGTH + 1)
    found = torch.randperm(items, generator=random)[:places]
    if again:
        found = torch.randint(items, (places,), generator=random)
    return Batch.whole(found.view(sessions, LENGTH + 1))


def read_from(method: str, given: argparse.Namespace, folder: Path) -> dict[str, Source]:
    """Make the data of a method: titles and pictures, or a cache of what networks made of them."""
    return {
        reads: cached(given, reads, folder / reads) if method == "iisan" else live(given, reads)
        for reads in ("words", "pictures")
    }


def build(method: str, sources: dict[str, Source], items: int) -> nn.Module:
    """Make a model with a method's item encoder."""
    more = {"missing": "zeros"} | sources
    if method.startswith("iisan"):
        words, pictures = sources.values()
        alike = (words.dim, words.levels) == (pictures.dim, pictures.levels)
        encoder = partial(IISAN if alike else Versa, **more)
    else:
        way, size = WAYS[method]
        encoder = partial(Tuned, **more, tuning=way, size=size)
    counts = torch.ones(items, dtype=torch.long)
    return ContentRecommender(encoder, items, counts, LENGTH)


def measure(method: str, given: argparse.Namespace) -> dict[str, float]:
    """Train a few updates; return seconds of an update, MiB and numbers that learn."""
    processor.use(given.threads)
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as folder:
        warm_up(given.device)
        sources = read_from(method, given, Path(folder))
        costs, worked = Costs(given.device), []
        clock = time.process_time
        items = items_of(given)
        model = build(method, sources, items).to(given.device).train()
        groups = [{"params": part} for part in groups_of(model).values()]
        optimiser = torch.optim.Adam(groups, lr=1e-4, fused=True)
        while len(worked) <= given.updates or sum(worked[1:]) < STEADY:
            began = clock()
            costs.begin()
            optimiser.zero_grad()
            everywhere = torch.arange(given.batch)
            moved = batch_of(given.batch, items, len(worked)).take(everywhere, given.device)
            with torch.autocast(given.device, torch.bfloat16, enabled=given.bfloat16):
                loss = model.loss(moved)
            loss.backward()
            optimiser.step()
            costs.end()
            waited = costs.seconds  # for the device
            worked.append(waited[-1] if given.device == "cuda" else clock() - began)
        costs.mark()
    learned = sum(one.numel() for one in model.parameters() if one.requires_grad)
    found = {"seconds": median(worked[1:]), "wall": median(costs.seconds[1:])}
    return found | {"memory": costs.peak, "numbers": learned, "updates": len(worked) - 1}


def warm_up(device: str) -> None:
    """Load what the first product and the first optimiser of a process load."""
    layer = nn.Linear(64, 64).to(device)
    layer(torch.randn(64, 64, device=device)).sum().backward()
    torch.optim.Adam(layer.parameters(), fused=True).step()


def alone(method: str, given: argparse.Namespace) -> dict[str, float]:
    """Measure a method in a process of its own."""
    command = [sys.executable, __file__, *sys.argv[1:], "--alone", method]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    print(f"{LABELS[method]}: {found}", file=sys.stderr, flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--words", default="bert-base")
    parser.add_argument("--pictures", default="vit-base")
    parser.add_argument("--image", type=int, default=224, help="pixels of an edge")
    parser.add_argument("--batch", type=int, default=2, help="sessions of 11 items")
    parser.add_argument(
        "--updates", type=int, default=1, help="at least, beside a first one that does not count"
    )
    parser.add_argument("--users", type=int, default=USERS, help="of an epoch, one session each")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--bfloat16", action="store_true", help="compute under autocast")
    parser.add_argument("--checkpointing", action="store_true", help="of the networks' activations")
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    parser.add_argument("--json", type=Path, help="file for the numbers, beside the table")
    parser.add_argument("--alone", choices=METHODS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.alone:
        print(json.dumps(measure(given.alone, given)))
        return
    found = {method: alone(method, given) for method in given.methods}
    if given.json:
        given.json.write_text(json.dumps(found, indent=2))
    columns = [[one[name] for one in found.values()] for name in ("seconds", "numbers", "memory")]
    values = tpme(*columns)
    whole = found.get("fft")
    print(
        f"{given.words}, {given.pictures} at {given.image} pixels, {given.batch} sessions a batch"
    )
    print(
        "| method | update s | wall s | epoch s | memory MiB | trainable | TPME | memory / FFT | time / FFT | printed |"
    )
    print("| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: |")
    epoch = -(-given.users // given.batch)
    for (method, one), value in zip(found.items(), values, strict=True):
        printed = PRINTED.get(method)
        shares = [
            f"{one[name] / whole[name]:.4f}" if whole else "–" for name in ("memory", "seconds")
        ]
        told = f"{printed[0]:.3f}, {printed[1]:.3f}" if printed else "–"
        print(
            f"| {LABELS[method]} | {one['seconds']:.3f} | {one['wall']:.3f} | {one['seconds'] * epoch:,.0f} | "
            f"{one['memory']:,.0f} | {one['numbers']:,} | {value:.3f} | {shares[0]} | {shares[1]} | {told} |"
        )


if __name__ == "__main__":
    main()
