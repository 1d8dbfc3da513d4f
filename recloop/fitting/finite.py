"""Numbers that are no numbers: where one turns up, the run stops and says where."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

REMEDY = "training has diverged; lower learning_rate"
UNTAUGHT = (
    "nothing was learned yet; look for NaN in the data and in the weights that it starts from"
)


class Diverged(ValueError):
    """A loss, a score or a metric is NaN or infinite."""


class Spoiled(Diverged):
    """It is so before anything was learned: not the training is at fault, but what it was given."""


def check_finite(value: float, what: str) -> float:
    """Return a number.

    Raises:
        Diverged: it is NaN or infinite; `what` names it.
    """
    if not math.isfinite(value):
        raise Diverged(f"{what} is {value}: {REMEDY}")
    return value


def check_rows(values: Tensor, name: Callable[[int], str]) -> None:
    """Raise `Diverged` for the first row of a table with a number that is NaN or infinite.

    Args:
        values: rows of numbers.
        name: says what a row is.
    """
    wrong = ~values.isfinite().all(1)
    if wrong.any():
        raise Diverged(f"{name(int(wrong.nonzero()[0]))} is not a finite number: {REMEDY}")


class Losses:
    """The losses since the last validation, added up where they are computed.

    Reading a number from a GPU waits for all that it still has to do; so a GPU is asked only now and then, and
    remembers which update was the first whose loss is not finite.

    Args:
        device: where losses are computed.
    """

    seldom = 64  # updates between two looks at a GPU

    def __init__(self, device: torch.device | str):
        self.device = torch.device(device)
        self.count = 0
        self.total = torch.zeros((), dtype=torch.double, device=self.device)
        self.bad = torch.full((), -1, dtype=torch.long, device=self.device)

    def add(self, loss: Tensor, update: int) -> None:
        """Add the loss of an update.

        Raises:
            Diverged: the loss, or one since the last look, is not finite.
        """
        loss = loss.detach()
        self.total += loss
        self.count += 1
        first = (self.bad < 0) & ~torch.isfinite(loss)
        self.bad = torch.where(first, update, self.bad)
        if self.device.type == "cpu" or update % self.seldom == 0:
            self.check()

    def check(self) -> None:
        """Raise `Diverged` if a loss was not finite, `Spoiled` if it was the first of all."""
        update = int(self.bad)
        if update >= 0:
            kind, remedy = (Spoiled, UNTAUGHT) if update == 1 else (Diverged, REMEDY)
            raise kind(f"the loss of update {update} is not a finite number: {remedy}")

    def mean(self) -> float:
        """Average the losses."""
        return self.sum() / self.count

    def sum(self) -> float:
        """Add the losses up, after a look whether all are finite."""
        self.check()
        return self.total.item()

    def reset(self, total: float = 0.0, count: int = 0) -> None:
        """Begin anew, or where a checkpoint was written."""
        self.total.fill_(total)
        self.count = count
