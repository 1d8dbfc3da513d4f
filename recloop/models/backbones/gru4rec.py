"""GRU4Rec, a recurrent session encoder.

Hidasi et al. Session-based Recommendations with Recurrent Neural Networks. ICLR 2016.
"""

from jaxtyping import Float
from torch import Tensor, nn

from recloop.models.backbones.embedding import Encoder
from recloop.models.dropout import Dropout


class GRU4Rec(Encoder):
    """One recurrent layer over the items of a session.

    Args:
        items: how many items there are; id `items` is padding.
        dim: width of an item embedding and of a state.
        length: longest session it will be given; the recurrence itself knows no limit.
        layers: how many recurrent layers.
        dropout: share dropped in training, of what goes into the recurrence and of what comes out.
    """

    def __init__(
        self, items: int, dim: int = 64, length: int = 10, layers: int = 1, dropout: float = 0.0
    ):
        super().__init__(items, dim, length)
        self.dropout = Dropout(dropout)
        self.gru = nn.GRU(dim, dim, layers, batch_first=True)

    def encode(
        self,
        embedded: Float[Tensor, "batch time dim"],
        start: Float[Tensor, "batch dim"] | None = None,
    ) -> Float[Tensor, "batch time dim"]:
        """Turn embedded items into states, beginning at `start` (zeros, unless given) in every layer."""
        first = None if start is None else start.expand(self.gru.num_layers, -1, -1).contiguous()
        return self.dropout(self.gru(self.dropout(embedded), first)[0])
