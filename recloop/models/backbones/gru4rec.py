"""GRU4Rec, a recurrent session encoder.

Hidasi et al. Session-based Recommendations with Recurrent Neural Networks. ICLR 2016.
"""

from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.models.backbones.embedding import item_embedding


class GRU4Rec(nn.Module):
    """One recurrent layer over the items of a session.

    Args:
        items: how many items there are; id `items` is padding.
        dim: width of an item embedding and of a state.
        length: longest session it will be given; the recurrence itself knows no limit.
        layers: how many recurrent layers.
    """

    def __init__(self, items: int, dim: int = 64, length: int = 10, layers: int = 1):
        super().__init__()
        self.dim = dim
        self.length = length
        self.embedding = item_embedding(items, dim)
        self.gru = nn.GRU(dim, dim, layers, batch_first=True)

    def forward(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time dim"]:
        """Encode the session up to each of its steps."""
        states, _ = self.gru(self.embedding(session))
        return states
