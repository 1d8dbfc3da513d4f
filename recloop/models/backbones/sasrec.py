"""SASRec, a self-attentive session encoder.

Kang and McAuley. Self-Attentive Sequential Recommendation. ICDM 2018.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import embedding

from recloop.models.backbones.embedding import Encoder
from recloop.models.blocks import SASRecBlock
from recloop.models.dropout import Dropout
from recloop.models.sessions import pack


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
        self.blocks = nn.ModuleList(self.block(dim, heads, dropout) for _ in range(blocks))
        self.norm = nn.LayerNorm(dim)
        nn.init.normal_(self.position, std=0.01)  # authors' code

    def forward(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time dim"]:
        """Encode the session up to each of its steps; states at padding are zeros where sessions are packed."""
        packed = pack(session, self.embedding.padding_idx)
        if packed is None:
            return super().forward(session)
        states = self.place(self.embed(packed.items), packed.places)
        return packed.unpack(self.attend(states, packed.sees))

    def everywhere(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time dim"]:
        """Encode a session with the states at its padding."""
        return super().forward(session)

    def encode(self, embedded: Float[Tensor, "batch time dim"]) -> Float[Tensor, "batch time dim"]:
        """Turn embedded items into states."""
        return self.attend(self.place(embedded))

    def place(
        self,
        embedded: Float[Tensor, "batch time dim"],
        places: Int[Tensor, "batch time"] | None = None,
    ) -> Float[Tensor, "batch time dim"]:
        """Add its position to each item; 0, 1, …, unless given."""
        time = embedded.shape[1]
        if time > self.length:
            raise ValueError(
                f"session of {time} steps, but SASRec has length={self.length}: cut it"
            )
        position = self.position[:time] if places is None else embedding(places, self.position)
        return self.dropout(embedded + position)

    def attend(
        self,
        states: Float[Tensor, "batch time dim"],
        sees: Bool[Tensor, "batch time time"] | None = None,
    ) -> Float[Tensor, "batch time dim"]:
        """Mix each state with its past, or with what it may see of it, in every block."""
        for block in self.blocks:
            states = block(states, sees)
        return self.norm(states)
