"""Mamba4Rec's session encoder: a selective state-space layer in the place of self-attention.

Liu et al. Mamba4Rec: Towards Efficient Sequential Recommendation with Selective State Space Models. 2024, arXiv
2403.03900; Gu and Dao. Mamba. 2023. The layer is that of the library transformers, which runs on a processor too, there
one step of the session after the other.
"""

from jaxtyping import Float
from torch import Tensor, nn

from recloop.models.backbones.embedding import Encoder
from recloop.models.dropout import Dropout


class Mamba(Encoder):
    """Layers of a selective state space and of a feed-forward network over the items of a session.

    Args:
        items: how many items there are; id `items` is padding.
        dim: width of an item embedding and of a state.
        length: longest session it will be given; the recurrence itself knows no limit.
        layers: how many layers.
        memory: numbers that the state space remembers per channel.
        kernel: items that the convolution before it sees.
        expand: width of the state space over that of a state.
        dropout: share dropped in training, of the input and of both branches of each layer.
    """

    def __init__(
        self,
        items: int,
        dim: int = 64,
        length: int = 50,
        layers: int = 1,  # section 4.1.4, as memory, kernel, expand
        memory: int = 32,
        kernel: int = 4,
        expand: int = 2,
        dropout: float = 0.2,
    ):
        from transformers import MambaConfig  # takes seconds, and only who makes one waits

        super().__init__(items, dim, length)
        config = MambaConfig(
            hidden_size=dim, state_size=memory, conv_kernel=kernel, expand=expand, use_cache=False
        )
        self.dropout, self.norm = Dropout(dropout), nn.LayerNorm(dim)
        self.layers = nn.Sequential(*(MambaLayer(config, dropout) for _ in range(layers)))

    def encode(self, embedded: Float[Tensor, "batch time dim"]) -> Float[Tensor, "batch time dim"]:
        """Turn embedded items into states."""
        return self.layers(self.norm(self.dropout(embedded)))


class MambaLayer(nn.Module):
    """A selective state space, then a feed-forward network four times as wide, each with a shortcut and a norm.

    Args:
        config: sizes of the state space.
        dropout: share of both branches dropped in training.
    """

    def __init__(self, config: "MambaConfig", dropout: float):  # noqa: F821 see above
        from transformers.models.mamba.modeling_mamba import MambaMixer

        super().__init__()
        dim = config.hidden_size
        self.mixer = MambaMixer(config, layer_idx=0)
        self.mixer_norm, self.feed_forward_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.feed_forward = nn.Sequential(
            nn.Linear(dim, 4 * dim), nn.GELU(), Dropout(dropout), nn.Linear(4 * dim, dim)
        )
        self.dropout = Dropout(dropout)

    def forward(self, states: Float[Tensor, "batch time dim"]) -> Float[Tensor, "batch time dim"]:
        """Mix each state with its past, then transform it by itself."""
        states = self.mixer_norm(states + self.dropout(self.mixer(states)))
        return self.feed_forward_norm(states + self.dropout(self.feed_forward(states)))
