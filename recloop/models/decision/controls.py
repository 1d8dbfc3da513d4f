"""Controls of return conditioning: the same training in which returns cannot say what followed. All are ours.

What still helps with them was not the doing of the returns that a decision transformer is conditioned on.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

KINDS = ("log", "none", "constant", "shuffled")

Returns = dict[str, Tensor]  # by name, each of shape (batch, time)


class Moments(nn.Module):
    """Mean and standard deviation of each return over the steps met in training so far.

    Args:
        names: of the returns.
    """

    def __init__(self, names: Sequence[str]):
        super().__init__()
        self.names = tuple(names)
        # Added up over all updates: in single precision the later ones would be lost.
        for part in ("number", "total", "square"):
            self.register_buffer(part, torch.zeros(len(self.names), dtype=torch.double))

    @torch.no_grad()
    def count(
        self, returns: Returns, real: Bool[Tensor, "batch time"] | tuple[Tensor, Tensor]
    ) -> None:
        """Add the returns of the real steps, which a mask or an index tells."""
        for name, values in returns.items():
            place, values = self.names.index(name), values[real].double()
            self.number[place] += len(values)
            self.total[place] += values.sum()
            self.square[place] += values.square().sum()

    def mean(self, name: str) -> Float[Tensor, ""]:
        """Return the mean; 0 before anything was met."""
        place = self.names.index(name)
        return (self.total[place] / self.number[place].clamp_min(1)).float()

    def deviation(self, name: str) -> Float[Tensor, ""]:
        """Return the standard deviation; 1 where all returns are alike."""
        place = self.names.index(name)
        number = self.number[place].clamp_min(1)
        variance = self.square[place] / number - (self.total[place] / number).square()
        return torch.where(variance > 1e-12, variance, 1.0).sqrt().float()


class Control(nn.Module):
    """What stands in the place of the returns, where they are given and where they are to be predicted alike.

    Args:
        kind: `log`: the returns themselves. `none`: none, so that their tokens are left out. `constant`: the mean of
            each over training, in training and when asked; the tokens stay and carry nothing. `shuffled`: in training
            those of other sessions of the batch at the same step, so that every step keeps its multiset of returns
            and only which session they belong to is lost.
        names: of the returns.

    Raises:
        ValueError: there is no such control.
    """

    def __init__(self, kind: str, names: Sequence[str]):
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"returns={kind!r}: take {', '.join(KINDS)}")
        self.kind = kind
        self.moments = Moments(names) if kind == "constant" else None

    @property
    def given(self) -> bool:
        """Say whether the model is given returns at all."""
        return self.kind != "none"

    def logged(self, returns: Returns, real: Bool[Tensor, "batch time"]) -> Returns:
        """Return what training takes for the returns of the log; `real` marks the steps that are no padding."""
        if self.kind == "shuffled":
            return shuffled(returns, real)
        if self.moments:
            self.moments.count(returns, real)
        return self.asked(returns)

    def asked(self, returns: Returns) -> Returns:
        """Return what is asked for in the place of the desired returns."""
        if not self.moments:
            return returns
        return {name: self.moments.mean(name).expand_as(values) for name, values in returns.items()}


def shuffled(returns: Returns, real: Bool[Tensor, "batch time"]) -> Returns:
    """Permute returns between the sessions that have a step, for each step anew; those of one session stay together."""
    to = real.int().argsort(dim=0, descending=True, stable=True)  # the real rows of a step first
    drawn = torch.rand(real.shape, device=real.device) + real
    taken = drawn.argsort(dim=0, descending=True)  # and so here, in random order
    return {
        name: values.scatter(0, to, values.gather(0, taken)) for name, values in returns.items()
    }
