"""NextItNet, a session encoder of dilated causal convolutions.

Yuan et al. A Simple Convolutional Generative Network for Next Item Recommendation. WSDM 2019.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad

from recloop.models.backbones.embedding import Encoder


class NextItNet(Encoder):
    """Residual blocks whose view of the past widens with their dilation.

    Args:
        items: how many items there are; id `items` is padding.
        dim: width of an item embedding and of a state, the channels of every convolution.
        length: longest session it will be given; the convolutions themselves know no limit.
        kernel: steps that one convolution reads.
        dilations: steps between those, one entry per residual block.
    """

    def __init__(
        self,
        items: int,
        dim: int = 64,
        length: int = 10,
        kernel: int = 3,
        dilations: Sequence[int] = (1, 2, 1, 2, 1, 2),
    ):
        super().__init__(items, dim, length)
        self.blocks = nn.Sequential(*(ResidualBlock(dim, kernel, step) for step in dilations))

    def encode(self, embedded: Float[Tensor, "batch time dim"]) -> Float[Tensor, "batch time dim"]:
        """Turn embedded items into states."""
        # The original masks padding after each block; on the right of a causal net it harms nobody.
        return self.blocks(embedded)


class ResidualBlock(nn.Module):
    """Two causal convolutions, the second with twice the dilation, around a shortcut."""

    def __init__(self, dim: int, kernel: int, dilation: int):
        super().__init__()
        self.transform = nn.Sequential(
            CausalConvolution(dim, kernel, dilation),
            nn.LayerNorm(dim, eps=1e-8),  # authors' code
            nn.ReLU(),
            CausalConvolution(dim, kernel, 2 * dilation),
            nn.LayerNorm(dim, eps=1e-8),
            nn.ReLU(),
        )

    def forward(self, states: Float[Tensor, "batch time dim"]) -> Float[Tensor, "batch time dim"]:
        """Add what the convolutions find to each state."""
        return states + self.transform(states)


class CausalConvolution(nn.Linear):
    """Dilated convolution over time that reads `kernel` steps, the last of them the present one.

    One matrix product over stacked shifts: five times as fast as Conv1d on a CPU at ten steps.
    """

    def __init__(self, dim: int, kernel: int, dilation: int):
        super().__init__(kernel * dim, dim)
        self.shifts = [step * dilation for step in range(kernel)]

    def forward(self, states: Float[Tensor, "batch time dim"]) -> Float[Tensor, "batch time dim"]:
        """Convolve, with zeros before the start of the session."""
        time = states.shape[1]
        filled = pad(states, (0, 0, self.shifts[-1], 0))
        window = [filled[:, shift : shift + time] for shift in self.shifts]  # oldest first
        return super().forward(torch.cat(window, dim=-1))
