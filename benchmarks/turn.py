"""One turn of a batch of dialogues beside its bare matrix product, and beside a loop over users.

    python benchmarks/turn.py                          # 128 users x 31,940 items x 512
    python benchmarks/turn.py --items 4658 --rounds 50

A turn ranks every item for every user, places the target, leaves out what was shown, finds the next three, lets the
user like one of them and look up what is said. The bare side is one product of states and items. The loop does for one
user after the other what the batch does at once. Sides take turns; the medians of their times are compared.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor

from recloop.data.pools import Pool, distinct
from recloop.fitting import processor
from recloop.simulators.critique_encoder import CritiqueEncoder
from recloop.simulators.environment import Environment
from recloop.simulators.nearest import Nearest

SHOWN, SEEN, SENTENCES = 3, 27, 500


class Numbered:
    """Say one of so many sentences, by the pair."""

    def critique(self, target, liked) -> list[str]:
        return [str(number) for number in (target * 31 + liked) % SENTENCES]


def sides(users: int, items: int, dim: int) -> dict[str, Callable[[], object]]:
    """Set up the same turn for all sides."""
    generator = torch.Generator().manual_seed(1)
    states, table = (torch.randn(size, dim, generator=generator) for size in (users, items))
    target = torch.randint(items, (users,), generator=generator)
    seen = distinct(torch.rand(2, users, SEEN, generator=generator), items)
    words = torch.randn(SENTENCES, dim, generator=generator)
    critique_encoder = CritiqueEncoder(
        Numbered(), lambda said: words[[int(one) for one in said]], dim
    )
    environment = Environment(Pool(torch.arange(items), table), critique_encoder, 10)
    nearest, room = Nearest(table), torch.empty(users, items)

    def turn() -> Tensor:
        environment.reset(target)
        environment.seen = seen
        top, *_ = nearest.rank(states, target, seen, SHOWN)
        environment.step(top)
        return top

    def loop() -> Tensor:
        return torch.stack(
            [alone(*user, table, environment) for user in zip(states, target, seen, strict=True)]
        )

    return {"bare": lambda: torch.mm(states, table.T, out=room), "turn": turn, "loop": loop}


def alone(
    state: Tensor, target: Tensor, seen: Tensor, table: Tensor, environment: Environment
) -> Tensor:
    """Hold the turn of one user in the plainest way."""
    distance = (table - state).square().sum(1)
    distance[seen] = torch.inf
    order = distance.argsort()
    _ = (order == target).nonzero().item(), (distance == distance[target]).sum().item()
    environment.reset(target[None])
    environment.step(order[None, :SHOWN])
    return order[:SHOWN]


@torch.no_grad()
def measure(given: argparse.Namespace) -> dict[str, float]:
    """Time all sides, in turns; the loop is slow and runs less often."""
    runs = sides(given.users, given.items, given.dim)
    times = {name: [] for name in runs}
    for round_ in range(given.rounds + 2):
        for name, run in runs.items():
            if name == "loop" and round_ > 2:
                continue
            started = time.perf_counter()
            run()
            if round_ >= 2:  # the first rounds warm caches up and let every pair be heard
                times[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) * 1e3 for name, values in times.items()}


def main() -> None:
    """Print milliseconds of each side and both ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in {"users": 128, "items": 31_940, "dim": 512, "rounds": 21}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    given = parser.parse_args()
    processor.use(int(os.environ["OMP_NUM_THREADS"]))
    found = measure(given)
    ratios = {
        "turn_over_bare": found["turn"] / found["bare"],
        "loop_over_turn": found["loop"] / found["turn"],
    }
    print(json.dumps({f"{name}_ms": round(value, 2) for name, value in found.items()}))
    print(json.dumps({name: round(value, 2) for name, value in ratios.items()}))


if __name__ == "__main__":
    main()
