"""YouTubeDNN, the mean of what a perceptron makes of each item.

Covington et al. Deep Neural Networks for YouTube Recommendations. RecSys 2016, in the form of the released code of
PCRec (Sun et al. SIGIR 2022): an item passes the perceptron before the mean, and no side features are known.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from recloop.models.backbones.embedding import Encoder


class YouTubeDNN(Encoder):
    """The mean over the items so far, in any order.

    Args:
        items: how many items there are; id `items` is padding.
        dim: width of an item embedding, of the hidden layers and of a state.
        length: longest session it will be given.
        layers: how many hidden layers.
        dropout: share dropped in training, after each layer.
        padded_mean: average over `length` positions, those without an item included (released code).
    """

    def __init__(
        self,
        items: int,
        dim: int = 64,
        length: int = 10,
        layers: int = 1,  # released code
        dropout: float = 0.1,
        padded_mean: bool = False,
    ):
        super().__init__(items, dim, length)
        hidden = [(nn.Linear(dim, dim), nn.ReLU(), nn.Dropout(dropout)) for _ in range(layers)]
        self.perceptron = nn.Sequential(*(part for layer in hidden for part in layer))
        self.padded_mean = padded_mean

    def encode(self, embedded: Float[Tensor, "batch time dim"]) -> Float[Tensor, "batch time dim"]:
        """Average over the items up to each step."""
        total = self.perceptron(embedded).cumsum(1)
        count = torch.arange(1, embedded.shape[1] + 1, device=embedded.device)[:, None]
        if not self.padded_mean:
            return total / count
        empty = self.perceptron(torch.zeros_like(embedded[:, :1]))  # not zero: layers have biases
        return (total + (self.length - count) * empty) / self.length
