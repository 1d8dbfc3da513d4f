"""One update of a network of SQN, SNQN and SA2C beside one of the plain model they stand on.

    python benchmarks/heads.py                      # SASRec, the sizes of Yoochoose 1/64 and RC15
    python benchmarks/heads.py --threads 1          # one core, in seconds of processor: for a busy machine

An update is all from item ids to new weights: forward, backward, Adam; one of two networks learns in it. The models
take turns in one process, on batches of 256 targets, and the fastest of each one's turns counts. SA2C is measured
after its warm-up.
"""

import argparse
import os
import time
from collections.abc import Callable

import torch

from recloop.data.batches import Batch
from recloop.fitting import processor
from recloop.models import build

BACKBONE = {"class": "backbones.sasrec.SASRec", "dim": 64, "blocks": 1}
MODELS = {
    "plain": {"class": "sequential.next_item.NextItem"},
    "SQN": {"class": "sequential.sqn.SQN"},
    "SNQN": {"class": "sequential.snqn.SNQN"},
    "SA2C": {"class": "sequential.sa2c.SA2C", "warm_up": 0},
    "SA2C, corrected": {"class": "sequential.sa2c.SA2C", "warm_up": 0, "correction": 1.0},
}


def update(name: str, items: int, targets: int, length: int) -> Callable[[], None]:
    """Make one update of a model into a function."""
    torch.manual_seed(1)
    batch = Batch.whole(torch.randint(items, (round(targets / length), length + 1)))
    facts = {"items": items, "length": length, "item_counts": torch.ones(items, dtype=torch.long)}
    one = {} if name == "plain" else {"updated": "one"}
    model = build(MODELS[name] | one | {"backbone": BACKBONE}, **facts).train()
    optimiser = torch.optim.Adam(model.parameters(), fused=True)

    def run() -> None:
        optimiser.zero_grad()
        model.loss(batch).backward()
        optimiser.step()

    return run


def fastest(runs: dict[str, Callable[[], None]], turns: int) -> dict[str, float]:
    """Seconds of the fastest turn of each; they take turns, so that a busy machine is busy for all."""
    # One thread's processor time is its time on a machine of its own; several threads also wait for each other.
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    found = dict.fromkeys(runs, float("inf"))
    for turn in range(turns + 5):  # the first ones warm up both networks
        for name, run in runs.items():
            started = clock()
            run()
            found[name] = min(found[name], clock() - started if turn >= 5 else float("inf"))
    return found


def main() -> None:
    """Print a table per size of catalogue."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, nargs="+", default=[17_376, 26_702])
    parser.add_argument("--targets", type=int, default=256, help="per update (%(default)s)")
    parser.add_argument("--length", type=int, default=10, help="items of a session (%(default)s)")
    parser.add_argument("--turns", type=int, default=30, help="of which the best counts")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="(%(default)s)")
    given = parser.parse_args()
    processor.use(given.threads)
    print(f"{given.targets} targets, sessions of {given.length} items, {given.threads} threads")
    for items in given.items:
        runs = {name: update(name, items, given.targets, given.length) for name in MODELS}
        found = fastest(runs, given.turns)
        print(f"\n{items:,} items")
        for name, seconds in found.items():
            print(f"  {name:16} {seconds * 1000:7.1f} ms   {seconds / found['plain']:5.2f}")


if __name__ == "__main__":
    main()
