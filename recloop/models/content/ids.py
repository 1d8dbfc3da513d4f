"""Items known by their numbers alone: what content is compared with.

Kang and McAuley. Self-Attentive Sequential Recommendation. ICDM 2018, with the user encoder and the loss of the content
recommenders.
"""

from jaxtyping import Float, Int
from torch import Tensor, nn


class ItemTable(nn.Module):
    """A learned vector per item.

    Args:
        dim: of an item vector.
        items: size of the catalogue.
    """

    def __init__(self, dim: int, items: int):
        super().__init__()
        self.table = nn.Embedding(items, dim)
        nn.init.xavier_normal_(self.table.weight)

    def forward(self, items: Int[Tensor, " item"]) -> Float[Tensor, "item dim"]:
        """Look items up."""
        return self.table(items)
