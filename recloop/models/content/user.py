"""The user encoder of content recommenders: item vectors in, one state per step out.

Fu et al. IISAN. SIGIR 2024, released code, which follows Yuan et al. Where to Go Next for Recommender Systems? ID- vs.
Modality-based Recommender Models Revisited. SIGIR 2023: SASRec with norms behind each branch, a feed-forward part four
times as wide, and positions counted back from the last item.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.models.attention import attention
from recloop.models.blocks import check_heads
from recloop.models.dropout import Dropout


class UserBlock(nn.Module):
    """Causal self-attention, then a feed-forward part, a norm behind the sum of each with what came in.

    Args:
        dim: width of a state.
        heads: which share that width.
        dropout: share of attention weights and of both branches dropped in training.
    """

    def __init__(self, dim: int, heads: int, dropout: float):
        super().__init__()
        check_heads(dim, heads)
        self.heads = heads
        self.query_key_value, self.project = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.attention_norm, self.feed_forward_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.feed_forward = nn.Sequential(
            nn.Linear(dim, 4 * dim), nn.ReLU(), nn.Linear(4 * dim, dim)
        )
        self.dropout = Dropout(dropout)

    def forward(self, states: Float[Tensor, "batch time dim"]) -> Float[Tensor, "batch time dim"]:
        """Mix each state with its past, then transform each by itself."""
        rate = self.dropout.p if self.training else 0.0
        parts = self.query_key_value(states).chunk(3, dim=-1)
        mixed = self.project(attention(*parts, self.heads, rate, causal=True))
        states = self.attention_norm(states + self.dropout(mixed))
        return self.feed_forward_norm(states + self.dropout(self.feed_forward(states)))


class UserEncoder(nn.Module):
    """Turns the vectors of a session's items into a state at each of its steps.

    Sessions are padded on the right, where nobody looks back: the released code pads on the left, so that the last item
    always has the last position. `counted: back` numbers positions as it does.

    Args:
        dim: width of an item vector and of a state.
        length: how many positions are learned; longer sessions are refused.
        blocks, heads, dropout: of the Transformer.
        counted: `back` from the last item, or `on` from the first.
    """

    def __init__(
        self,
        dim: int,
        length: int,
        blocks: int = 2,  # released code, as heads and dropout
        heads: int = 2,
        dropout: float = 0.1,
        counted: str = "back",
    ):
        super().__init__()
        if counted not in ("back", "on"):
            raise ValueError(f"counted={counted!r}: expected back or on")
        self.dim, self.length, self.counted = dim, length, counted
        self.position = nn.Embedding(length, dim)
        self.norm, self.dropout = nn.LayerNorm(dim), Dropout(dropout)
        self.blocks = nn.ModuleList(UserBlock(dim, heads, dropout) for _ in range(blocks))
        for one in self.modules():
            if isinstance(one, nn.Linear | nn.Embedding):
                nn.init.xavier_normal_(one.weight)
            if isinstance(one, nn.Linear):
                nn.init.zeros_(one.bias)
        for block in self.blocks:  # three layers in one, each drawn by itself
            for part in block.query_key_value.weight.detach().chunk(3):
                nn.init.xavier_normal_(part)

    def forward(
        self, vectors: Float[Tensor, "batch time dim"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch time dim"]:
        """Encode sessions up to each of their steps.

        Args:
            vectors: of the items, padded on the right.
            lengths: how many items each session has.

        Raises:
            ValueError: more steps than positions.
        """
        time = vectors.shape[1]
        if time > self.length:
            raise ValueError(f"session of {time} steps, but length={self.length}: cut it")
        states = self.dropout(self.norm(vectors + self.position(self.places(time, lengths))))
        for block in self.blocks:
            states = block(states)
        return states

    def places(self, time: int, lengths: Int[Tensor, " batch"]) -> Int[Tensor, "batch time"]:
        """Count the positions of each session; those of its padding have any number."""
        steps = torch.arange(time, device=lengths.device).expand(len(lengths), -1)
        if self.counted == "on":
            return steps
        return (steps + self.length - lengths[:, None]).clamp_max(self.length - 1)
