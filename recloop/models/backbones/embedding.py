"""The item table under every backbone, with its row for padding, and what a backbone makes of it.

Xin et al. Self-Supervised Reinforcement Learning for Recommender Systems. SIGIR 2020.
"""

from jaxtyping import Float, Int
from torch import Tensor, nn


class Encoder(nn.Module):
    """A session encoder: items to embeddings, and those to one state per step.

    A backbone says in `encode` how. Who changes the embeddings on the way calls the two halves by themselves.

    Args:
        items: how many items there are; id `items` is padding.
        dim: width of an item embedding, kept as `width`; that of a state is `dim`, the same unless a backbone says so.
        length: longest session it will be given.
    """

    def __init__(self, items: int, dim: int, length: int):
        super().__init__()
        self.dim = self.width = dim
        self.length = length
        self.embedding = item_embedding(items, dim)

    def forward(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time state"]:
        """Encode the session up to each of its steps."""
        return self.encode(self.embed(session))

    def everywhere(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time state"]:
        """Encode a session with the states at its padding, which `forward` may leave out."""
        return self(session)

    def embed(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time dim"]:
        """Look the items up."""
        return self.embedding(session)


def item_embedding(items: int, dim: int) -> nn.Embedding:
    """Make one row per item and a last row of zeros for padding, which no gradient reaches."""
    table = nn.Embedding(items + 1, dim, padding_idx=items)
    nn.init.normal_(table.weight, std=0.01)  # authors' code
    nn.init.zeros_(table.weight.detach()[items])
    return table
