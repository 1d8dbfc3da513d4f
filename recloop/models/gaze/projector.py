"""Measures of reading to vectors that stand among those of tokens."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn


class GazeProjector(nn.Module):
    """Two layers with their norms: P(f) = LN(Drop(W2 Drop(ReLU(LN(W1 f + b1))) + b2)); released code.

    Args:
        features: how many measures a token has.
        dim: of the language model.
        hidden: width of the first layer.
        dropouts: behind each layer.
        norm_weight: weight with which the last norm begins. At 1, as released, a vector has the length of the root of
            `dim`, many times that of a token's.
    """

    def __init__(
        self,
        features: int,
        dim: int,
        hidden: int = 128,
        dropouts: Sequence[float] = (0.1, 0.3),
        norm_weight: float = 1.0,
    ):
        super().__init__()
        self.first, self.second = nn.Linear(features, hidden), nn.Linear(hidden, dim)
        self.first_norm, self.last_norm = nn.LayerNorm(hidden), nn.LayerNorm(dim)
        self.first_dropout, self.last_dropout = map(nn.Dropout, dropouts)
        nn.init.constant_(self.last_norm.weight, norm_weight)

    def forward(self, gaze: Float[Tensor, "batch step feature"]) -> Float[Tensor, "batch step dim"]:
        """Project the measures of each token."""
        hidden = self.first_dropout(torch.relu(self.first_norm(self.first(gaze))))
        return self.last_norm(self.last_dropout(self.second(hidden)))
