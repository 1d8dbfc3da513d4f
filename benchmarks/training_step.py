"""A SASRec training step beside the bare arithmetic it cannot do without.

    python benchmarks/training_step.py                     # the sizes of Yoochoose 1/64 and RC15
    python benchmarks/training_step.py --threads 1         # one core, in seconds of processor: for a busy machine

Four things take turns in one process, on the same shapes, and the fastest of each one's turns counts:
the three matrix products between states and catalogue (forward, two gradients) with the softmax between
them; the loss of this project with its gradients; torch's cross_entropy with its gradients; and a whole
step of this project, from item ids to updated weights.
"""

import argparse
import os
import time
from collections.abc import Callable

import torch
from torch import Tensor

from recloop.data.batches import Batch, Events
from recloop.fitting import processor
from recloop.fitting.context import TrainingContext
from recloop.fitting.schedule import Schedule
from recloop.fitting.trainer import Trainer
from recloop.models import build
from recloop.models.catalogue import Catalogue
from recloop.training.supervised import NextItems

DIM = 64
SETTINGS = {
    "class": "sequential.next_item.NextItem",
    "backbone": {"class": "backbones.sasrec.SASRec", "dim": DIM, "blocks": 1},
}


def bare(states: Tensor, weight: Tensor) -> Callable[[], None]:
    """Three products and a softmax, without bias, labels or bookkeeping."""

    def run() -> None:
        errors = torch.softmax(states @ weight.T, 1)
        errors @ weight
        errors.T @ states

    return run


def loss_of(compute: Callable, states: Tensor, layer: Catalogue) -> Callable[[], None]:
    """Compute a loss and its gradients."""

    def run() -> None:
        inputs = (states.detach().requires_grad_(), layer.weight, layer.bias)
        torch.autograd.grad(compute(inputs[0]), inputs)

    return run


def whole_step(items: int, batch: int, length: int) -> Callable[[], None]:
    """One update of a trainer: forward, backward, Adam."""
    path = torch.randint(items, (batch, length + 1))
    windows = Batch.whole(path)
    schedule, context = Schedule(0.001, batch * length, 1), TrainingContext(1)
    nothing = Events(*([torch.empty(0).numpy()] * 8), length=length, padding=items)
    model = build(SETTINGS, items=items, length=length)
    trainer = Trainer(NextItems(model, windows, nothing, schedule, context), context)
    rows = torch.arange(batch)
    return lambda: trainer.learn([rows])


def contestants(items: int, batch: int, length: int) -> dict[str, Callable[[], None]]:
    """Make all four for one size of catalogue."""
    torch.manual_seed(1)
    layer = Catalogue(DIM, items)
    states = torch.randn(batch * length, DIM)
    targets = torch.randint(items, (batch * length,))
    plain = torch.nn.functional.cross_entropy
    return {
        "products and softmax": bare(states, layer.weight.detach()),
        "our loss": loss_of(lambda given: layer.loss(given, targets), states, layer),
        "torch's cross_entropy": loss_of(lambda given: plain(layer(given), targets), states, layer),
        "our whole step": whole_step(items, batch, length),
    }


def fastest(runs: dict[str, Callable[[], None]], turns: int) -> dict[str, float]:
    """Seconds of the fastest turn of each; they take turns, so that a busy machine is busy for all."""
    # One thread's processor time is its time on a machine of its own; several threads also wait for each other.
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    found = dict.fromkeys(runs, float("inf"))
    for turn in range(turns + 1):  # the first one warms up
        for name, run in runs.items():
            started = clock()
            run()
            found[name] = min(found[name], clock() - started if turn else float("inf"))
    return found


def main() -> None:
    """Print a table per size of catalogue."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, nargs="+", default=[17_376, 26_702])
    parser.add_argument("--batch", type=int, default=256, help="sessions (%(default)s)")
    parser.add_argument("--length", type=int, default=10, help="items of a session (%(default)s)")
    parser.add_argument("--turns", type=int, default=15, help="of which the best counts")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="(%(default)s)")
    given = parser.parse_args()
    processor.use(given.threads)
    print(f"{given.batch} sessions of {given.length} items, d={DIM}, {given.threads} threads")
    for items in given.items:
        found = fastest(contestants(items, given.batch, given.length), given.turns)
        base = found["products and softmax"]
        print(f"\n{items:,} items")
        for name, seconds in found.items():
            print(f"  {name:22} {seconds * 1000:7.0f} ms   {seconds / base:5.2f}")


if __name__ == "__main__":
    main()
