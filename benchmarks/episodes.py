"""How many environment steps a second a trained DQN takes, beside a random policy and a loop over single episodes.

    python benchmarks/episodes.py [--items 300] [--users 290] [--parallel 1000] [--steps 300]

The world has the size of Coat and ratings drawn at random; the time of a step does not hang on them. Each way is timed
three times, in turn; the shortest time counts, in seconds of a processor, so that other jobs do not. The loop steps the
same environment with one episode at a time.
"""

import argparse
import time
from collections.abc import Callable

import torch

from recloop.fitting import processor
from recloop.fitting.context import TrainingContext
from recloop.fitting.trainer import Trainer
from recloop.models import build
from recloop.models.online.agent import Agent
from recloop.simulators.online import RatedItems, column_distances
from recloop.training.episodes import Online

TIMES = 3
DQN = {
    "class": "online.dqn.DQN",
    "encoder": {"class": "online.encoders.Average", "width": 32, "memory": 3},
    **{"hidden": 64, "layers": 2, "discount": 0.9, "explore": "epsilon"},
    **{"double": True, "target_every": 320, "lookahead": 3},
}
TRAINING = {
    **{"learning_rate": [0.001], "batch_size": 64, "parallel": 10, "rows": 1, "epoch_steps": 2000},
    **{"epochs": 1, "keep_epochs": 1, "remembered": 10000},
}


def world(ratings: torch.Tensor, parallel: int) -> RatedItems:
    """Open an environment with the rules of the public logs."""
    rules = {"threshold": 6.0, "window": 7, "cap": 30}
    return RatedItems(ratings, column_distances(ratings), episodes=parallel, memory=3, **rules)


def trained(ratings: torch.Tensor) -> Agent:
    """Train a DQN for 2,000 steps."""
    torch.manual_seed(1)
    agent, context = build(DQN, items=ratings.shape[1]), TrainingContext(1, log=lambda line: None)
    Trainer(Online(agent, world(ratings, 10), TRAINING, context), context).fit()
    return agent.eval()


def walk(it: RatedItems, choose: Callable, steps: int) -> float:
    """Step all episodes, begin those anew that are over; return steps per second."""
    seen, _ = it.reset(seed=1)
    started = time.process_time()
    for _ in range(steps):
        seen, _, left, capped, _ = it.step(choose(seen))
        seen, _ = it.reset(options={"reset_mask": left | capped})
    return steps * it.episodes / (time.process_time() - started)


def main() -> None:
    """Print steps per second and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name, value in (("items", 300), ("users", 290), ("parallel", 1000), ("steps", 300)):
        parser.add_argument(f"--{name}", type=int, default=value)
    asked = parser.parse_args()
    processor.use(1)
    chance = torch.Generator().manual_seed(1)
    ratings = torch.randint(1, 6, (asked.users, asked.items), generator=chance).float()
    agent, single, many = trained(ratings), world(ratings, 1), world(ratings, asked.parallel)
    ways = {
        "trained DQN, epsilon-greedy": (many, lambda seen: agent.act(seen, chance, "epsilon")),
        "trained DQN, greedy": (many, lambda seen: agent.act(seen, chance, "greedy")),
        "random policy": (many, lambda seen: many.draw(asked.items)),
        "trained DQN, one episode": (single, lambda seen: agent.act(seen, chance, "epsilon")),
    }
    best = dict.fromkeys(ways, 0.0)
    for _ in range(TIMES):
        for name, (it, choose) in ways.items():
            best[name] = max(best[name], walk(it, choose, asked.steps))
    slowest = min(best.values())
    for name, speed in best.items():
        print(f"{name:30} {speed:12,.0f} steps/s   {speed / slowest:8.1f} times")


if __name__ == "__main__":
    main()
