"""Self-attention blocks shared by SASRec and the decision transformers.

Radford et al. Language Models are Unsupervised Multitask Learners. 2019 (`CausalBlocks`);
Kang and McAuley. Self-Attentive Sequential Recommendation. ICDM 2018 (`SASRecBlock`);
Vaswani et al. Attention Is All You Need. NeurIPS 2017 (`MutualAttention`); `LiGRBlock` and `BertBlock` name theirs.

Sessions are padded on the right and state t sees positions 0..t only. All of these are real
wherever t is, so that causality is the only mask these blocks need.
"""

from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import silu

from recloop.models.attention import attention
from recloop.models.dropout import Dropout


class CausalBlock(nn.Module):
    """One pre-norm GPT block: attention, then a feed-forward layer four times as wide.

    Args:
        dim: width of a state.
        heads: how many attention heads share that width.
        dropout: share of attention weights and of both branches dropped in training.
    """

    def __init__(self, dim: int, heads: int = 1, dropout: float = 0.1):
        super().__init__()
        check_heads(dim, heads)
        self.heads = heads
        self.attention_norm = nn.LayerNorm(dim)
        self.query_key_value = nn.Linear(dim, 3 * dim)  # one product instead of three
        self.project = nn.Linear(dim, dim)
        self.feed_forward_norm = nn.LayerNorm(dim)
        self.feed_forward = nn.Sequential(
            nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim)
        )
        self.dropout = Dropout(dropout)

    def forward(
        self,
        states: Float[Tensor, "batch time dim"],
        sees: Bool[Tensor, "batch time time"] | None = None,
    ) -> Float[Tensor, "batch time dim"]:
        """Mix each state with its past, or with what it may see of it, then transform it by itself."""
        states = states + self.dropout(self.attend(self.attention_norm(states), sees))
        return states + self.dropout(self.feed_forward(self.feed_forward_norm(states)))

    def attend(
        self,
        states: Float[Tensor, "batch time dim"],
        sees: Bool[Tensor, "batch time time"] | None = None,
    ) -> Float[Tensor, "batch time dim"]:
        """Apply causal attention with its four projections."""
        rate = self.dropout.p if self.training else 0.0
        parts = self.query_key_value(states).chunk(3, dim=-1)
        return self.project(attention(*parts, self.heads, rate, sees, causal=True))


class CausalBlocks(nn.Module):
    """A GPT: `layers` pre-norm blocks and a last LayerNorm.

    Args:
        dim: width of a state.
        layers: how many blocks.
        heads: attention heads per block.
        dropout: share dropped in training, see `CausalBlock`.
    """

    def __init__(self, dim: int, layers: int = 1, heads: int = 1, dropout: float = 0.1):
        super().__init__()
        self.blocks = nn.Sequential(*(CausalBlock(dim, heads, dropout) for _ in range(layers)))
        self.norm = nn.LayerNorm(dim)

    def forward(self, states: Float[Tensor, "batch time dim"]) -> Float[Tensor, "batch time dim"]:
        """Turn a sequence of tokens into states that know their past."""
        return self.norm(self.blocks(states))


class SASRecBlock(nn.Module):
    """SASRec's block: only the query is normalised, the feed-forward layer keeps its width.

    Both residual branches start from the *normalised* input and the heads have no output
    projection, as in the authors' code and in the RL line that reuses it.

    Args:
        dim: width of a state.
        heads: how many attention heads share that width.
        dropout: share of attention weights and of both feed-forward layers dropped in training.
    """

    def __init__(self, dim: int, heads: int = 1, dropout: float = 0.1):
        super().__init__()
        check_heads(dim, heads)
        self.heads = heads
        self.dropout = dropout
        self.query_norm = nn.LayerNorm(dim)
        self.query = nn.Linear(dim, dim)
        self.key_value = nn.Linear(dim, 2 * dim)
        self.feed_forward_norm = nn.LayerNorm(dim)
        self.feed_forward = nn.Sequential(
            nn.Linear(dim, dim),
            nn.ReLU(),
            Dropout(dropout),
            nn.Linear(dim, dim),
            Dropout(dropout),
        )

    def forward(
        self,
        states: Float[Tensor, "batch time dim"],
        sees: Bool[Tensor, "batch time time"] | None = None,
    ) -> Float[Tensor, "batch time dim"]:
        """Mix each state with its past, or with what it may see of it, then transform it by itself."""
        rate = self.dropout if self.training else 0.0
        query = self.query_norm(states)
        key, value = self.key_value(states).chunk(2, dim=-1)
        mixed = query + attention(
            self.query(query), key, value, self.heads, rate, sees, causal=True
        )
        mixed = self.feed_forward_norm(mixed)
        return mixed + self.feed_forward(mixed)


