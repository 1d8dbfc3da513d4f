"""From the last states of an encoder to one vector per item: the two heads of TransRec.

Wang et al. TransRec: Learning Transferable Recommendation from Mixture-of-Modality Feedback. APWeb-WAIM 2024; thesis of
Jie Wang, S3.3.2.
"""

from jaxtyping import Bool, Float
from torch import Tensor, nn

from recloop.models.attention import attention
from recloop.models.blocks import check_heads

ORDERS = ("pool", "transform")  # what comes first
SMALL = 0.02  # ours: deviation of the weights behind a vector, so that no score is large before anything is learned


class AttentionPooling(nn.Module):
    """Self-attention over the tokens of a title, then their mean (Eq. 3.4).

    Args:
        inputs: width of a token's state.
        dim: width of an item's vector.
        heads: how many attention heads share that width.
    """

    def __init__(self, inputs: int, dim: int, heads: int = 1):
        super().__init__()
        check_heads(dim, heads)
        self.heads, self.dim = heads, dim
        self.query_key_value = nn.Linear(inputs, 3 * dim)
        nn.init.normal_(self.query_key_value.weight.detach()[2 * dim :], std=SMALL)

    def forward(
        self, states: Float[Tensor, "item token inputs"], real: Bool[Tensor, "item token"]
    ) -> Float[Tensor, "item dim"]:
        """Mix the real tokens of each title and average them; every title has one at least."""
        parts = self.query_key_value(states).chunk(3, dim=-1)
        sees = real[:, None].expand(-1, real.shape[1], -1)
        mixed = attention(*parts, self.heads, sees=sees) * real[..., None]
        return mixed.sum(1) / real.sum(1, keepdim=True)


class PooledMLP(nn.Module):
    """The mean over the cells of a picture and an MLP with one hidden layer (Eq. 3.5).

    Args:
        inputs: width of a cell.
        dim: width of an item's vector and of the hidden layer.
        first: `pool` before the MLP, as the text says, or `transform` every cell before the mean, as Eq. 3.5 does.

    Raises:
        ValueError: something else comes first.
    """

    def __init__(self, inputs: int, dim: int, first: str = "pool"):
        super().__init__()
        if first not in ORDERS:
            raise ValueError(f"first={first!r}: expected one of {', '.join(ORDERS)}")
        self.first, self.dim = first, dim
        self.transform = nn.Sequential(nn.Linear(inputs, dim), nn.ReLU(), nn.Linear(dim, dim))
        nn.init.normal_(self.transform[2].weight, std=SMALL)

    def forward(
        self, cells: Float[Tensor, "item cell inputs"], real: Bool[Tensor, "item cell"]
    ) -> Float[Tensor, "item dim"]:
        """Turn the cells of each picture into one vector; all of them are real."""
        if self.first == "pool":
            return self.transform(cells.mean(1))
        return self.transform(cells).mean(1)
