"""DQN and A2C beside those of a well-kept library, Stable-Baselines3: what they earn and how fast they learn.

    pip install -e '.[agents]'
    python benchmarks/agents.py [--steps 50000] [--seeds 5]

Both libraries learn in the same world (users with ratings of low rank, items that end an episode when shown too soon
again), from the same number of steps, with networks of the same shape, the same optimiser, rates, targets and
exploration, and are judged by the same episodes: DQN takes the best item, A2C draws one, as it learnt to. The state of
Stable-Baselines3's agents is that of ours: the mean of the last items and their rewards, whose embedding learns. Its
DQN has no double Q-learning, so ours has none here either, a Huber loss, and one coin for all parallel episodes that
says whether items are random; its A2C learns from the last five steps, ours from five that are one step older. Steps a
second are those of the median training, by seconds of a processor.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import gymnasium
import numpy as np
import scipy.stats
import torch
from stable_baselines3 import A2C, DQN
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env.base_vec_env import VecEnv
from torch import Tensor

from recloop.fitting import processor
from recloop.fitting.context import TrainingContext
from recloop.fitting.trainer import Trainer
from recloop.models import build
from recloop.models.online.encoders import Average
from recloop.models.online.state import Seen
from recloop.simulators.online import RatedItems, column_distances
from recloop.training.episodes import Online

USERS, ITEMS, RANK, CAP, MEMORY = 60, 40, 3, 15, 3
PARALLEL, RATE, DISCOUNT, BATCH = 10, 0.001, 0.9, 64
WIDTH, HIDDEN, LAYERS = 32, 64, 2
TARGET, ROWS, LOOKAHEAD, REMEMBERED = 320, 5, 3, 10000
CLIP = 10.0  # of gradients, the default of Stable-Baselines3's DQN
EPISODES = 600  # that judge
CHOOSES = {"DQN": "greedy", "A2C": "categorical"}  # when judged
SHARED = {
    "encoder": {"class": "online.encoders.Average", "width": WIDTH, "memory": MEMORY},
    **{"hidden": HIDDEN, "layers": LAYERS, "discount": DISCOUNT},
}
OURS = {
    "DQN": {
        **{"class": "online.dqn.DQN", "explore": "epsilon", "lookahead": LOOKAHEAD},
        **{"double": False, "target_every": TARGET},
    },
    "A2C": {
        **{"class": "online.a2c.A2C", "explore": "categorical", "lookahead": 1},
        **{"value_weight": 0.5, "entropy_weight": 0.01},
    },
}


def world(seed: int, episodes: int) -> RatedItems:
    """Open the world; the seed is of users and first items, ratings are the same for all."""
    random = torch.Generator().manual_seed(0)
    tastes = torch.randn(USERS, RANK, generator=random) + torch.tensor([1.5] + [0.0] * (RANK - 1))
    ratings = (3 + tastes @ torch.randn(RANK, ITEMS, generator=random)).clamp(1, 5).round()
    rules = {"threshold": 6.0, "window": 4, "cap": CAP, "memory": MEMORY}
    return RatedItems(ratings, column_distances(ratings), episodes=episodes, seed=seed, **rules)


class Episodes(VecEnv):
    """The world as Stable-Baselines3 steps it: over episodes begin anew at once, observations are one array."""

    def __init__(self, it: RatedItems):
        self.it = it
        box = gymnasium.spaces.Box(-10, ITEMS, (2 * MEMORY,), np.float32)
        super().__init__(it.episodes, box, gymnasium.spaces.Discrete(ITEMS))
        self.asked = None

    def reset(self) -> np.ndarray:
        return packed(self.it.reset()[0])

    def step_async(self, actions: np.ndarray) -> None:
        self.asked = torch.as_tensor(actions)

    def step_wait(self) -> tuple:
        seen, reward, left, capped, _ = self.it.step(self.asked)
        over, shown = left | capped, packed(seen)
        begun, _ = self.it.reset(options={"reset_mask": over})
        told = [
            {"terminal_observation": row, "TimeLimit.truncated": False} if end else {}
            for row, end in zip(shown, over.tolist(), strict=True)
        ]
        return packed(begun), reward.numpy(), over.numpy(), told

    def close(self) -> None:
        """Nothing is open."""

    def get_attr(self, attr_name: str, indices: object = None) -> list:
        return [getattr(self.it, attr_name, None)] * self.num_envs

    def set_attr(self, attr_name: str, value: object, indices: object = None) -> None:
        raise NotImplementedError

    def env_method(
        self, method_name: str, *args: object, indices: object = None, **more: object
    ) -> list:
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class: type, indices: object = None) -> list[bool]:
        return [False] * self.num_envs


def packed(seen: Seen) -> np.ndarray:
    """Put items and rewards into one row for each episode."""
    return torch.cat([seen.items.float(), seen.rewards], 1).numpy()


class State(BaseFeaturesExtractor):
    """Our encoder for Stable-Baselines3's networks."""

    def __init__(self, observation_space: gymnasium.spaces.Box):
        super().__init__(observation_space, WIDTH + 1)
        self.average = Average(ITEMS, WIDTH, MEMORY)

    def forward(self, rows: Tensor) -> Tensor:
        return self.average(Seen(rows[:, :MEMORY].long(), rows[:, MEMORY:], rows[:, 0].long()))