class MutualAttention(nn.Module):
    """Self-attention without a mask, in which every token sees every other, with a shortcut and a norm.

    Args:
        dim: width of a token.
        heads: how many attention heads share that width.
        dropout: share of attention weights and of the branch dropped in training.
    """

    def __init__(self, dim: int, heads: int = 1, dropout: float = 0.1):
        super().__init__()
        check_heads(dim, heads)
        self.heads = heads
        self.query_key_value = nn.Linear(dim, 3 * dim)
        self.project = nn.Linear(dim, dim)
        self.norm = nn.LayerNorm(dim)
        self.dropout = Dropout(dropout)

    def forward(self, tokens: Float[Tensor, "batch token dim"]) -> Float[Tensor, "batch token dim"]:
        """Mix the tokens of each row."""
        rate = self.dropout.p if self.training else 0.0
        parts = self.query_key_value(tokens).chunk(3, dim=-1)
        mixed = self.project(attention(*parts, self.heads, rate))
        return self.norm(tokens + self.dropout(mixed))


def check_heads(dim: int, heads: int) -> None:
    """Refuse a width that the heads cannot share evenly."""
    if heads < 1 or dim % heads:
        raise ValueError(f"dim={dim} cannot be shared by heads={heads}: take a divisor of dim")


class LiGRBlock(nn.Module):
    """LiGR's block: both residual branches are gated by the state itself, the feed-forward layer is SwiGLU.

    Borisyuk et al. From Features to Transformers: Redefining Ranking for Scalable Impact. 2025, arXiv 2502.03417; as
    Tikhonovich et al. (eSASRec, RecSys 2025) use it: pre-norm attention with an output projection, no biases in the
    feed-forward layer, four times as wide.

    Args:
        dim: width of a state.
        heads: how many attention heads share that width.
        dropout: share of attention weights, of the hidden layer and of both branches dropped in training.
    """

    def __init__(self, dim: int, heads: int = 1, dropout: float = 0.1):
        super().__init__()
        check_heads(dim, heads)
        self.heads = heads
        self.attention_norm, self.feed_forward_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.query_key_value, self.project = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.attention_gate, self.feed_forward_gate = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.open_and_value = nn.Linear(dim, 8 * dim, bias=False)
        self.shrink = nn.Linear(4 * dim, dim, bias=False)
        self.dropout = Dropout(dropout)

    def forward(
        self,
        states: Float[Tensor, "batch time dim"],
        sees: Bool[Tensor, "batch time time"] | None = None,
    ) -> Float[Tensor, "batch time dim"]:
        """Mix each state with its past, or with what it may see of it, then transform it by itself."""
        rate = self.dropout.p if self.training else 0.0
        parts = self.query_key_value(self.attention_norm(states)).chunk(3, dim=-1)
        mixed = self.dropout(self.project(attention(*parts, self.heads, rate, sees, causal=True)))
        states = states + mixed * self.attention_gate(states).sigmoid()
        opened, value = self.open_and_value(self.feed_forward_norm(states)).chunk(2, dim=-1)
        changed = self.dropout(self.shrink(self.dropout(silu(opened) * value)))
        return states + changed * self.feed_forward_gate(states).sigmoid()


class BertBlock(nn.Module):
    """BERT's block: post-norm, every position sees every real one, the feed-forward layer four times as wide.

    Devlin et al. BERT. NAACL 2019.

    Args:
        dim: width of a token.
        heads: how many attention heads share that width.
        dropout: share of attention weights and of both branches dropped in training.
    """

    def __init__(self, dim: int, heads: int = 2, dropout: float = 0.1):
        super().__init__()
        check_heads(dim, heads)
        self.heads = heads
        self.query_key_value, self.project = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.attention_norm, self.feed_forward_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.feed_forward = nn.Sequential(
            nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim)
        )
        self.dropout = Dropout(dropout)

    def forward(
        self, tokens: Float[Tensor, "batch time dim"], real: Bool[Tensor, "batch time"]
    ) -> Float[Tensor, "batch time dim"]:
        """Mix the real tokens of each row, then transform each by itself."""
        rate = self.dropout.p if self.training else 0.0
        parts = self.query_key_value(tokens).chunk(3, dim=-1)
        sees = real[:, None].expand(-1, real.shape[1], -1)
        mixed = self.project(attention(*parts, self.heads, rate, sees))
        tokens = self.attention_norm(tokens + self.dropout(mixed))
        return self.feed_forward_norm(tokens + self.dropout(self.feed_forward(tokens)))
