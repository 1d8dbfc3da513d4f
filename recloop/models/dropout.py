"""Dropout whose masks cost little on a processor.

Srivastava et al. Dropout: A Simple Way to Prevent Neural Networks from Overfitting. JMLR 2014.

PyTorch draws one number after the other there, which took a third of an update of SASRec. Four numbers of 16 bits come
here from one draw of NumPy's SFC64, which PyTorch's generator seeds, so that a seed and a checkpoint hold for both. A
rate is rounded to 1/65,536.
"""

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.nn.functional import dropout as native

LEVELS = 1 << 16


class Dropout(nn.Module):
    """Drop values in training and scale up the others.

    Args:
        p: share that is dropped, from 0 to below 1.

    Raises:
        ValueError: another share.
    """

    def __init__(self, p: float = 0.5):
        super().__init__()
        if not 0 <= p < 1 or round(p * LEVELS) == LEVELS:
            raise ValueError(f"dropout={p}, but it is a share from 0 to below 1")
        self.p = p

    def forward(self, values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Drop some of the values."""
        return drop(values, self.p if self.training else 0.0)

    def extra_repr(self) -> str:
        """Show the share."""
        return f"p={self.p}"


def drop(values: Float[Tensor, "*shape"], rate: float) -> Float[Tensor, "*shape"]:
    """Set a share of the values to zero, each by itself, and scale up the others so that the mean stays."""
    if not rate:
        return values
    if values.device.type != "cpu":
        return native(values, rate)
    return values * kept(values, rate)


def kept(values: Float[Tensor, "*shape"], rate: float) -> Float[Tensor, "*shape"]:
    """Draw which values stay: what to multiply them with, 0 or 1 / (1 - rate)."""
    dropped = round(rate * LEVELS)
    found = torch.empty_like(values, memory_format=torch.contiguous_format, requires_grad=False)
    torch.ge(draws(values.numel()).view(values.shape), dropped - LEVELS // 2, out=found)
    return found.mul_(LEVELS / (LEVELS - dropped))


def draws(number: int) -> Shaped[Tensor, " number"]:
    """Draw whole numbers of 16 bits, each as likely as any other."""
    seed = int(torch.randint(1 << 62, ()))
    generator = np.random.Generator(np.random.SFC64(seed))
    four = generator.integers(0, 1 << 64, -(-number // 4), dtype=np.uint64)
    return torch.from_numpy(four.view(np.int16)[:number])
