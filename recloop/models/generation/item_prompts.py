"""IM and GIM: an item's latent to soft prompts, with which a frozen language model says the item's words.

Thesis, chapter 8 (Eqs. 8.10 to 8.12, Table 8.4): an MLP maps the latent to L tokens of the language model's width, one
Transformer layer follows. What the language model is told beside the soft prompts is the loop's business
(`recloop.training.wording`), the weight alpha of the guided loss too.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from recloop.language_models.model import LanguageModel
from recloop.models.generation.said import Said, likelihood, spoken


class ItemPrompts(nn.Module):
    """The item prompt generator in front of a frozen language model, which is no part of its weights.

    Args:
        lm: frozen.
        latents: coordinates of an item's latent.
        tokens: L, soft prompts.
        heads: of the attention of the one Transformer layer.
        hidden: width of the MLP.
        max_tokens: most tokens that are said.
    """

    reads_latents = True

    def __init__(
        self,
        lm: LanguageModel,
        latents: int,
        tokens: int = 8,
        heads: int = 12,
        hidden: int = 512,
        max_tokens: int = 32,
    ):
        super().__init__()
        self.lm, self.tokens, self.max_tokens = lm, tokens, max_tokens
        wide = [nn.Linear(latents, hidden), nn.GELU(), nn.Linear(hidden, tokens * lm.dim)]
        self.map = nn.Sequential(*wide)
        given = {"dropout": 0.0, "activation": "gelu", "batch_first": True, "norm_first": True}
        self.layer = nn.TransformerEncoderLayer(lm.dim, heads, 4 * lm.dim, **given)
        self.norm = nn.LayerNorm(lm.dim)
        table = lm.network.get_input_embeddings().weight
        # As wide as the embeddings of words, so that the frozen model knows the scale.
        nn.init.constant_(self.norm.weight, float(table.detach().float().std()))

    def soft(self, latent: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch place dim"]:
        """Make the soft prompts of items, and the mark before them where the model has one."""
        states = self.map(latent).unflatten(1, (self.tokens, self.lm.dim))
        made = self.norm(self.layer(states)).to(self.lm.network.dtype)
        begin = torch.tensor(self.lm.begin, dtype=torch.long, device=made.device)
        first = self.lm.network.get_input_embeddings()(begin).expand(len(made), -1, -1)
        return torch.cat([first, made], 1)  # behind the mark with which the model's texts begin

    def loss(self, said: Said) -> Float[Tensor, ""]:
        """Compute the weighted cross-entropy of the items' words."""
        return likelihood(self.lm, self.soft(said.latent), said)

    @torch.no_grad()
    def write(self, latent: Float[Tensor, "batch latent"], heads: Sequence[list[int]]) -> list[str]:
        """Say items."""
        return spoken(self.lm, self.soft(latent), heads, self.max_tokens)


class FineTuned(nn.Module):
    """LLM and LLM_g: the same language model with low-rank adapters, which says the next item from words alone.

    Args:
        lm: gets adapters, which alone learn.
        rank, scale: of them.
        max_tokens: most tokens that are said.
    """

    reads_latents = False

    def __init__(self, lm: LanguageModel, rank: int = 8, scale: float = 16.0, max_tokens: int = 32):
        super().__init__()
        from recloop.language_models.adapters import adapt

        adapt(lm, rank, float(scale))
        self.lm, self.network, self.max_tokens = lm, lm.network, max_tokens

    def loss(self, said: Said) -> Float[Tensor, ""]:
        """Compute the cross-entropy of the next items' words."""
        return likelihood(self.lm, None, said)

    @torch.no_grad()
    def write(self, latent: Float[Tensor, "batch latent"], heads: Sequence[list[int]]) -> list[str]:
        """Say next items; no latent is looked at."""
        return spoken(self.lm, None, heads, self.max_tokens)
