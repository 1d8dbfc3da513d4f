"""DeepFM: a factorisation machine and a network over the same embeddings.

Guo, Tang, Ye, Li, He. DeepFM: A Factorization-Machine based Neural Network for CTR Prediction. IJCAI 2017.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.models.online.encoders import head


class DeepFM(nn.Module):
    """A rating of what is known of a user and an item: one value for each field.

    Args:
        sizes: how many values each field has.
        dim: width of an embedding.
        hidden: width of a hidden layer.
        layers: how many hidden layers.
        mean: where ratings lie; the bias begins there.
    """

    def __init__(self, sizes: Sequence[int], dim: int, hidden: int, layers: int, mean: float):
        super().__init__()
        starts = torch.tensor([0, *sizes[:-1]]).cumsum(0)
        self.register_buffer("starts", starts)
        self.weight = nn.Embedding(sum(sizes), 1)
        self.embedding = nn.Embedding(sum(sizes), dim)
        self.bias = nn.Parameter(torch.tensor(float(mean)))
        self.deep = head(dim * len(sizes), hidden, layers, 1)
        nn.init.zeros_(self.weight.weight)
        nn.init.normal_(self.embedding.weight, std=0.05)

    def forward(self, fields: Int[Tensor, "pair field"]) -> Float[Tensor, " pair"]:
        """Add bias, weights, products of all pairs of embeddings (Eq. 2), and what the network says (Eq. 3)."""
        places = fields + self.starts
        rows = self.embedding(places)
        # All pairs: half of what the square of the sum has over the sum of the squares (Rendle 2010).
        pairs = (rows.sum(1).square() - rows.square().sum(1)).sum(1) / 2
        return (
            self.bias + self.weight(places).sum((1, 2)) + pairs + self.deep(rows.flatten(1))[:, 0]
        )
