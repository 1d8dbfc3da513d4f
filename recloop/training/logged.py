"""Learning from logged sessions, and perhaps again from those that the learned policy then collects."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from recloop.fitting.context import TrainingContext
from recloop.fitting.objective import Objective
from recloop.fitting.progress import run_facts
from recloop.fitting.schedule import Schedule
from recloop.fitting.trainer import Trainer
from recloop.fitting.tuning import RATE, best_rate, tune
from recloop.models.offline.learner import Learner, Sessions, returns_of
from recloop.simulators.shoppers import Shoppers
from recloop.storage import checkpoint
from recloop.training import shopping
from recloop.training.experience import Log, gathered
from recloop.training.shop import Shop, open_shop

SAMPLE = 256  # sessions from which the scale of returns is read
REWARDS = ("logged", "shuffled", "dealt")


def prepare(data: dict[str, Path], settings: dict, needs: dict[str, Path], device: str) -> dict:
    """Give the keywords of `train`.

    Args:
        data: `dialogues`, `catalogue`, `features` and `experience`.
        settings: `model`, `training` and `environment`.
        needs: weights of `perception` and `speaker`.
        device: cpu or cuda.
    """
    shop = open_shop(data, settings["environment"], needs)
    log = Log.read(data["experience"], len(shop.codes.names))
    users = partial(shop.open, settings=settings["environment"], device=device)
    asked = settings["inference"]["choose"]
    make = partial(made, settings, shop)
    return {"make": make, "shop": shop, "log": log, "users": users, "choose": asked}


def made(settings: dict, shop: Shop, **changed: Any) -> Learner:
    """Make the recommender of some settings, of which some may be others."""
    return shopping.maker(settings | {"model": settings["model"] | changed}, shop)()


def train(
    make: Callable[..., Learner],
    shop: Shop,
    log: Log,
    users: Callable[..., Shoppers],
    choose: str,
    training: dict,
    context: TrainingContext,
) -> tuple[dict[str, Tensor], dict]:
    """Let a recommender learn from a log alone, or collect anew between the iterations of its training.

    Where `training.tried` names a setting it first tries each of `tried_values` for `tuning_epochs`, with the log as it
    is, and takes the one with which validation users were spared most turns.

    Two controls have other `training.rewards`: `shuffled` ones are dealt to other turns without their mean and say
    nothing; `dealt` ones keep it, so that what remains of them is how long a session was.

    Returns:
        The last weights, with those after each iteration under `iteration1/` and so on; facts for the record.

    Raises:
        ValueError: other rewards.
    """
    if training["rewards"] not in REWARDS:
        raise ValueError(f"rewards={training['rewards']!r}: expected one of {', '.join(REWARDS)}")
    if training["rewards"] != "logged":
        centred = training["rewards"] == "shuffled"
        log = log.dealt(context.generator(-1), centred)

    def trainer(changed: dict, training: dict, context: TrainingContext) -> Trainer:
        torch.manual_seed(context.seed)
        own = {key: value for key, value in changed.items() if key != RATE}
        rates = {RATE: [changed[RATE]]} if RATE in changed else {}
        model = make(**own).to(context.device)
        return Trainer(Logged(model, shop, log, users, choose, training | rates, context), context)

    chosen, tried = settled(trainer, training, context)
    whole = trainer(chosen, training, context)
    whole.fit()
    logged, done = whole.objective, whole.progress
    facts = run_facts(done.curve, whole.epoch, tuning=tried)
    facts |= {"chosen": chosen, "sessions": len(logged.log)}
    return logged.copy() | checkpoint.join(logged.kept), facts


ONCE = {"iterations": 1, "collected": 0}  # of trials: the log as it is


def settled(
    trainer: Callable[[dict, dict, TrainingContext], Trainer],
    training: dict,
    context: TrainingContext,
) -> tuple[dict[str, float], list[dict]]:
    """Choose a setting of the model, or the learning rate, before the training; nothing where `tried` names none.

    Args:
        trainer: makes a training from what is changed of the model, settings of training, and a context.
        training: `tried`, `tried_values` and `tuning_epochs`.
        context: of the run.

    Returns:
        The setting with the value that is taken, and the trials.
    """
    setting = training.get("tried")
    if not setting:
        return {}, []
    values, metric = training["tried_values"], shopping.SAVED

    def trial(value: float, epochs: int, within: TrainingContext) -> Trainer:
        return trainer({setting: value}, training | ONCE | {"epochs": epochs}, within)

    tried = tune(trial, values, training["tuning_epochs"], context, metric, setting)
    value = best_rate(tried, values, metric, setting)
    context.log(f"takes {setting} {value}")
    return {setting: value}, tried


class FromLog(Objective):
    """What the objectives over a log of sessions share: how they draw.

    A subclass sets `log`, `context`, and `vectors` and `sentences`, what is seen of items and heard.
    """

    log: Log
    context: TrainingContext
    vectors: Tensor
    sentences: Tensor

    def take(self, rows: Tensor) -> Sessions:
        """Look some sessions up."""
        return self.log.take(rows, self.vectors, self.sentences)

    def batches(self, epoch: int, skip: int) -> Iterator[Sessions]:
        """Draw sessions for each update, by seed, epoch and place alone."""
        for place in range(skip, self.length):
            generator = self.context.generator(epoch * self.length + place)
            size = (self.schedule.batch_size,)
            yield self.take(torch.randint(len(self.log), size, generator=generator))


class Logged(FromLog):
    """Sessions drawn from a log.

    Args:
        model: the recommender.
        shop: what is seen and heard of items and sentences.
        log: of sessions.
        users: opens sessions to collect in, and those that say whether it is trained out: the last weights are kept.
        choose: how it chooses where it is validated.
        training: `batch_size` sessions of an update, `epoch_updates`, `iterations`, in equal parts of the epochs,
            `collected` sessions after each but the last, and `noise` on the scores when these are collected.
        context: of the training.

    Raises:
        ValueError: epochs that cannot be parted into iterations.
    """

    metric = shopping.SAVED

    def __init__(
        self,
        model: Learner,
        shop: Shop,
        log: Log,
        users: Callable[..., Shoppers],
        choose: str,
        training: dict,
        context: TrainingContext,
    ):
        self.choose = choose
        self.model, self.shop, self.log, self.users = model, shop, log, users
        self.training, self.context = training, context
        self.schedule = Schedule.of(training, learning_rate=training["learning_rate"][0])
        self.length, self.iterations = training["epoch_updates"], training["iterations"]
        if self.schedule.epochs % self.iterations:
            raise ValueError(
                f"{self.schedule.epochs} epochs cannot be parted into {self.iterations} iterations"
            )
        self.vectors = shop.vectors.to(context.device)
        self.sentences = shop.heard_by(model).to(context.device)
        self.kept: dict[str, dict[str, Tensor]] = {}
        if hasattr(model, "meet"):
            model.meet(shop.shelf("train"), self.sentences)
        rows = torch.randperm(len(log), generator=context.generator(-2))[:SAMPLE]
        model.calibrate(returns_of(self.take(rows), getattr(model, "discount", 1.0)))

    def loss(self, batch: Sessions) -> Float[Tensor, ""]:
        """Let the recommender compute the loss."""
        return self.model.loss(batch)

    def after_update(self) -> None:
        """Let the recommender follow up."""
        self.model.after_update()

    def after_epoch(self, epoch: int) -> None:
        """Keep the weights of an iteration, deploy them and add what they collect to the log."""
        done, inside = divmod((epoch + 1) * self.iterations, self.schedule.epochs)
        if inside or self.iterations == 1:
            return
        self.kept[f"iteration{done}"] = self.copy()
        if done < self.iterations:
            self.log = self.log.joined(self.collect(done))

    def copy(self) -> dict[str, Tensor]:
        """Copy the weights."""
        return {name: one.detach().cpu().clone() for name, one in self.model.state_dict().items()}

    def evaluate(self) -> float:
        """Serve validation users."""
        number, seed = self.training["validated"], shopping.TEST_SEED
        users = self.users(part="valid", sessions=number, seed=seed)
        return shopping.turns_saved(self.model, users, self.sentences, self.choose)

    def collect(self, iteration: int) -> Log:
        """Collect sessions with noise on the scores of the policy."""
        number, seed = self.training["collected"], self.context.seed * 1000 + iteration
        side_by_side = min(number, self.training["parallel"])
        users = self.users(part="train", sessions=side_by_side, seed=seed)
        self.model.eval()
        choose: Any = partial(noisy, self.model, self.training["noise"])
        rows = gathered(self.model, users, self.sentences, choose, number, seed)
        return Log(rows, len(self.shop.codes.names))

    def state(self) -> dict[str, Tensor]:
        """Return the log, which grows, and the weights of earlier iterations."""
        if self.iterations == 1:
            return {}
        own = self.log.parts | {"length": self.log.length}
        return checkpoint.join({"log": own} | self.kept)

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Go on from there."""
        if not tensors:
            return
        own = checkpoint.below(tensors, "log")
        self.log.length = own.pop("length")
        self.log.start = self.log.length.cumsum(0) - self.log.length
        self.log.parts = own
        names = {name.partition("/")[0] for name in tensors} - {"log"}
        self.kept = {name: checkpoint.below(tensors, name) for name in sorted(names)}


@torch.no_grad()
def noisy(model: Learner, noise: float, state: Tensor, generator: torch.Generator) -> Tensor:
    """Choose with Gaussian noise on the scores, as devices do that must not all be alike (Model Deployment)."""
    scores = model.scores(state)
    drawn = torch.randn(scores.shape, generator=generator).to(scores.device)
    return model.space.draw(scores + noise * drawn, generator)


def rank(
    data: dict[str, Path],
    tensors: dict[str, Tensor],
    settings: dict,
    needs: dict[str, Path],
    output: Path,
    device: str = "cpu",
) -> None:
    """Let users of the test part be served, perhaps by the weights of an earlier iteration.

    Args:
        data, settings, needs, output, device: as for `shopping.rank`; `inference.iteration` is a number, or null for
            the last weights.
        tensors: the weights.
    """
    asked = settings["inference"]["iteration"]
    if asked is not None:
        tensors = checkpoint.below(tensors, f"iteration{asked}")
    shopping.rank(data, tensors, settings, needs, output, device)
