"""Agents that act, store and learn, step by step, in an environment of many episodes at once."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import polars as pl
import torch
from jaxtyping import Float
from torch import Tensor, nn

from recloop.fitting.context import TrainingContext
from recloop.fitting.objective import Objective
from recloop.fitting.progress import run_facts
from recloop.fitting.schedule import Schedule
from recloop.fitting.trainer import Trainer
from recloop.models import build
from recloop.models.online.agent import Agent, Steps
from recloop.models.online.state import Environment
from recloop.simulators.online import open_world
from recloop.storage import checkpoint
from recloop.storage.files import replacing
from recloop.training.memory import Memory

LEARNING = ("train", "valid")  # parts whose users an agent learns with: nothing is chosen on others
MOMENTS = ("start", "epoch", "end")  # before learning, after one epoch, after all
PLAYED = ("steps", "return", "length")  # of each episode that was over while learning


def prepare(data: dict[str, Path], settings: dict, needs: dict[str, Path], device: str) -> dict:
    """Give the keywords of `train`.

    Args:
        data: `sessions`, a split of users, and `tables`, with their ratings.
        settings: `model`, `training`, `inference`, `environment` (to learn in) and `played_in` (to be judged in), as
            resolved from the study.
        needs: `start`, weights of the agent that this one goes on from, where it does.
        device: cpu or cuda.
    """
    world = partial(open_world, data, LEARNING, settings["environment"], device=device)
    return {"make": maker(data, settings, needs), "world": world}


def maker(data: dict[str, Path], settings: dict, needs: dict[str, Path]) -> Callable[[], nn.Module]:
    """Return a function that makes the agent, with the weights that it begins with."""

    def make() -> nn.Module:
        items = len(pl.read_parquet(data["sessions"] / "items.parquet", columns=["item"]))
        model = build(settings["model"], items=items)
        if "start" in needs:
            tensors = checkpoint.load(needs["start"])[0]
            model.begin(moment(tensors, "end"))
        return model

    return make


def train(
    make: Callable[[], nn.Module],
    world: Callable[..., Environment],
    training: dict,
    context: TrainingContext,
) -> tuple[dict[str, Tensor], dict]:
    """Let an agent learn for as many steps as its epochs have; a bound only looks at the world.

    Args:
        make: makes a fresh agent.
        world: opens the environment of the users to learn with.
        training: settings of the loop, see a study's `training`.
        context: seed, place of checkpoints, device and log.

    Returns:
        The weights after the last step, with those of the start and of the first epoch under `start/` and `epoch/`;
        the facts for the record, with every episode that was over in `played`.
    """
    torch.manual_seed(context.seed)
    model = make().to(context.device)
    if not isinstance(model, Agent):
        model.fit(world(episodes=1, memory=1))
        return model.state_dict(), run_facts()
    parallel = training["parallel"]
    online = Online(
        model, world(episodes=parallel, memory=model.memory, seed=context.seed), training, context
    )
    trainer = Trainer(online, context)
    weights, done = trainer.fit(), trainer.progress
    facts = run_facts(done.curve, trainer.epoch)
    facts |= {"learning_rate": online.schedule.learning_rate, "learned": learning(model)}
    facts |= {"steps_per_second": int(model.steps) / done.seconds}
    played = zip(PLAYED, online.played.T.tolist(), strict=True)
    return weights | checkpoint.join(online.moments), facts | {"played": dict(played)}


def learning(model: nn.Module) -> int:
    """Count the numbers that are learned."""
    return sum(one.numel() for one in model.parameters() if one.requires_grad)


class Online(Objective):
    """Act for some steps in all episodes, remember them, learn from a batch.

    Args:
        model: the agent.
        world: the environment.
        training: `parallel` episodes, `rows` of steps between two updates, `epoch_steps` of an epoch, `keep_epochs`
            between two checkpoints, `remembered` steps, `batch_size` and what the schedule knows.
        context: of the training.
    """

    def __init__(self, model: Agent, world: Environment, training: dict, context: TrainingContext):
        self.model, self.world, self.context = model, world, context
        self.rows, parallel = training["rows"], training["parallel"]
        self.schedule = Schedule.of(
            training,
            learning_rate=training["learning_rate"][0],
            validate_every=self.per_epoch(training) * training["keep_epochs"],
        )
        self.length = self.per_epoch(training)
        self.lookahead = model.lookahead or world.cap
        kept = max(training["remembered"] // parallel, self.lookahead + self.rows + 1)
        self.memory = Memory(kept, parallel, model.memory, context.device)
        self.generator = torch.Generator().manual_seed(context.seed)
        self.seen, _ = world.reset()
        self.sums = torch.zeros(parallel, 2, dtype=torch.float64)
        self.played = torch.zeros(0, len(PLAYED), dtype=torch.float64)
        self.updates = 0
        self.moments = {"start": self.copy(), "epoch": {}}

    def per_epoch(self, training: dict) -> int:
        """Count the updates of an epoch."""
        return max(1, training["epoch_steps"] // (training["parallel"] * training["rows"]))

    def copy(self) -> dict[str, Tensor]:
        """Copy the weights of the agent."""
        return {name: one.detach().cpu().clone() for name, one in self.model.state_dict().items()}

    def batches(self, epoch: int, skip: int) -> Iterator[Steps]:
        """Act, and look up what is learned from; at first until something is known."""
        for _ in range(skip, self.length):
            for _ in range(max(self.rows, self.waiting)):
                self.act()
            yield self.batch()

    @property
    def waiting(self) -> int:
        """Rows until a step is followed by as many as are added up."""
        return self.lookahead + 1 - self.memory.count if self.model.learns_from != "finished" else 0

    @torch.no_grad()
    def act(self) -> None:
        """Take a step in every episode; those that are over begin anew."""
        self.model.eval()
        seen = self.seen
        action = self.model.act(seen, self.generator, self.model.explore)
        self.seen, reward, left, capped, info = self.world.step(action)
        over = left | capped
        self.memory.add(seen, info.get("action", action), reward, over)
        self.model.advance(len(reward))
        self.note(reward, over)
        self.seen, _ = self.world.reset(options={"reset_mask": over})

    def note(self, reward: Tensor, over: Tensor) -> None:
        """Add up rewards and steps, and write down the episodes that are over."""
        self.sums += torch.stack([reward, torch.ones_like(reward)], dim=1).double().cpu()
        ended = self.sums[over.cpu()]
        steps = torch.full((len(ended), 1), float(self.model.steps), dtype=torch.float64)
        self.played = torch.cat([self.played, torch.cat([steps, ended], dim=1)])
        self.sums = self.sums.masked_fill(over.cpu()[:, None], 0.0)

    def batch(self) -> Steps:
        """Look up the steps of an update, as the agent learns."""
        discount, memory = self.model.discount, self.memory
        if self.model.learns_from == "newest":
            return memory.newest(self.rows, self.lookahead, discount)
        if self.model.learns_from == "finished":
            return memory.finished(self.rows, self.lookahead, discount)
        return memory.drawn(self.schedule.batch_size, self.lookahead, discount, self.generator)

    def loss(self, batch: Steps) -> Float[Tensor, ""]:
        """Let the agent compute the loss of some steps."""
        return self.model.loss(batch)

    def after_update(self) -> None:
        """Let the agent follow up."""
        self.updates += 1
        self.model.after_update(self.updates)

    def after_epoch(self, epoch: int) -> None:
        """Keep the weights of the first epoch."""
        if epoch == 0:
            self.moments["epoch"] = self.copy()

    def state(self) -> dict[str, Tensor]:
        """Return episodes, memory, what was played and the weights of earlier moments."""
        parts = {"world": self.world.state(), "memory": self.memory.state()}
        own = {"generator": self.generator.get_state(), "sums": self.sums, "played": self.played}
        own |= {"updates": torch.tensor(self.updates)}
        return checkpoint.join(parts | {"own": own} | self.moments)

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Go on from there."""
        self.world.load_state(checkpoint.below(tensors, "world"))
        self.memory.load_state(checkpoint.below(tensors, "memory"))
        own = checkpoint.below(tensors, "own")
        self.generator.set_state(own["generator"])
        self.sums, self.played, self.updates = own["sums"], own["played"], int(own["updates"])
        self.moments = {name: checkpoint.below(tensors, name) for name in self.moments}
        self.seen = self.world.observation()


