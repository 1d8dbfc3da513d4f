"""Logged sessions to weights: shuffled windows, and the next item of each of their steps."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.data.batches import Batch, Events, Sessions, cut
from recloop.evaluation.ranker import Ranks
from recloop.evaluation.ranker import rank as rank_events
from recloop.evaluation.ranking import GAINS, expected_gain
from recloop.fitting.context import TrainingContext
from recloop.fitting.objective import Objective
from recloop.fitting.progress import NDCG
from recloop.fitting.schedule import Schedule
from recloop.fitting.tuning import fit_tuned
from recloop.training.sequences import prepare, rank, validation_events

__all__ = ["LoggedSessions", "NextItems", "fit_sessions", "prepare", "rank", "train"]

# Numbers in the widest states of a batch from which on its products are large; measured.
WIDE = 1 << 17
SELECTION_CUTOFF = 10  # models are selected by NDCG@10 on the validation part, all of them


class LoggedSessions(Objective):
    """What the objectives over logged sessions share: selection by NDCG@10, and the second Adam of SA2C.

    A subclass has `ranks`, and sets `targets`, the targets of an epoch.

    Args:
        model: has `loss` and `score`.
        schedule, context: of the training.
    """

    metric = NDCG
    targets: int

    def __init__(self, model: nn.Module, schedule: Schedule, context: TrainingContext):
        self.model, self.schedule, self.context = model, schedule, context

    def ranks(self) -> Ranks:
        """Rank the validation events."""
        raise NotImplementedError

    def evaluate(self) -> float:
        """Average NDCG@10 over the validation events."""
        ranks = self.ranks()
        gains = expected_gain(ranks.better, ranks.tied, SELECTION_CUTOFF, GAINS["NDCG"])
        return gains.mean().item()

    @property
    def head_start(self) -> int:
        """The warm-up of a model that has one: tuning and training reach beyond it, however long it is."""
        return getattr(self.model, "warm_up", 0)

    def phase(self, update: int) -> int:
        """Begin a second phase after the warm-up of a model that has one, if there is a rate for it."""
        second = self.schedule.second_rate is not None and hasattr(self.model, "warm_up")
        return int(second and update >= self.head_start)

    def optimisers(self, phase: int) -> dict[str, torch.optim.Optimizer]:
        """Make the Adam of a phase."""
        rate = self.schedule.second_rate if phase else self.schedule.learning_rate
        decay = self.schedule.weight_decay
        parameters = self.model.parameters()
        return {"all": torch.optim.Adam(parameters, lr=rate, weight_decay=decay, fused=True)}


class NextItems(LoggedSessions):
    """The next item at every step of shuffled windows.

    Args:
        model: has `loss(batch)` and `score(session)`.
        windows: the training part, cut.
        events: validation events, ranked against the full catalogue.
        schedule: `batch_size` counts targets, on average; whole windows make a batch.
        context: of the training.
    """

    def __init__(
        self,
        model: nn.Module,
        windows: Batch,
        events: Events,
        schedule: Schedule,
        context: TrainingContext,
    ):
        super().__init__(model, schedule, context)
        self.windows, self.events = windows, events
        self.steps = (windows.following != events.padding).sum(1)
        self.targets = int(self.steps.sum())
        self.rows = max(1, round(schedule.batch_size * len(windows) / self.targets))
        self.length = -(-len(windows) // self.rows)
        widths = [one.shape[1] for one in model.parameters() if one.dim() == 2]
        self.wide = schedule.batch_size * max(widths, default=0) >= WIDE

    def batches(self, epoch: int, skip: int) -> Iterator[Int[Tensor, " row"]]:
        """List the rows of each batch; they depend only on the seed and on epoch or update."""
        if self.schedule.draws == "independent":
            return self.independent_batches(epoch, skip)
        order = torch.randperm(len(self.windows), generator=self.context.generator(epoch))
        return iter(order.split(self.rows)[skip:])

    def independent_batches(self, epoch: int, skip: int) -> Iterator[Int[Tensor, " row"]]:
        """Draw each batch from all windows, whatever was drawn before."""
        for number in range(epoch * self.length + skip, (epoch + 1) * self.length):
            generator = self.context.generator(number)
            yield torch.randint(len(self.windows), (self.rows,), generator=generator)

    def loss(self, batch: Int[Tensor, " row"]) -> Float[Tensor, ""]:
        """Let the model compute the loss of some windows."""
        return self.model.loss(self.windows.take(batch, self.context.device))

    def size(self, batch: Int[Tensor, " row"]) -> int:
        """Count the targets of a batch."""
        return int(self.steps[batch].sum())

    def ranks(self) -> Ranks:
        """Rank the validation events."""
        return rank_events(self.model, self.events, 0, self.context.device)


def train(
    make: Callable[[], nn.Module],
    parts: dict[str, Sessions],
    items: int,
    training: dict,
    context: TrainingContext,
) -> tuple[dict[str, Tensor], dict]:
    """Choose the learning rate on the validation part, then train with it.

    Args:
        make: makes a fresh model.
        parts: `train` and `valid`.
        items: size of the catalogue.
        training: settings of the loop, see a study's `training`.
        context: seed of weights, batches, dropout and drawn items; folder for checkpoints; device; log.

    Returns:
        The best weights and the facts for the record.
    """
    windows = cut(parts["train"], training["length"], items)
    events = validation_events(parts["valid"], training, items)
    objective = partial(NextItems, windows=windows, events=events)
    return fit_sessions(make, objective, training, context)


def fit_sessions(
    make: Callable[[], nn.Module],
    objective: Callable[..., LoggedSessions],
    training: dict,
    context: TrainingContext,
    **fixed: Any,
) -> tuple[dict[str, Tensor], dict]:
    """Tune and train over logged sessions; record how many targets a second takes.

    Args:
        make: makes a fresh model.
        objective: takes `model`, `schedule` and `context`.
        training, context: as for `train`.
        fixed: what of the schedule is the loop's and no setting.
    """

    def begin(schedule: Schedule, moment: TrainingContext) -> LoggedSessions:
        return objective(model=make().to(moment.device), schedule=schedule, context=moment)

    weights, facts, trained = fit_tuned(begin, training, context, NDCG, **fixed)
    return weights, facts | {"targets_per_second": trained.per_second(trained.objective.targets)}
