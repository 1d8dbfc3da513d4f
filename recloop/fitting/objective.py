"""What a training minimises: a model, its batches, its loss, and what chooses the best epoch."""

from collections.abc import Iterable
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from recloop.fitting.progress import Metric
from recloop.fitting.schedule import Schedule

Loss = Tensor | dict[str, Tensor]


@runtime_checkable
class Objective(Protocol):
    """One way of training. Classes that name it as their base need only `batches` and `loss`.

    Attributes:
        model: all that has weights, on its device; several models are one `nn.ModuleDict`.
        schedule: of the training.
        length: batches of an epoch.
        metric: what chooses the best epoch; None where nothing is validated and the last weights are kept.
        head_start: updates in which not all that is to be compared is at work yet: neither epochs nor patience count
            before their end, and the best weights are chosen after it.
        divisible: whether several processes can learn the batches of an update: `loss` is one loss, which depends on
            the batch, the weights and torch's random state alone and changes nothing else.
        wide: whether most products of an update are large and their shapes few, see `recloop.fitting.processor`.
    """

    model: nn.Module
    schedule: Schedule
    length: int
    metric: Metric | None = None
    head_start: int = 0
    divisible: bool = False
    wide: bool = False

    def batches(self, epoch: int, skip: int) -> Iterable[Any]:
        """List the batches of an epoch, counted from 0, without the first `skip`.

        They depend on seed, epoch and place alone, or on `state`. A batch may be drawn or acted for when it is asked
        for: the one before has been learned by then, and nothing is asked for that is not learned.
        """
        ...

    def loss(self, batch: Any) -> Loss:
        """Compute the loss of a batch: one for all optimisers, or by name one for each."""
        ...

    def evaluate(self) -> float | None:
        """Compute the `metric` on validation data; the model is in evaluation mode, gradients are off."""
        return None

    def state(self) -> dict[str, Tensor]:
        """Return what goes from one update to the next besides weights, optimisers and torch's random state."""
        return {}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Put `state`, which comes on the CPU, back to its places."""

    def optimisers(self, phase: int) -> dict[str, Optimizer]:
        """Make the optimisers of a phase; parameter groups may have learning rates of their own.

        One Adam for every parameter that learns, unless an objective says otherwise.
        """
        rate = self.schedule.learning_rate
        decay = self.schedule.weight_decay
        parameters = [one for one in self.model.parameters() if one.requires_grad]
        return {"all": torch.optim.Adam(parameters, lr=rate, weight_decay=decay, fused=True)}

    def phase(self, update: int) -> int:
        """Return the phase of an update, counted from 0; new optimisers start with each phase."""
        return 0

    def size(self, batch: Any) -> int:
        """Weigh a batch among those whose gradients make one update."""
        return 1

    def after_update(self) -> None:
        """Do what an update is followed by, e.g. keep a weight in its range."""

    def after_epoch(self, epoch: int) -> None:
        """Do what an epoch is followed by, before it is validated, e.g. an exchange between two models."""
