"""SASRec on the first 20,000 sessions of yoochoose1_64 beside what RecBole 1.2.1 needs for it.

    python benchmarks/recbole_comparison.py --mirror /data/mirror
    python benchmarks/recbole_comparison.py --mirror /data/mirror --batch 256 --rate 0.001    # RecBole's own settings

Same model (d=64, one layer, at most ten items), same leave-one-out: the last item of a session is for testing,
the one before it for validation, the rest is for training; a session of three items has no validation target,
one of two is all for training. Validation ranks every item, seen ones included. RecBole makes a row of every
prefix and so has one target per row; ours trains all targets of a session in one pass. Both have the same
targets in an epoch. RecBole's numbers were measured before on a machine of two cores, they are not measured here.
"""

import argparse
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import torch

from recloop.data.batches import Events, Sessions, cut
from recloop.data.readers import session_release
from recloop.data.sources import fetch, load_source
from recloop.data.tables import write_tables
from recloop.fitting import processor
from recloop.fitting.context import TrainingContext
from recloop.fitting.schedule import Schedule
from recloop.fitting.trainer import Trainer
from recloop.models import build
from recloop.training.supervised import NextItems

SOURCE = Path(__file__).parents[1] / "sources" / "yoochoose1_64.yaml"
RECBOLE = {"seconds": (14.0, 18.0), "ndcg10": 0.29, "epochs": 2}  # version 1.2.1
LENGTH = 10
SETTINGS = {
    "class": "sequential.next_item.NextItem",
    "backbone": {"class": "backbones.sasrec.SASRec", "dim": 64, "blocks": 1},
}


def load(mirror: Path, sessions: int) -> tuple[list[np.ndarray], int]:
    """Read the first sessions of the release, items numbered from zero."""
    with TemporaryDirectory() as folder:
        raw, tables = Path(folder) / "raw", Path(folder) / "tables"
        fetch(load_source(SOURCE), raw, mirror)
        write_tables(session_release.read(raw), tables)
        rows = pl.read_parquet(tables / "interactions.parquet", columns=["session", "item"])
    first = rows["session"].unique(maintain_order=True).sort().head(sessions)
    rows = rows.filter(pl.col("session").is_in(first.implode()))
    rows = rows.with_columns(pl.col("item").rank("dense").cast(pl.Int64) - 1)
    listed = rows.group_by("session", maintain_order=True).agg("item")["item"]
    return [row.to_numpy() for row in listed], rows["item"].n_unique()


def put(rows: list[np.ndarray], first_target: list[int]) -> Sessions:
    """Put sessions behind one another."""
    items = np.concatenate(rows)
    return Sessions(
        items=items,
        events=np.zeros_like(items),
        offsets=np.cumsum([0, *map(len, rows)]),
        first_target=np.array(first_target),
        ids=np.arange(len(rows)),
    )


def leave_one_out(rows: list[np.ndarray]) -> tuple[Sessions, Sessions]:
    """Part as RecBole does: of n - 1 targets one is for testing, one for validation, but one is left for training."""
    train = [row[: max(2, len(row) - 2)] for row in rows]
    valid = [row[:-1] for row in rows if len(row) > 3]
    return put(train, [1] * len(train)), put(valid, [len(row) - 1 for row in valid])


class ClockedTrainer(Trainer):
    """A trainer that knows how much of its time went into validation, in seconds."""

    validating = 0.0

    def validate(self) -> None:
        """Validate, and note how long it took."""
        started = time.perf_counter()
        super().validate()
        self.validating += time.perf_counter() - started


def main() -> None:
    """Train, and print both sides."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mirror", type=Path, required=True, help="folder with the raw files")
    parser.add_argument("--sessions", type=int, default=20_000, help="(%(default)s)")
    parser.add_argument("--batch", type=int, default=128, help="sessions an update (%(default)s)")
    parser.add_argument("--rate", type=float, default=0.01, help="learning rate (%(default)s)")
    parser.add_argument("--epochs", type=int, default=RECBOLE["epochs"], help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="(%(default)s)")
    given = parser.parse_args()
    processor.use(given.threads)
    rows, items = load(given.mirror, given.sessions)
    train, valid = leave_one_out(rows)
    windows, events = cut(train, LENGTH, items), Events.of(valid, LENGTH, items)
    targets = int((windows.following != items).sum())
    print(
        f"{len(rows):,} sessions, {items:,} items, {targets:,} training targets, "
        f"{len(events):,} validation targets, {given.threads} threads"
    )
    torch.manual_seed(given.seed)
    model = build(SETTINGS, items=items, length=LENGTH)
    batch = round(given.batch * targets / len(windows))
    schedule, context = Schedule(given.rate, batch, given.epochs), TrainingContext(given.seed)
    trainer = ClockedTrainer(NextItems(model, windows, events, schedule, context), context)
    seconds, processor = time.perf_counter(), time.process_time()
    trainer.fit()
    seconds = (time.perf_counter() - seconds) / given.epochs
    processor = (time.process_time() - processor) / given.epochs
    training = seconds - trainer.validating / given.epochs
    low, high = RECBOLE["seconds"]
    print(f"\n{'':24}{'s per epoch':>14}{'targets per s':>16}{'NDCG@10':>10}")
    told = f"{low:.0f} to {high:.0f}"
    rates = f"{targets / high:,.0f} to {targets / low:,.0f}"
    print(f"{'RecBole 1.2.1, reported':24}{told:>14}{rates:>16}{RECBOLE['ndcg10']:>10.2f}")
    best = trainer.progress.best
    for name, spent in (("with validation", seconds), ("training alone", training)):
        print(f"{'recloop, ' + name:24}{spent:>14.2f}{targets / spent:>16,.0f}{best:>10.4f}")
        print(f"{'':24}{low / spent:.1f} to {high / spent:.1f} times as fast per target")
    print(
        f"\n{processor:.2f} s of processor per epoch; {given.batch} sessions an update, "
        f"learning rate {given.rate}"
    )


if __name__ == "__main__":
    main()
