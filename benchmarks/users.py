"""Training speed of models of users beside their plain host, in targets and in events per second.

    python benchmarks/users.py                     # sizes of Reddit and Album, Table 5.2
    python benchmarks/users.py --threads 1         # one core, in seconds of processor: for a busy machine

The models take turns in one process on the same random users. The host trains on all sessions of a user behind one
another (`Normal` of chapter 5), the others session after session, with as many targets per update on average. One
measurement is a number of whole updates, from drawn batch to updated weights; the fastest of each one's turns counts.

Targets are the items that a loss is asked for: next items within a session, for the host also over the border of two
sessions, for InterDT and HDT the first item of a session as well, which the goal predicts. Events are all items that an
update goes through, so that their ratio is that of the times of an epoch.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle

import numpy as np
import torch

from recloop.data.batches import Events, cut
from recloop.data.users import Users
from recloop.fitting import processor
from recloop.fitting.context import TrainingContext
from recloop.fitting.schedule import Schedule
from recloop.fitting.trainer import Trainer
from recloop.models import build
from recloop.training.supervised import NextItems
from recloop.training.users import Judged, UserSessions

DIM, LENGTH = 64, 20
SHAPES = {  # Table 5.2: items, events per session, sessions per user
    "reddit": (21_583, 3.83, 28.84),
    "album": (129_273, 9.12, 8.03),
}
MODELS = {
    "Hier": "hierarchy.hier.Hier",
    "InterDT": "hierarchy.inter.InterDT",
    "HDT": "hierarchy.hdt.HDT",
}


def draw(users: int, items: int, events: float, sessions: float) -> Users:
    """Draw users whose sessions have random items and, on average, the wanted lengths."""
    random = np.random.default_rng(1)
    counts = 2 + random.poisson(sessions - 2, users)
    sizes = np.minimum(3 + random.poisson(events - 3, counts.sum()), LENGTH)
    edges = [np.concatenate([[0], np.cumsum(column)]) for column in (sizes, counts)]
    chosen = random.integers(0, items, sizes.sum())
    return Users(chosen, np.zeros_like(chosen), *edges, np.arange(len(sizes)))


def trainers(users: Users, items: int, slots: int, host: str) -> dict[str, Trainer]:
    """Make a trainer of the host and of each model of users."""
    torch.manual_seed(1)
    facts = {"items": items, "length": LENGTH}
    facts["item_vectors"] = torch.randn(items, DIM)
    facts["item_counts"] = torch.from_numpy(np.bincount(users.items, minlength=items))
    backbone = {"class": host, "dim": DIM}
    judged = Judged.of(users, LENGTH, items)
    schedule, context = Schedule(0.001, slots, 1000), TrainingContext(1)
    found = {}
    for name, kind in MODELS.items():
        model = build({"class": kind, "backbone": backbone}, **facts)
        found[name] = Trainer(UserSessions(model, users, judged, schedule, context), context)
    each = max(1, round(found["HDT"].objective.targets / found["HDT"].epoch_updates))
    model = build({"class": "sequential.next_item.NextItem", "backbone": backbone}, **facts)
    joined = users.joined()
    plain = NextItems(
        model,
        cut(joined, LENGTH, items),
        Events.of(joined, LENGTH, items),
        replace(schedule, batch_size=each),
        context,
    )
    return {"plain": Trainer(plain, context)} | found


def endless(trainer: Trainer) -> Iterator:
    """Give batches of the first epoch again and again."""
    return cycle(list(trainer.objective.batches(0, 0)))


def size(trainer: Trainer, batch: object) -> np.ndarray:
    """Count the targets and the events of a batch; the first item of a row is an event, and for some a target."""
    objective = trainer.objective
    rows = batch.sessions if isinstance(objective, UserSessions) else batch
    following = int(objective.steps[rows].sum())
    first = int((objective.windows.start[rows] == 0).sum())
    goal = getattr(trainer.model, "first", None) is not None
    return np.array([following + first * goal, following + first])


def measure(trainer: Trainer, batches: Iterator, updates: int, clock: Callable) -> np.ndarray:
    """Make some updates and give targets and events per second."""
    chosen = [next(batches) for _ in range(updates)]
    number = sum(size(trainer, batch) for batch in chosen)
    started = clock()
    for batch in chosen:
        trainer.learn([batch])
    return number / (clock() - started)


def compare(runs: dict[str, Trainer], updates: int, turns: int) -> dict[str, np.ndarray]:
    """Give each trainer's best speed; they take turns, so that a busy machine is busy for all."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    batches = {name: endless(trainer) for name, trainer in runs.items()}
    found = {name: np.zeros(2) for name in runs}
    for turn in range(turns + 1):  # the first one warms up
        for name, trainer in runs.items():
            speed = measure(trainer, batches[name], updates, clock)
            found[name] = np.maximum(found[name], speed if turn else 0)
    return found


def main() -> None:
    """Print a table per data set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=SHAPES)
    parser.add_argument("--items", type=int, help="another size of the catalogue")
    parser.add_argument("--host", default="backbones.sasrec.SASRec", help="(%(default)s)")
    parser.add_argument("--users", type=int, default=400, help="(%(default)s)")
    parser.add_argument("--slots", type=int, default=100, help="users per update (%(default)s)")
    parser.add_argument("--updates", type=int, default=5, help="per measurement (%(default)s)")
    parser.add_argument("--turns", type=int, default=5, help="of which the best counts")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="(%(default)s)")
    given = parser.parse_args()
    processor.use(given.threads)
    for name in given.shapes:
        items, *shape = SHAPES[name]
        items = given.items or items
        users = draw(given.users, items, *shape)
        runs = trainers(users, items, given.slots, given.host)
        found = compare(runs, given.updates, given.turns)
        print(f"\n{name}: {items:,} items, {given.slots} users per update, {given.threads} threads")
        for model, speeds in found.items():
            (targets, events), ratios = speeds, speeds / found["plain"]
            print(
                f"  {model:8} {targets:9,.0f} targets/s {ratios[0]:5.2f} {events:9,.0f} events/s {ratios[1]:5.2f}"
            )


if __name__ == "__main__":
    main()
