"""VL-Transformer: an encoder over the grid cells of both pictures, a decoder over words; the user on Fashion IQ.

Vaswani et al. Attention Is All You Need. NeurIPS 2017.
Wu et al. The Fashion IQ Dataset. CVPR 2021 (its checkpoints play the user in GOMMIR and PMMIR).
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from recloop.simulators.decoding import State


class Attention(nn.Module):
    """Multi-head attention whose keys and values can be kept.

    Args:
        dim: of inputs and outputs.
        heads: how many.
        dropout: of the weights.
    """

    def __init__(self, dim: int, heads: int, dropout: float):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query, self.key, self.value, self.out = (nn.Linear(dim, dim) for _ in range(4))

    def keep(
        self, known: Float[Tensor, "batch place dim"]
    ) -> Float[Tensor, "batch 2 head place part"]:
        """Compute keys and values of what can be attended to."""
        return torch.stack([self.split(self.key(known)), self.split(self.value(known))], 1)

    def forward(
        self,
        x: Float[Tensor, "batch time dim"],
        kept: Float[Tensor, "batch 2 head place part"],
        causal: bool = False,
    ) -> Float[Tensor, "batch time dim"]:
        """Look at what is kept; causal: place t and those before it."""
        dropout = self.dropout if self.training else 0.0
        found = functional.scaled_dot_product_attention(
            self.split(self.query(x)), *kept.unbind(1), dropout_p=dropout, is_causal=causal
        )
        return self.out(found.transpose(1, 2).flatten(2))

    def split(self, x: Float[Tensor, "batch time dim"]) -> Float[Tensor, "batch head time part"]:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


class FeedForward(nn.Sequential):
    """Two linear maps for each place alone."""

    def __init__(self, dim: int, feedforward: int, dropout: float):
        super().__init__(
            nn.Linear(dim, feedforward), nn.ReLU(), nn.Dropout(dropout), nn.Linear(feedforward, dim)
        )


class EncoderLayer(nn.Module):
    """Cells look at one another.

    Args: as `VLTransformer`.
    """

    def __init__(self, dim: int, heads: int, feedforward: int, dropout: float):
        super().__init__()
        self.own = Attention(dim, heads, dropout)
        self.feed = FeedForward(dim, feedforward, dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(2))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "batch cell dim"]) -> Float[Tensor, "batch cell dim"]:
        y = self.norms[0](x)  # library: the norm is before each part
        x = x + self.dropout(self.own(y, self.own.keep(y)))
        return x + self.dropout(self.feed(self.norms[1](x)))


class DecoderLayer(nn.Module):
    """Words look at the words before them and at the cells.

    Args: as `VLTransformer`.
    """

    def __init__(self, dim: int, heads: int, feedforward: int, dropout: float):
        super().__init__()
        self.own, self.across = (Attention(dim, heads, dropout) for _ in range(2))
        self.feed = FeedForward(dim, feedforward, dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Float[Tensor, "batch time dim"],
        past: Float[Tensor, "batch 2 head before part"],
        seen: Float[Tensor, "batch 2 head cell part"],
    ) -> tuple[Float[Tensor, "batch time dim"], Float[Tensor, "batch 2 head place part"]]:
        """Add words to the past: either all words to an empty one or a single word."""
        y = self.norms[0](x)
        past = torch.cat([past, self.own.keep(y)], 3)
        x = x + self.dropout(self.own(y, past, causal=x.shape[1] > 1))
        x = x + self.dropout(self.across(self.norms[1](x), seen))
        return x + self.dropout(self.feed(self.norms[2](x))), past


class VLTransformer(nn.Module):
    """Encoder and decoder of equal depth.

    Args:
        words: size of the vocabulary, `END` included.
        features: dimension of a grid cell.
        dim: width.
        layers: of the encoder, and as many of the decoder.
        heads: of each attention.
        feedforward: width between the two linear maps.
        dropout: of every part.
        input_dropout: of the projected cells.  # library default
    """

    def __init__(
        self,
        words: int,
        features: int,
        dim: int = 512,
        layers: int = 6,
        heads: int = 8,
        feedforward: int = 2048,
        dropout: float = 0.1,
        input_dropout: float = 0.5,
    ):
        super().__init__()
        sizes = dim, heads, feedforward, dropout
        # target and reference side by side, not their difference; no position of a cell, as in the library
        self.project = nn.Sequential(
            nn.Linear(2 * features, dim), nn.ReLU(), nn.Dropout(input_dropout)
        )
        self.encoder = nn.ModuleList(EncoderLayer(*sizes) for _ in range(layers))
        self.decoder = nn.ModuleList(DecoderLayer(*sizes) for _ in range(layers))
        self.encoded, self.decoded = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.embedding = nn.Embedding(words, dim)
        self.dropout = nn.Dropout(dropout)
        self.rank = nn.Linear(dim, words)
        for weight in self.parameters():
            if weight.dim() > 1:
                nn.init.xavier_uniform_(weight)

    def forward(
        self,
        target: Float[Tensor, "batch cell dim"],
        reference: Float[Tensor, "batch cell dim"],
        words: Int[Tensor, "batch time"],
    ) -> Float[Tensor, "batch time word"]:
        """Score each next word of given sentences; `words` starts with `END`."""
        return self.rank(self.extend(words, self.begin(target, reference))[0])

    def begin(
        self, target: Float[Tensor, "batch cell dim"], reference: Float[Tensor, "batch cell dim"]
    ) -> State:
        """Compute keys and values of the cells for each decoder layer; those of words are empty at first."""
        x = self.project(torch.cat([target, reference], -1))
        for layer in self.encoder:
            x = layer(x)
        cells = self.encoded(x)
        seen = torch.stack([layer.across.keep(cells) for layer in self.decoder], 1)
        return seen, seen[..., :0, :]  # batch layer 2 head place part

    def step(
        self, word: Int[Tensor, " batch"], state: State
    ) -> tuple[Float[Tensor, "batch word"], State]:
        """Take the last word and score the next one."""
        x, state = self.extend(word[:, None], state)
        return self.rank(x[:, 0]), state

    def extend(
        self, words: Int[Tensor, "batch time"], state: State
    ) -> tuple[Float[Tensor, "batch time dim"], State]:
        """Read further words: many at the beginning, later one at a time."""
        seen, past = state
        x = self.embedding(words) * math.sqrt(self.embedding.embedding_dim)
        x = self.dropout(x + places(past.shape[-2], words.shape[1], x))
        kept = []
        for layer, before, cells in zip(self.decoder, past.unbind(1), seen.unbind(1), strict=True):
            x, after = layer(x, before, cells)
            kept.append(after)
        return self.decoded(x), (seen, torch.stack(kept, 1))


def places(start: int, count: int, like: Tensor) -> Float[Tensor, "count dim"]:
    """Compute the sinusoids of some places in a sentence."""
    dim = like.shape[-1]
    rates = torch.exp(torch.arange(0, dim, 2, device=like.device) * -(math.log(10_000.0) / dim))
    angles = torch.arange(start, start + count, device=like.device)[:, None] * rates
    return (
        torch.stack([angles.sin(), angles.cos()], -1).flatten(1).to(like.dtype)
    )  # sin, cos, sin, ...
