"""Caser, a session encoder that looks at the last items as an image.

Tang and Wang. Personalized Top-N Sequential Recommendation via Convolutional Sequence Embedding.
WSDM 2018; in the smaller form of Xin et al. SIGIR 2020, without a user embedding.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import max_pool1d, pad

from recloop.models.backbones.embedding import Encoder
from recloop.models.dropout import Dropout


class Caser(Encoder):
    """Filters over a window of `length` items, horizontal ones across time, vertical ones along it.

    Args:
        items: how many items there are; id `items` is padding.
        dim: width of an item embedding; a state has `filters` values per height and `dim` per
            vertical filter.
        length: how many items the window holds.
        heights: how many steps the horizontal filters read.
        filters: how many horizontal filters per height.
        vertical_filters: how many filters weigh the whole window.
        dropout: share of a state dropped in training.
    """

    def __init__(
        self,
        items: int,
        dim: int = 64,
        length: int = 10,
        heights: Sequence[int] = (2, 3, 4),
        filters: int = 16,
        vertical_filters: int = 1,
        dropout: float = 0.1,
    ):
        if max(heights) > length:
            raise ValueError(f"heights={list(heights)} do not fit in a window of length={length}")
        super().__init__(items, dim, length)
        self.dim = len(heights) * filters + vertical_filters * dim
        self.horizontal = nn.ModuleList(nn.Conv1d(dim, filters, height) for height in heights)
        self.vertical = nn.Linear(length, vertical_filters)
        self.dropout = Dropout(dropout)
        for part in (*self.horizontal, self.vertical):
            nn.init.trunc_normal_(part.weight, std=0.1, a=-0.2, b=0.2)  # authors' code
            nn.init.constant_(part.bias, 0.1)

    def encode(
        self, embedded: Float[Tensor, "batch time dim"]
    ) -> Float[Tensor, "batch time state"]:
        """Turn embedded items into states."""
        # ours: one window per step, ending there and filled with zeros on the left. The authors
        # encode one window per session, filled on the right, where filter row 0 is the oldest item;
        # here the last row is always the newest one, however short the session.
        filled = pad(embedded, (0, 0, self.length - 1, 0))
        found = [self.look_across(filled), self.look_along(embedded)]
        return self.dropout(torch.cat(found, dim=-1))

    def look_across(
        self, filled: Float[Tensor, "batch filled dim"]
    ) -> Float[Tensor, "batch time found"]:
        """Find the best match of each horizontal filter in every window."""
        # Windows overlap: each filter runs once over all steps, then its maximum slides along.
        # ReLU after the maximum is ReLU before it.
        best = [
            max_pool1d(part(filled.mT), self.length - part.kernel_size[0] + 1, stride=1)
            for part in self.horizontal
        ]
        return torch.cat(best, dim=1).relu().mT

    def look_along(
        self, embedded: Float[Tensor, "batch time dim"]
    ) -> Float[Tensor, "batch time found"]:
        """Weigh the items of every window by their place in it, for each embedding dimension."""
        # Not a window per step: a row per step has the weights shifted by one, and one product does all steps.
        time, weight = embedded.shape[1], self.vertical.weight
        rows = pad(weight, (time - 1, time - 1)).unfold(1, time, 1)[:, self.length - 1 :].flip(1)
        weighed = (rows.flatten(0, 1) @ embedded).unflatten(
            1, (-1, time)
        )  # batch vertical time dim
        return (weighed.permute(0, 2, 3, 1) + self.vertical.bias).relu().flatten(2)
