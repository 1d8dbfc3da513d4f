"""SASRec, a self-attentive session encoder.

Kang and McAuley. Self-Attentive Sequential Recommendation. ICDM 2018.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.models.backbones.embedding import Encoder
from recloop.models.blocks import SASRecBlock
from recloop.models.dropout import Dropout
from recloop.models.sessions import by_length


class SASRec(Encoder):
    """Causal self-attention over items and their positions.

    Args:
        items: how many items there are; id `items` is padding.
        dim: width of an item embedding and of a state.
        length: how many positions are learned; longer sessions are refused.
        blocks: how many attention blocks.
        heads: attention heads per block.
        dropout: share dropped in training, of the input and in each block.
    """

    block = SASRecBlock

    def __init__(
        self,
        items: int,
        dim: int = 64,
        length: int = 10,
        blocks: int = 1,  # authors' code of the RL line, as heads and dropout
        heads: int = 1,
        dropout: float = 0.1,
    ):
        super().__init__(items, dim, length)
        # Counted from the start of the session, so that a prefix has the same state on its own.
        self.position = nn.Parameter(torch.empty(length, dim))
        self.dropout = Dropout(dropout)
        self.blocks = nn.Sequential(*(self.block(dim, heads, dropout) for _ in range(blocks)))
        self.norm = nn.LayerNorm(dim)
        nn.init.normal_(self.position, std=0.01)  # authors' code

    def forward(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time dim"]:
        """Encode the session up to each of its steps."""
        return by_length(super().forward, session, self.embedding.padding_idx)

    def encode(self, embedded: Float[Tensor, "batch time dim"]) -> Float[Tensor, "batch time dim"]:
        """Turn embedded items into states."""
        return self.norm(self.blocks(self.place(embedded)))

    def place(self, embedded: Float[Tensor, "batch time dim"]) -> Float[Tensor, "batch time dim"]:
        """Add its position to each item."""
        time = embedded.shape[1]
        if time > self.length:
            raise ValueError(
                f"session of {time} steps, but SASRec has length={self.length}: cut it"
            )
        return self.dropout(embedded + self.position[:time])
