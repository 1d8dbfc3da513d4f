"""Rule `train_simulator`: logged sessions to a language model as environment (thesis, chapter 6, Eqs. 6.1 and 6.2).

Reward model and state model share one adapter and learn together from a share of the users.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import logsigmoid

from recloop.data.batches import Sessions, cut
from recloop.fitting import processor
from recloop.fitting.context import TrainingContext
from recloop.fitting.objective import Objective
from recloop.fitting.progress import Metric
from recloop.fitting.schedule import Schedule
from recloop.fitting.team import here
from recloop.fitting.trainer import Trainer
from recloop.simulators.histories import Histories, negatives, share_of
from recloop.simulators.language import LanguageEnvironment
from recloop.simulators.saving import write

METRIC = Metric("valid_preferred", "preferred")
VALIDATED = 200  # histories of the validation part by which an epoch is chosen (ours)


class Feedback(Objective):
    """Prefer what the user took to what was drawn (Eq. 6.1), and bring the state near to it (Eq. 6.2).

    Args:
        environment: whose adapters and head learn.
        train, valid: histories.
        state_loss: weight of the state model's loss.
        schedule: `batch_size` counts histories.
        context: of the training.
    """

    metric = METRIC
    divisible = True

    def __init__(
        self,
        environment: LanguageEnvironment,
        train: Histories,
        valid: Histories,
        state_loss: float,
        schedule: Schedule,
        context: TrainingContext,
    ):
        self.environment, self.model = environment, environment.parts()
        self.train, self.valid, self.state_loss = train, valid, state_loss
        self.schedule, self.context = schedule, context
        self.length = -(-len(train) // schedule.batch_size)
        self.others = negatives(valid, environment.tokens.items, torch.Generator().manual_seed(0))

    def batches(self, epoch: int, skip: int) -> Iterable[tuple[Int[Tensor, " row"], int]]:
        """List the histories of each batch, with the number by which its negatives are drawn."""
        order = torch.randperm(len(self.train), generator=self.context.generator(epoch))
        parts = order.split(self.schedule.batch_size)
        first = (epoch + 1) << 20  # numbers that no epoch has
        return [(rows, first + number) for number, rows in enumerate(parts)][skip:]

    def loss(self, batch: tuple[Int[Tensor, " row"], int]) -> Float[Tensor, ""]:
        """Add both losses up."""
        rows, number = batch
        drawn = self.train.take(rows)
        other = negatives(drawn, self.environment.tokens.items, self.context.generator(number))
        scores = self.environment.reward(
            drawn.seen * 2, [*drawn.following.tolist(), *other.tolist()]
        )
        taken, refused = scores.chunk(2)
        loss = -logsigmoid(taken - refused).mean()  # Eq. 6.1
        if self.state_loss and len(rows) > 1:
            vectors = self.environment.vectors[drawn.following.to(scores.device)]
            loss = loss + self.state_loss * contrast(
                self.environment.state(drawn.seen), vectors, drawn.following.to(scores.device)
            )
        return loss

    def evaluate(self) -> float:
        """Measure how often the reward of what was taken is above that of what was drawn; equal counts half."""
        pairs = torch.stack([self.valid.following, self.others], 1)
        taken, refused = self.environment.rewards(self.valid.seen, pairs).unbind(1)
        return ((taken > refused).float() + 0.5 * (taken == refused).float()).mean().item()


def contrast(
    states: Float[Tensor, "row dim"],
    actions: Float[Tensor, "row dim"],
    items: Int[Tensor, " row"],
) -> Float[Tensor, ""]:
    """Compute Eq. 6.2: each state against the other actions of the batch, those of the same item left out."""
    scores = states @ actions.T
    margin = scores.diagonal()[:, None] - scores
    other = items[:, None] != items
    return -(logsigmoid(margin) * other).sum() / other.sum().clamp_min(1)


def train(
    sessions: Path,
    item_tokens: Path,
    settings: dict,
    output: Path,
    seed: int,
    language_model: Path | None = None,
    device: str = "cpu",
    threads: int = 1,
    log: Callable[[str], None] = print,
) -> None:
    """Teach a language model to answer as the users of a log would; the first process of a team writes.

    Args:
        sessions: folder of a split; of part train a share is learnt, part valid chooses the epoch.
        item_tokens: folder of `learn_item_tokens`.
        settings: of the environment, with `training`; no epochs leave it as it is (a placebo).
        output: folder for weights.safetensors (adapters and head), vocabulary.json (the prompts), curve.csv and
            simulator.json.
        seed: of adapters, head, users and negatives.
        language_model: folder of a model of ours.
        device: cpu or cuda.
        threads: of the processor.
        log: takes a line per epoch.
    """
    processor.use(threads)
    started = time.monotonic()
    data = {"sessions": sessions, "item_tokens": item_tokens}
    data |= {"language_model": language_model} if language_model else {}
    environment = LanguageEnvironment.open(settings, None, data, device, seed)
    draft = output.with_name(f"{output.name}.part")
    context = TrainingContext(seed, draft, device, log, f"environment of {sessions.name}")
    objective = objective_of(environment, sessions, settings, context)
    curve, weights = fitted(objective, settings, {"settings": settings, "seed": seed}, context)
    if not here().leads:
        return
    record = {"settings": settings, "seed": seed, "histories": len(objective.train)}
    record |= {METRIC.column: max((row[METRIC.column] for row in curve), default=None)}
    record |= {"parameters": sum(one.numel() for one in weights.values())}
    write(
        output, weights, settings, curve, METRIC, record | {"seconds": time.monotonic() - started}
    )
    shutil.rmtree(draft, ignore_errors=True)


def objective_of(
    environment: LanguageEnvironment, sessions: Path, settings: dict, context: TrainingContext
) -> Feedback:
    """Read what is learnt and what chooses."""
    items, length, parts = environment.tokens.items, settings["length"], {}
    for part in ("train", "valid"):
        parts[part] = cut(Sessions.read(sessions / f"{part}.parquet"), length, items)
    own = share_of(parts["train"], settings["share"], context.seed)
    valid = Histories.of(parts["valid"], items).some(VALIDATED, seed=0)
    names = ("learning_rate", "batch_size", "epochs", "patience", "warm_up")
    names += ("accumulate", "processes")
    given = {name: value for name, value in settings["training"].items() if name in names}
    given |= {"epochs": max(1, given["epochs"])}
    schedule = Schedule(**given, keeps="trained", clip_norm=1.0)
    weight = settings["state_loss"]
    return Feedback(environment, Histories.of(own, items), valid, weight, schedule, context)


def fitted(
    objective: Feedback, settings: dict, origin: dict, context: TrainingContext
) -> tuple[list[dict], dict[str, Tensor]]:
    """Train, or leave everything as it is where there are no epochs."""
    trainer = Trainer(objective, context, origin)
    if not settings["training"]["epochs"]:
        return [], trainer.weights()
    weights = trainer.fit()
    return trainer.progress.curve, weights
