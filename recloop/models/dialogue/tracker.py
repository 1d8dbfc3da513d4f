"""How a state follows from all feedback so far: recurrently, or by attention over every token of the dialogue.

Cho et al. EMNLP 2014 (GRU); Vaswani et al. NeurIPS 2017 (Transformer encoder); Wu et al. Multi-Modal Dialog State
Tracking for Interactive Fashion Recommendation. RecSys 2022 (`GatedRecurrence`).
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from recloop.models.dialogue.composition import Concatenation


class TransformerTracker(nn.Module):
    """Encode all tokens with full attention and average them: Mean(TranEnc(.)) of GOMMIR Eq. 4, PMMIR Eqs. 2 and 5.

    Layers are pre-norm with ReLU. Tokens are told apart by their position alone.

    Args:
        inputs: width of a token.
        dim: width of the encoder; with another width than `inputs` a linear layer comes first (ours: the papers have
            512 for both).
        layers, heads, feed_forward: size of the encoder, by default that of the authors' code.
        dropout: share dropped in training; off in the authors' code.
        doubled_frequency: exponents of the positions twice too large, and those of cosines a step further, as in the
            authors' code.
        scaled_tokens: multiply tokens by sqrt(dim), as in the authors' code. Tokens that went through a Norm then
            enter with length `dim`; without a warm-up the first layers may diverge.
    """

    def __init__(
        self,
        inputs: int,
        dim: int = 512,
        layers: int = 6,
        heads: int = 8,
        feed_forward: int = 1024,
        dropout: float = 0.0,
        doubled_frequency: bool = False,
        scaled_tokens: bool = True,
    ):
        super().__init__()
        self.scale = dim**0.5 if scaled_tokens else 1.0
        self.doubled_frequency = doubled_frequency
        self.enter = nn.Identity() if inputs == dim else nn.Linear(inputs, dim, bias=False)
        size = {"d_model": dim, "nhead": heads, "dim_feedforward": feed_forward, "dropout": dropout}
        blocks = [
            nn.TransformerEncoderLayer(**size, norm_first=True, batch_first=True)
            for _ in range(layers)
        ]
        # A pre-norm stack ends with a norm (ours: not stated).
        self.encoder = nn.TransformerEncoder(
            blocks[0], layers, norm=nn.LayerNorm(dim), enable_nested_tensor=False
        )
        self.encoder.layers = nn.ModuleList(blocks)  # torch copies one layer, weights and all

    def forward(
        self,
        tokens: Float[Tensor, "batch token inputs"],
        real: Bool[Tensor, "batch token"] | None = None,
        lead: Float[Tensor, "batch dim"] | None = None,
    ) -> Float[Tensor, "batch dim"]:
        """Average the encoded tokens, zeros for a dialogue without any.

        Args:
            tokens: critiques and liked items so far.
            real: which tokens are no padding; positions count real tokens only. All of them by default.
            lead: a state that goes before the tokens as it is, unscaled.
        """
        hidden = self.scale * self.enter(tokens)
        if real is None:
            real = torch.ones(hidden.shape[:2], dtype=torch.bool, device=hidden.device)
        if lead is not None:
            hidden = torch.cat([lead[:, None], hidden], dim=1)
            real = torch.cat([real.new_ones(len(real), 1), real], dim=1)
        if hidden.shape[1] == 0:
            return hidden.sum(1)
        place = (real.cumsum(1) - 1).clamp(min=0)
        hidden = hidden + positions(place, hidden.shape[2], self.doubled_frequency)
        return self.average(hidden, real)

    def average(self, hidden, real) -> Float[Tensor, "batch dim"]:
        """Encode and average the real tokens."""
        # A row without a real token may look at its padding, lest its softmax be empty; it counts nothing.
        padding = ~(real | ~real.any(1, keepdim=True))
        encoded = self.encoder(hidden, src_key_padding_mask=padding)
        return (encoded * real[..., None]).sum(1) / real.sum(1, keepdim=True).clamp(min=1)


def positions(
    place: Int[Tensor, "*row"], dim: int, doubled_frequency: bool = False
) -> Float[Tensor, "*row dim"]:
    """Return the sinusoids of some positions, sine and cosine in turn (Vaswani et al., S3.5)."""
    even = torch.arange(0, dim, 2, device=place.device)
    sine, cosine = even / dim, even / dim
    if (
        doubled_frequency
    ):  # released code: 2i / dim for sines at i = 0, 2, … and for cosines at i = 1, 3, …
        sine, cosine = 2 * even / dim, 2 * (even + 1) / dim
    sines, cosines = (place[..., None] / 10000.0**exponent for exponent in (sine, cosine))
    return torch.stack([sines.sin(), cosines.cos()], dim=-1).flatten(-2)[..., :dim]


def turn_token(inputs: int, tokens: str) -> nn.Parameter | None:
    """Make the token that the authors' code of both papers puts before every turn: a learned constant, first 0.

    Raises:
        ValueError: tokens are neither `printed`, without it, nor `released`, with it.
    """
    if tokens not in ("printed", "released"):
        raise ValueError(f"tokens={tokens!r}: take printed or released")
    return nn.Parameter(torch.zeros(inputs)) if tokens == "released" else None


class GatedRecurrence(nn.Module):
    """MMRAN's recurrent network: a GRU over both modalities, and the critique as far as the gate is closed.

    h_t = (1 - g_t) * c_t + GRU(W [v_t; c_t], h_{t-1}) with g_t = sigmoid(c_t + h_{t-1}). The GRU's part is not gated,
    as in the authors' code, so h_t is no average of the two.
    """

    def __init__(self, dim: int):
        super().__init__()
        self.fuse = Concatenation(dim, dim)
        self.cell = nn.GRUCell(dim, dim)

    def forward(
        self,
        image: Float[Tensor, "batch dim"],
        text: Float[Tensor, "batch dim"],
        hidden: Float[Tensor, "batch dim"],
    ) -> Float[Tensor, "batch dim"]:
        """Take one turn's feedback into the hidden state."""
        gate = self.gate(text, hidden)
        return (1 - gate) * text + self.cell(self.fuse(image, text), hidden)

    def gate(self, text, hidden) -> Float[Tensor, "batch dim"]:
        """Open where the critique and the past agree."""
        return torch.sigmoid(text + hidden)
