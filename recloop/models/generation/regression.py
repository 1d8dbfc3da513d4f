"""The next latent at once: what PDiT is told of a history, without noise, steps or samples; a control of ours.

The encoder is that of SASRec (Kang and McAuley. Self-Attentive Sequential Recommendation. ICDM 2018) over latents of
items in place of learned embeddings.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from recloop.models.blocks import SASRecBlock
from recloop.models.dropout import Dropout
from recloop.models.generation.asked import Asked
from recloop.models.generation.pdit import cosines


class LatentRegression(nn.Module):
    """Causal self-attention over a history; its last state is turned into the latent that is expected.

    Args:
        latents: coordinates of an item's latent.
        length: items of a history at most.
        dim: width of a state.
        depth: attention blocks.
        heads: of each.
        dropout: of the input and in each block.
    """

    def __init__(
        self,
        latents: int,
        length: int,
        dim: int = 768,
        depth: int = 2,
        heads: int = 12,
        dropout: float = 0.1,
    ):
        super().__init__()
        self.embed = nn.Linear(latents, dim)
        self.ago = nn.Parameter(0.02 * torch.randn(length, dim))
        self.dropout = Dropout(dropout)
        self.blocks = nn.ModuleList(SASRecBlock(dim, heads, dropout) for _ in range(depth))
        self.norm, self.decode = nn.LayerNorm(dim), nn.Linear(dim, latents)

    def forward(self, asked: Asked) -> Float[Tensor, "batch latent"]:
        """Expect the next latent; as in PDiT places are counted from the last item."""
        states = self.dropout(self.embed(asked.history) + self.ago[asked.ago])
        for block in self.blocks:
            states = block(states)
        last = asked.real.sum(1) - 1
        return self.decode(self.norm(states[torch.arange(len(last)), last]))

    def loss(self, asked: Asked) -> Float[Tensor, ""]:
        """Compute the squared error, a mean over coordinates."""
        return (self(asked) - asked.latent).square().mean()

    @torch.no_grad()
    def generate(
        self, asked: Asked, random: torch.Generator, sampler: str = "", steps: int = 0
    ) -> Float[Tensor, "batch latent"]:
        """Give what is expected; nothing is drawn, whatever the sampler."""
        return self(asked)

    def score(
        self, generated: Float[Tensor, "batch latent"], table: Float[Tensor, "item latent"]
    ) -> Float[Tensor, "batch item"]:
        """Rank items by the cosine of their latents with what is expected, as PDiT."""
        return cosines(generated, table)
