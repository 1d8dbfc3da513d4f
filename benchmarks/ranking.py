"""Ranking against the full catalogue beside a bare matrix product with top-k.

    python benchmarks/ranking.py                       # 100,000 events x 70,852 items
    python benchmarks/ranking.py --events 10000

Each side has a process of its own, so that its peak memory is its own. The bare side multiplies the states
of as many events at once by the catalogue and keeps the 20 best; ours also runs the encoder, counts for
every target how many items are above it and level with it, and sees to ties and NaN.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time

import numpy as np
import torch

from recloop.data.batches import Events, Sessions
from recloop.evaluation import ranker
from recloop.fitting import processor
from recloop.models import build

DIM, LENGTH, TOP = 64, 10, 20
SETTINGS = {
    "class": "sequential.next_item.NextItem",
    "backbone": {"class": "backbones.sasrec.SASRec", "dim": DIM, "blocks": 1},
}


def ours(events: int, items: int) -> None:
    """Rank every event of as many random sessions as it takes."""
    random = np.random.default_rng(1)
    sessions = events // LENGTH
    size = sessions * (LENGTH + 1)
    world = Sessions(
        items=random.integers(0, items, size),
        events=np.zeros(size, int),
        offsets=np.arange(sessions + 1) * (LENGTH + 1),
        first_target=np.ones(sessions, int),
        ids=np.arange(sessions),
    )
    model = build(SETTINGS, items=items, length=LENGTH)
    ranker.rank(model, Events.of(world, LENGTH, items), TOP)


@torch.inference_mode()
def bare(events: int, items: int) -> None:
    """Multiply and keep the best."""
    states, weight = torch.randn(events, DIM), torch.randn(items, DIM)
    for chunk in states.split(max(1, ranker.CHUNK["cpu"] // items)):
        (chunk @ weight.T).topk(TOP)


SIDES = {"bare": bare, "ours": ours}


def measure(side: str, given: argparse.Namespace) -> dict[str, float]:
    """Run one side in a process of its own."""
    command = [sys.executable, __file__, "--side", side, "--threads", str(given.threads)]
    command += ["--events", str(given.events), "--items", str(given.items)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def run_side(side: str, events: int, items: int) -> None:
    """Report time, and the most memory this process ever had."""
    SIDES[side](LENGTH * 20, items)  # warms up
    started, used = time.perf_counter(), time.process_time()
    SIDES[side](events, items)
    seconds, processor = time.perf_counter() - started, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # kB to GiB
    print(json.dumps({"seconds": seconds, "processor": processor, "peak": peak}))


def main() -> None:
    """Print a line per side, and the ratio of both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=100_000, help="(%(default)s)")
    parser.add_argument("--items", type=int, default=70_852, help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="(%(default)s)")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    processor.use(given.threads)
    if given.side:
        return run_side(given.side, given.events, given.items)
    print(f"{given.events:,} events x {given.items:,} items, d={DIM}, {given.threads} threads")
    found = {}
    for side in SIDES:
        found[side] = measure(side, given)
        told = "{seconds:7.1f} s   {processor:7.1f} s of processor   peak {peak:4.2f} GiB"
        print(f"  {side:6}", told.format(**found[side]), flush=True)
    ratio = found["ours"]["seconds"] / found["bare"]["seconds"]
    work = found["ours"]["processor"] / found["bare"]["processor"]
    return print(f"ours takes {ratio:.2f} times as long ({work:.2f} in processor time)")


if __name__ == "__main__":
    main()
