"""Several processes that learn the batches of an update together: each has some of them, and gradients are shared.

PyTorch's DistributedDataParallel shares them, over NCCL between GPUs and over gloo between processors. What is not a
gradient (batches, validation, the optimiser) is the same in every process; the first one alone writes. A process that
was not started by `recloop.fitting.launch` is a team of one.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from recloop.fitting.objective import Loss, Objective

LOCAL_RANK = "LOCAL_RANK"  # set by PyTorch's launcher


@dataclass(frozen=True)
class Place:
    """Which one of how many processes this is.

    Attributes:
        rank: counted from 0.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes for all."""
        return self.rank == 0


def here() -> Place:
    """Return the place of this process."""
    if distributed.is_available() and distributed.is_initialized():
        return Place(distributed.get_rank(), distributed.get_world_size())
    return Place()


@contextmanager
def joined(device: str) -> Iterator[Place]:
    """Meet the other processes of the launcher; on a GPU, work on the one of this process's number.

    Args:
        device: cpu or cuda.
    """
    if device == "cuda":
        torch.cuda.set_device(int(os.environ[LOCAL_RANK]))
    distributed.init_process_group("cpu:gloo,cuda:nccl" if device == "cuda" else "gloo")
    yield here()
    distributed.destroy_process_group()  # not after an error: the others may be waiting in it


@contextmanager
def first_alone() -> Iterator[None]:
    """Let the first process through the block, then the others: what it has put on disk they find."""
    place = here()
    if not place.leads:
        agreed(False)
    yield
    if place.leads and place.size > 1:
        agreed(False)


def agreed(*flags: bool) -> list[bool]:
    """Say of each flag whether any process has it raised; a GPU is not waited for."""
    if here().size == 1:
        return [*flags]
    told = torch.tensor(flags, dtype=torch.int32)
    distributed.all_reduce(told, distributed.ReduceOp.MAX)
    return [bool(one) for one in told.tolist()]


def of_the_first(value: float) -> float:
    """Return the first process's value."""
    if here().size == 1:
        return value
    told = torch.tensor(value, dtype=torch.float64)
    distributed.broadcast(told, 0)
    return told.item()


class Team:
    """The batches of a training and the processes that learn them.

    Args:
        objective: of the training.

    Raises:
        ValueError: the batches of an update depend on each other, or go on different processes than was planned.
    """

    def __init__(self, objective: Objective):
        self.objective, self.place = objective, here()
        self.shared: DistributedDataParallel | None = None
        if self.place.size > 1:
            check(objective, self.place.size)
            self.shared = sharing(LossOf(objective))

    def own(self, shares: list[tuple[Any, float]]) -> list[tuple[int, Any, float]]:
        """Pick the batches of this process.

        Args:
            shares: all batches of an update with their weights.

        Returns:
            The number of each batch in the update, the batch, and the factor of its loss. Where there are fewer batches
            than processes some learn nothing, from the first batch.
        """
        rank, size = self.place.rank, self.place.size
        found = [(number, *one) for number, one in enumerate(shares)][rank::size]
        found = found or [(0, shares[0][0], 0.0)]
        return [(number, batch, share * size) for number, batch, share in found]

    def loss(self, batch: Any) -> Loss:
        """Compute the loss of a batch."""
        return self.objective.loss(batch) if self.shared is None else self.shared(batch)

    def waiting(self, more: bool) -> AbstractContextManager:
        """Leave gradients unshared as long as there are more batches of the update."""
        return self.shared.no_sync() if self.shared is not None and more else nullcontext()

    def mean(self, loss: Tensor) -> Tensor:
        """Average the loss of an update over the processes."""
        if self.shared is None:
            return loss
        distributed.all_reduce(loss)
        return loss / self.place.size


class LossOf(nn.Module):
    """The loss of an objective as a module, which is what PyTorch shares the gradients of.

    Args:
        objective: whose loss and model these are.
    """

    def __init__(self, objective: Objective):
        super().__init__()
        self.model, self.objective = objective.model, objective

    def forward(self, batch: Any) -> Loss:
        """Compute the loss of a batch."""
        return self.objective.loss(batch)


def sharing(loss: LossOf) -> DistributedDataParallel:
    """Let the gradients of a loss be averaged over all processes; buffers are each one's own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the new name is not known to PyTorch 2.6
        return DistributedDataParallel(loss, broadcast_buffers=False, find_unused_parameters=True)


def check(objective: Objective, size: int) -> None:
    """Raise ValueError where several processes would learn something else than one."""
    name, planned = type(objective).__name__, objective.schedule.processes
    if not objective.divisible:
        raise ValueError(
            f"{name}: the batches of an update depend on each other; leave `processes` out"
        )
    if planned != size:
        raise ValueError(f"processes={planned}, but {size} were started")
    normed = [key for key, one in objective.model.named_modules() if isinstance(one, _BatchNorm)]
    if normed:
        raise ValueError(
            f"{name}: {normed[0]} normalises by what it saw of other batches; leave `processes` out"
        )