def theirs(name: str, seed: int, steps: int) -> BaseAlgorithm:
    """Let an agent of Stable-Baselines3 learn."""
    shape = {"features_extractor_class": State, "activation_fn": torch.nn.ReLU}
    given = {"learning_rate": RATE, "gamma": DISCOUNT, "seed": seed, "device": "cpu"}
    if name == "DQN":
        agent = DQN(
            *("MlpPolicy", Episodes(world(seed, PARALLEL))),
            policy_kwargs=shape | {"net_arch": [HIDDEN] * LAYERS},
            **{"buffer_size": REMEMBERED, "batch_size": BATCH, "n_steps": LOOKAHEAD},
            **{"learning_starts": PARALLEL * (LOOKAHEAD + 1), "train_freq": 1, "gradient_steps": 1},
            **{"target_update_interval": TARGET * PARALLEL, "max_grad_norm": CLIP},
            **{
                "exploration_fraction": 0.2,
                "exploration_initial_eps": 1.0,
                "exploration_final_eps": 0.05,
            },
            **given,
        )
    else:
        layers, adam = [HIDDEN] * LAYERS, torch.optim.Adam
        shape |= {"net_arch": {"pi": layers, "vf": layers}, "ortho_init": False}
        shape |= {"optimizer_class": adam, "optimizer_kwargs": {}}  # else its eps is 1e-5
        agent = A2C(
            *("MlpPolicy", Episodes(world(seed, PARALLEL))),
            policy_kwargs=shape,
            **{"n_steps": ROWS, "gae_lambda": 0.0, "vf_coef": 0.5, "ent_coef": 0.01},
            **{"use_rms_prop": False, "normalize_advantage": False, "max_grad_norm": CLIP},
            **given,
        )
    return agent.learn(steps)


def ours(name: str, seed: int, steps: int) -> torch.nn.Module:
    """Let an agent of ours learn."""
    torch.manual_seed(seed)
    schedule = {"epsilon": [1.0, 0.05], "epsilon_steps": int(0.2 * steps)}
    agent = build(SHARED | OURS[name] | schedule, items=ITEMS)
    training = {
        **{"learning_rate": [RATE], "batch_size": BATCH, "parallel": PARALLEL, "epochs": 1},
        **{"rows": 1 if name == "DQN" else ROWS, "epoch_steps": steps, "keep_epochs": 1},
        **{"remembered": REMEMBERED, "clip_norm": CLIP},
    }
    context = TrainingContext(seed, log=lambda line: None)
    Trainer(Online(agent, world(seed, PARALLEL), training, context), context).fit()
    return agent.eval()


def earned(act: Callable[[Seen], Tensor]) -> float:
    """Play episodes, the same for all; give the mean return."""
    it = world(1, EPISODES)
    seen, _ = it.reset(seed=1)
    alive, total = torch.ones(EPISODES, dtype=torch.bool), torch.zeros(EPISODES)
    for _ in range(CAP):
        seen, reward, left, capped, _ = it.step(act(seen))
        total += reward * alive
        alive &= ~(left | capped)
    return total.mean().item()


def asked_of(agent: BaseAlgorithm, greedy: bool, seen: Seen) -> Tensor:
    """Ask an agent of Stable-Baselines3 what it shows."""
    return torch.as_tensor(agent.predict(packed(seen), deterministic=greedy)[0])


def compared(name: str, seeds: int, steps: int, generator: torch.Generator) -> dict[str, list]:
    """Let both libraries learn with some seeds; give returns and steps a second of each training."""
    for learn in (ours, theirs):
        learn(name, 1, 100)  # what is imported at first is not counted
    found = {"ours": [], "Stable-Baselines3": []}
    for seed in range(1, seeds + 1):
        started = time.process_time()
        mine = ours(name, seed, steps)
        between = time.process_time()
        other = theirs(name, seed, steps)
        ended = time.process_time()
        acts = partial(mine.act, generator=generator, explore=CHOOSES[name])
        found["ours"].append((earned(acts), steps / (between - started)))
        acts = partial(asked_of, other, CHOOSES[name] == "greedy")
        found["Stable-Baselines3"].append((earned(acts), steps / (ended - between)))
    return found


def main() -> None:
    """Print returns with their standard errors, and steps a second."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=50000)
    parser.add_argument("--seeds", type=int, default=5, help="two at least")
    asked = parser.parse_args()
    processor.use(1)
    generator = torch.Generator().manual_seed(1)
    drawn = earned(lambda seen: torch.randint(ITEMS, (EPISODES,), generator=generator))
    print(f"random policy: return {drawn:.2f}")
    for name in OURS:
        for library, rows in compared(name, asked.seeds, asked.steps, generator).items():
            returns, speeds = zip(*rows, strict=True)
            mean, error = statistics.mean(returns), scipy.stats.sem(returns)
            earns = f"return {mean:6.2f} (s.e. {error:.2f})"
            print(f"{name:4} {library:18} {earns}   {statistics.median(speeds):8,.0f} steps/s")


if __name__ == "__main__":
    main()
