"""Turns in a second of processor time: of a policy with simulated users, and learning from them or from a log.

    python benchmarks/shoppers.py [--items 700] [--parallel 512] [--turns 100]

Items, features and encoded comments are drawn at random in the sizes of the tier `quick`; the time of a turn does not
hang on them. Each way is timed three times, in turn; the shortest time counts.
"""

import argparse
import time
from functools import partial

import torch

from recloop.data.attribute_codes import Codes
from recloop.fitting.context import TrainingContext
from recloop.fitting.trainer import Trainer
from recloop.models import build
from recloop.models.offline.shelf import Shelf
from recloop.models.offline.spaces import Space
from recloop.simulators.phrasebook import by_grammar
from recloop.simulators.shoppers import Shoppers, Similarity, WishesHold
from recloop.training.seat import Seat
from recloop.training.shopping import Online

TIMES = 3
NAMES = ("category", "subcategory", "heel", "closure", "gender", "toe")
VALUES = (3, 6, 3, 5, 2, 3)
FEATURES, WORDS = 128, 32
POLICY = {
    "class": "offline.on_policy.OnPolicy",
    **{"hidden": 128, "slot_dim": 16, "discount": 0.99, "trace": 0.9, "value_weight": 0.5},
    **{"entropy_weight": 0.003, "critic_hidden": 32},
}
TRAINING = {
    **{"learning_rate": [0.003], "second_rate": 0.0005, "batch_size": 1, "parallel": 64},
    **{"rows": 16, "epoch_turns": 20480, "epochs": 1, "taught": 10, "clip_norm": 1.0},
}


def world(items: int, sessions: int) -> tuple[Shoppers, torch.Tensor, dict]:
    """Open sessions; give them with encoded comments and what a constructor is told."""
    chance = torch.Generator().manual_seed(1)
    table = torch.stack([torch.randint(size, (items,), generator=chance) for size in VALUES], dim=1)
    values = tuple(tuple(f"value {n}" for n in range(size)) for size in VALUES)
    codes = Codes(NAMES, values, table)
    visual = torch.randn(items, FEATURES, generator=chance)
    shelf = Shelf.of(torch.arange(items), visual, table, Space(codes.sizes))
    book = by_grammar(codes, wordings=8, refuses=0.15, seed=1)
    judges = (
        Similarity(visual, table, 0.5, "printed", "count"),
        WishesHold(table, codes.unstated),
    )
    users = Shoppers(shelf, table, book, *judges, sessions=sessions, cap=50, penalty=-3.0)
    sentences = torch.randn(len(book.sentences) + 1, WORDS, generator=chance)
    return users, sentences, {"sizes": codes.sizes, "inputs": FEATURES, "words": WORDS}


def serve(seat: Seat, turns: int, chance: torch.Generator, learned: bool) -> float:
    """Take turns in all sessions; return turns per second."""
    seat.users.reset(seed=1)
    uniform = partial(seat.model.space.uniform, seat.users.sessions, chance)
    choose = partial(seat.model.act, generator=chance, choose="drawn")
    started = time.process_time()
    for _ in range(turns):
        seat.turn(choose if learned else lambda state: uniform())
    return turns * seat.users.sessions / (time.process_time() - started)


def learn(items: int) -> float:
    """Let a policy learn for an epoch; return turns per second."""
    users, sentences, facts = world(items, TRAINING["parallel"])
    context = TrainingContext(1, log=lambda line: None)
    online = Online(build(POLICY, **facts), users, users, sentences, TRAINING, context)
    online.metric = None
    started = time.process_time()
    Trainer(online, context).fit()
    return TRAINING["epoch_turns"] / (time.process_time() - started)


def main() -> None:
    """Print turns per second."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name, value in (("items", 700), ("parallel", 512), ("turns", 100)):
        parser.add_argument(f"--{name}", type=int, default=value)
    asked = parser.parse_args()
    chance = torch.Generator().manual_seed(1)
    many, sentences, facts = world(asked.items, asked.parallel)
    single, _, _ = world(asked.items, 1)
    policy = build(POLICY, **facts).eval()
    ways = {
        "policy": partial(serve, Seat(policy, many, sentences), asked.turns, chance, True),
        "random": partial(serve, Seat(policy, many, sentences), asked.turns, chance, False),
        "policy, one session": partial(
            serve, Seat(policy, single, sentences), asked.turns, chance, True
        ),
        "policy that learns": partial(learn, asked.items),
    }
    best = dict.fromkeys(ways, 0.0)
    for _ in range(TIMES):
        for name, way in ways.items():
            best[name] = max(best[name], way())
    for name, speed in best.items():
        print(f"{name:22} {speed:12,.0f} turns/s")


if __name__ == "__main__":
    main()