def moment(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """Pick the weights of a moment of the training.

    Raises:
        ValueError: another moment.
    """
    if name not in MOMENTS:
        raise ValueError(f"after={name!r}: expected one of {', '.join(MOMENTS)}")
    if name == "end":
        return {key: one for key, one in tensors.items() if "/" not in key}
    return checkpoint.below(tensors, name)


def rank(
    data: dict[str, Path],
    tensors: dict[str, Tensor],
    settings: dict,
    needs: dict[str, Path],
    output: Path,
    device: str = "cpu",
) -> None:
    """Play episodes with the users of the test part; keep every step.

    Args:
        data, settings, needs, device: as for `prepare`; `inference` has `judged_on`, the part; `users` of it, the first
            ones, null for all; `episodes` of each user; `after`, the moment whose weights play; `choose`, how agents
            choose.
        tensors: the weights.
        output: parquet file, one row per step: `session` (the user), `episode`, `position` (from 1), `item`, `reward`.
    """
    asked, model = settings["inference"], maker(data, settings, {})()
    model.load_state_dict(moment(tensors, asked["after"]))
    users = len(pl.read_parquet(data["sessions"] / f"{asked['judged_on']}.parquet"))
    users = min(users, asked.get("users") or users)
    number = users * asked["episodes"]
    parts, environment = [asked["judged_on"]], settings["played_in"]
    given = {"episodes": number, "memory": model.memory, "seed": TEST_SEED, "device": device}
    world = open_world(data, parts, environment, **given)
    return write_steps(output, play(model.to(device).eval(), world, users, asked["choose"]))


TEST_SEED = 1  # of first items and of what agents draw when they are judged: the same for all


def play(model: nn.Module, world: Environment, users: int, explore: str) -> list[pl.DataFrame]:
    """Play an episode in each place of a world, its users in turn; list the steps, in the order of time."""
    generator = torch.Generator().manual_seed(TEST_SEED)
    user = torch.arange(world.episodes, device=world.user.device) % users
    seen, _ = world.reset(options={"users": user})
    if not isinstance(model, Agent):
        model.meet(world)
    alive, found = torch.ones_like(user, dtype=torch.bool), []
    for position in range(1, world.cap + 1):
        action = model.act(seen, generator, explore)
        seen, reward, left, capped, _ = world.step(action)
        columns = {"session": user, "episode": torch.arange(len(user)) // users, "item": action}
        columns |= {"reward": reward, "left": left}
        rows = {name: one.cpu()[alive.cpu()].numpy() for name, one in columns.items()}
        found.append(pl.DataFrame(rows).with_columns(position=pl.lit(position)))
        alive &= ~(left | capped)
        if not alive.any():
            break
    return found


STEP = {
    "session": pl.Int64,
    "episode": pl.Int32,
    "position": pl.Int32,
    "item": pl.Int32,
    "reward": pl.Float32,
    "left": pl.Boolean,
}


def write_steps(output: Path, parts: list[pl.DataFrame]) -> None:
    """Write the steps of all episodes, in the order of users, episodes and positions."""
    typed = [
        part.select(pl.col(name).cast(dtype) for name, dtype in STEP.items()) for part in parts
    ]
    rows = pl.concat([pl.DataFrame(schema=STEP), *typed]).sort("session", "episode", "position")
    with replacing(output) as draft:
        rows.write_parquet(draft)
