"""Seconds of an epoch on MovieLens 1M beside published ones on a GPU, and how near they are to this machine's limit.

    python benchmarks/epochs.py                     # one core
    python benchmarks/epochs.py --models sasrec gru4rec --updates 40
    python benchmarks/epochs.py --device cuda --precision bfloat16

An epoch has the 980,979 targets of MovieLens 1M in the release of gSASRec, in whole windows; items are random, which
they are does not matter to time. Some updates are timed, the fastest counts, times the updates of an epoch. The limit
of an update is the larger of two: its floating-point operations over the best rate that a product reaches here, into
memory that is used again, and the bytes that weights, optimiser and scores move at least over the rate of a copy;
both are measured in the same process just before.
"""

import argparse
import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from recloop.data.batches import Batch
from recloop.fitting import processor
from recloop.models import build

TARGETS, ITEMS, LENGTH, DIM = 980_979, 3_416, 50, 64
# RUCAIBox/RecBole at 497c2cc, asset/time_test_result/Sequential_recommendation.md: 834,449 interactions, batches of
# 4,096 rows, TITAN V; seconds.
PUBLISHED = {"sasrec": 69.37, "gru4rec": 18.43, "caser": 569.90, "nextitnet": 819.55}
BACKBONES = {
    "sasrec": {"class": "backbones.sasrec.SASRec", "blocks": 2, "heads": 2, "dropout": 0.1},
    "gru4rec": {"class": "backbones.gru4rec.GRU4Rec"},
    "caser": {"class": "backbones.caser.Caser"},
    "nextitnet": {"class": "backbones.nextitnet.NextItNet"},
}
# Products into memory that is used again, which the counter does not know; both sides are matrices.
IN_PLACE = {
    torch.ops.aten.addmm_: lambda self, first, second, *_, out_shape=None, **__: (
        2 * first[0] * first[1] * second[1]
    )
}


def fastest(run: Callable[[], object], turns: int, device: torch.device) -> float:
    """Time some turns and keep the fastest, in seconds; a processor's time where one thread works alone."""
    alone = device.type == "cpu" and torch.get_num_threads() == 1
    now = time.process_time if alone else time.perf_counter
    found = float("inf")
    for _ in range(turns):
        started = now()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize()
        found = min(found, now() - started)
    return found


def product_rate(device: torch.device, kind: torch.dtype) -> float:
    """Measure the best rate of a product of states and items, into memory that is used again; operations a second."""
    rates = []
    for rows in (256, 512, 1024, 4096):
        states = torch.randn(rows, DIM, device=device, dtype=kind)
        items = torch.randn(DIM, ITEMS, device=device, dtype=kind)
        room = torch.empty(rows, ITEMS, device=device, dtype=kind)
        seconds = fastest(lambda: torch.mm(states, items, out=room), 50, device)  # noqa: B023 run at once
        rates.append(2 * rows * DIM * ITEMS / seconds)
    return max(rates)


def copy_rate(device: torch.device) -> float:
    """Measure how many bytes a second a copy reads and writes."""
    old = torch.ones(1 << 26, device=device)
    new = torch.empty_like(old)
    return 2 * old.nbytes / fastest(lambda: new.copy_(old), 10, device)


def update(name: str, targets: int, device: torch.device, precision: str) -> Callable[[], None]:
    """Make one update of a model into a function."""
    torch.manual_seed(1)
    model = build(
        {"class": "sequential.next_item.NextItem", "backbone": BACKBONES[name] | {"dim": DIM}},
        items=ITEMS,
        length=LENGTH,
    ).to(device)
    rows = round(targets / LENGTH)
    batch = Batch.whole(torch.randint(ITEMS, (rows, LENGTH + 1))).take(torch.arange(rows), device)
    optimiser = torch.optim.Adam(model.parameters(), fused=True)

    def run() -> None:
        optimiser.zero_grad()
        with processor.wide():  # as the trainer does for batches of this size
            with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
                loss = model.loss(batch)
            loss.backward()
        optimiser.step()

    run.weights = sum(one.numel() for one in model.parameters())
    return run


def main() -> None:
    """Print a row per model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", choices=PUBLISHED, default=list(PUBLISHED))
    parser.add_argument("--targets", type=int, default=4_096, help="of an update (%(default)s)")
    parser.add_argument("--updates", type=int, default=20, help="timed ones (%(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="(%(default)s)")
    parser.add_argument("--device", default="cpu", help="(%(default)s)")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    given = parser.parse_args()
    processor.use(given.threads)
    device = torch.device(given.device)
    with processor.wide():
        operations = product_rate(device, getattr(torch, given.precision))
    moved = copy_rate(device)
    print(f"products {operations / 1e9:.0f} GFLOP/s, copies {moved / 1e9:.1f} GB/s")
    print(
        f"{'':10} {'update':>9} {'epoch':>8} {'limit':>8} {'share':>6} {'published':>10} {'ratio':>6}"
    )
    for name in given.models:
        run = update(name, given.targets, device, given.precision)
        run()
        with FlopCounterMode(display=False, custom_mapping=IN_PLACE) as counted:
            run()
        # Adam reads and writes each weight with two moments and reads its gradient; scores are written and read once.
        moving = 4 * (7 * run.weights + 2 * given.targets * ITEMS)
        limit = max(counted.get_total_flops() / operations, moving / moved)
        seconds = fastest(run, given.updates, device)
        updates = TARGETS / given.targets
        print(
            f"{name:10} {seconds * 1000:6.1f} ms {seconds * updates:6.1f} s {limit * updates:6.1f} s "
            f"{limit / seconds:6.0%} {PUBLISHED[name]:8.1f} s {PUBLISHED[name] / (seconds * updates):6.1f}"
        )


if __name__ == "__main__":
    main()
