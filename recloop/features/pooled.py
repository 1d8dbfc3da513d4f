"""ResNet from transformers with its pooling: one vector of a picture, the mean over its cells.

He et al. Deep Residual Learning for Image Recognition. CVPR 2016.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from recloop.features.grid import Grid


class Pooled(Grid):
    """As a grid encoder, and the mean of its cells; ResNet-50 gives 2048 numbers.

    Args:
        folder, revision, device: see `Grid`.
    """

    def look(self, pixels: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch ..."]:
        cells = super().look(pixels)
        return cells.mean(1)
