"""IntraDT: a GPT over the steps of a session, of several tokens each, that does no more work than is read.

Wang et al. HDT. CIKM 2024, Eqs. 5.9 to 5.12; Radford et al. Language Models are Unsupervised Multitask Learners. 2019.

A session of T steps is T x k tokens long, four times as long as for a plain encoder. Two things keep it affordable:
tokens are kept for real steps only and laid out with padding for the attention alone, and the last block makes
queries and feed-forward layers only for the tokens whose output is read.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import linear

from recloop.models.attention import attention
from recloop.models.blocks import CausalBlock


class IntraDT(nn.Module):
    """T_2, with one learned position per step that its tokens share.

    Args:
        tokens: names of the tokens of a step, in order.
        dim: width of a token.
        length: most steps of a session.
        layers: how many blocks.
        heads: attention heads per block.
        dropout: share dropped in training, see `CausalBlock`.
    """

    def __init__(
        self,
        tokens: Sequence[str],
        dim: int,
        length: int,
        layers: int = 1,
        heads: int = 1,
        dropout: float = 0.1,
    ):
        super().__init__()
        self.tokens = list(tokens)
        self.position = nn.Parameter(torch.randn(length, dim) * 0.02)
        self.blocks = nn.ModuleList(StepBlock(dim, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)

    def forward(
        self,
        parts: dict[str, Float[Tensor, "step dim"]],
        real: Bool[Tensor, "batch time"],
        read: Sequence[str],
    ) -> dict[str, Float[Tensor, "step dim"]]:
        """Run over all sessions of a batch.

        Args:
            parts: for each token, its embeddings at the real steps, session behind session.
            real: which steps of each session are real, the first ones.
            read: tokens whose outputs are wanted.

        Returns:
            The outputs at those tokens, step by step as they came in.
        """
        places = real.flatten().nonzero().squeeze(1)
        states = torch.stack([parts[name] for name in self.tokens], dim=1)
        states = states + self.position[places % real.shape[1], None]
        every = torch.arange(len(self.tokens), device=real.device)
        wanted = every[[self.tokens.index(name) for name in read]]
        for block in self.blocks:
            last = block is self.blocks[-1]
            states = block(states, places, real.shape, wanted if last else every)
        return dict(zip(read, self.norm(states).unbind(1), strict=True))


class StepBlock(CausalBlock):
    """A GPT block over the tokens of real steps; its weights are those of `CausalBlock`."""

    def forward(
        self,
        states: Float[Tensor, "step token dim"],
        places: Int[Tensor, " step"],
        shape: torch.Size,
        read: Int[Tensor, " read"],
    ) -> Float[Tensor, "step read dim"]:
        """Mix each token that is read with all tokens before it in its session, then transform it by itself."""
        found = self.gather(self.attention_norm(states), places, shape, read)
        states = states[:, read] + self.dropout(found)
        return states + self.dropout(self.feed_forward(self.feed_forward_norm(states)))

    def gather(self, states, places, shape, read) -> Float[Tensor, "step read dim"]:
        """Lay queries, keys and values out with padding, attend, and take the real steps back."""
        dim, every = states.shape[-1], self.query_key_value
        query = linear(states[:, read], every.weight[:dim], every.bias[:dim])
        known = linear(states, every.weight[dim:], every.bias[dim:])
        key, value = spread(known, places, shape).chunk(2, dim=-1)
        rate = self.dropout.p if self.training else 0.0
        sees = before(shape[1], states.shape[1], read)
        found = attention(spread(query, places, shape), key, value, self.heads, rate, sees[None])
        steps = found.unflatten(1, (-1, len(read))).flatten(0, 1)  # batch * time, read, dim
        return self.project(steps.index_select(0, places))


def spread(
    states: Float[Tensor, "step token dim"], places: Int[Tensor, " step"], shape: torch.Size
) -> Float[Tensor, "batch place dim"]:
    """Put the tokens of real steps at their places among (batch, time) steps, with zeros elsewhere."""
    laid = states.new_zeros(shape.numel(), *states.shape[1:]).index_copy(0, places, states)
    return laid.unflatten(0, shape).flatten(1, 2)


def before(steps: int, tokens: int, read: Int[Tensor, " read"]) -> Bool[Tensor, "asker place"]:
    """Mark the tokens that each token that is read sees: itself and those before it."""
    place = torch.arange(steps * tokens, device=read.device)
    return place <= place.unflatten(0, (steps, tokens))[:, read].flatten()[:, None]
