"""Histories to soft prompts: what turns encoded interactions into vectors that a language model reads as words.

Hebert et al. PERSOMA. GenAIRecP at KDD 2024, whose dimensions are not public; UEM: Doddapaneni et al. User Embedding
Model for Personalized Language Prompting. 2024.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

Soft = tuple[Float[Tensor, "user soft dim"], Bool[Tensor, "user soft"]]
SPREAD = 0.02  # of vectors that are learnt, at the start


class Adapter(nn.Module):
    """What all adapters share: where an interaction stands, counted from the latest one, and the way out.

    Args:
        width: of an encoded interaction.
        dim: of the language model.
        places: most interactions of a history.
        positions: whether places are told.
    """

    def __init__(self, width: int, dim: int, places: int, positions: bool):
        super().__init__()
        self.place = nn.Parameter(SPREAD * torch.randn(places, width)) if positions else None
        self.out = nn.Linear(width, dim)

    def enter(
        self, states: Float[Tensor, "user place width"], known: Bool[Tensor, "user place"]
    ) -> Float[Tensor, "user place width"]:
        """Add to the interactions their places; what is no interaction is zero."""
        if self.place is not None:
            states = states + self.place[-states.shape[1] :]
        return states * known.unsqueeze(2)


class MLP(Adapter):
    """Each interaction by itself, then the mean of neighbours where there are to be fewer.

    Args:
        width, dim, places, positions: see `Adapter`.
        hidden: width in between.
        soft: soft tokens, of which each is the mean of places / soft neighbours; null for one per interaction.
    """

    def __init__(
        self,
        width: int,
        dim: int,
        places: int,
        hidden: int,
        soft: int | None = None,
        positions: bool = True,
    ):
        super().__init__(width, dim, places, positions)
        self.soft = soft if soft is not None and soft < places else None
        self.out = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, dim))

    def forward(
        self, states: Float[Tensor, "user place width"], known: Bool[Tensor, "user place"]
    ) -> Soft:
        """Make the soft tokens; one without an interaction behind it is marked as none."""
        found = self.out(self.enter(states, known))
        return (found, known) if self.soft is None else pooled(found, known, self.soft)


def pooled(
    found: Float[Tensor, "user place dim"], known: Bool[Tensor, "user place"], soft: int
) -> Soft:
    """Average neighbours, as evenly as they can be dealt; what is no interaction does not count."""
    places = known.shape[1]
    bucket = torch.arange(places, device=known.device) * soft // places
    share = torch.zeros(places, soft, device=found.device)
    share[torch.arange(places), bucket] = 1
    weight = known.to(found)
    number = weight @ share
    total = torch.einsum("upd,ps->usd", found * weight.unsqueeze(2), share)
    return total / number.clamp(min=1).unsqueeze(2), number > 0


class Transformer(Adapter):
    """A transformer over all interactions and behind them learned queries, whose outputs are the soft tokens.

    Args:
        width, dim, places, positions: see `Adapter`.
        soft: soft tokens; null for the outputs of the interactions themselves, as UEM has it.
        layers, heads, dropout: of the transformer.
    """

    def __init__(
        self,
        width: int,
        dim: int,
        places: int,
        layers: int,
        heads: int,
        soft: int | None = None,
        dropout: float = 0.0,
        positions: bool = True,
    ):
        super().__init__(width, dim, places, positions)
        self.queries = nn.Parameter(SPREAD * torch.randn(soft or 0, width))
        sizes = {"dim_feedforward": 4 * width, "dropout": dropout, "activation": "gelu"}
        layer = nn.TransformerEncoderLayer(width, heads, batch_first=True, norm_first=True, **sizes)
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)

    def forward(
        self, states: Float[Tensor, "user place width"], known: Bool[Tensor, "user place"]
    ) -> Soft:
        """Make the soft tokens."""
        number, users = len(self.queries), len(states)
        queries = self.queries.expand(users, -1, -1)
        real = torch.cat([known, known.new_ones(users, number)], dim=1)
        whole = torch.cat([self.enter(states, known), queries], dim=1)
        found = self.layers(whole, src_key_padding_mask=~real)
        kept = slice(-number, None) if number else slice(None)
        return self.out(found[:, kept]), real[:, kept]


class Perceiver(Adapter):
    """Learned latents that look at the interactions and at one another: they resample a history to their number.

    Jaegle et al. Perceiver. ICML 2021; with residuals and norms before each part.

    Args:
        width, dim, places, positions: see `Adapter`.
        soft: latents, which become the soft tokens.
        blocks: of cross-attention, self-attention and a network for each latent.
        heads: of both attentions.
    """

    def __init__(
        self,
        width: int,
        dim: int,
        places: int,
        soft: int,
        blocks: int,
        heads: int,
        positions: bool = True,
    ):
        super().__init__(width, dim, places, positions)
        self.latents = nn.Parameter(SPREAD * torch.randn(soft, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(blocks))

    def forward(
        self, states: Float[Tensor, "user place width"], known: Bool[Tensor, "user place"]
    ) -> Soft:
        """Make the soft tokens."""
        states, latents = self.enter(states, known), self.latents.expand(len(states), -1, -1)
        for block in self.blocks:
            latents = block(latents, states, known)
        return self.out(latents), known.new_ones(latents.shape[:2])


class Block(nn.Module):
    """Latents look at inputs, then at one another, then think alone."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.cross = nn.MultiheadAttention(width, heads, batch_first=True)
        self.own = nn.MultiheadAttention(width, heads, batch_first=True)
        self.think = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(
        self,
        latents: Float[Tensor, "user soft width"],
        inputs: Float[Tensor, "user place width"],
        known: Bool[Tensor, "user place"],
    ) -> Float[Tensor, "user soft width"]:
        """Change the latents."""
        asked = self.norms[0](latents)
        seen = self.cross(asked, inputs, inputs, key_padding_mask=~known, need_weights=False)[0]
        latents = latents + seen
        asked = self.norms[1](latents)
        latents = latents + self.own(asked, asked, asked, need_weights=False)[0]
        return latents + self.think(self.norms[2](latents))


class Constant(Adapter):
    """The same soft tokens for everybody: prompt tuning, which knows no history (Lester et al. EMNLP 2021).

    Args:
        width, dim, places: see `Adapter`.
        soft: soft tokens.
    """

    def __init__(self, width: int, dim: int, places: int, soft: int):
        super().__init__(width, dim, places, positions=False)
        self.tokens = nn.Parameter(SPREAD * torch.randn(soft, width))

    def forward(
        self, states: Float[Tensor, "user place width"], known: Bool[Tensor, "user place"]
    ) -> Soft:
        """Give everybody the same."""
        found = self.out(self.tokens).expand(len(states), -1, -1)
        return found, known.new_ones(found.shape[:2])
