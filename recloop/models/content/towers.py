"""Two towers: one turns items into vectors, the other a user's items into one; their product is the score.

Huang et al. Learning Deep Structured Semantic Models for Web Search using Clickthrough Data. CIKM 2013 (DSSM).
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.models.sessions import last

AT_ONCE = 512  # items that are encoded together where no gradient is needed


class TwoTowers(nn.Module):
    """An item tower and a user tower in one space.

    Every item is encoded once for a batch, however often it occurs in it, and once for all that is asked between two
    trainings.

    Args:
        item_tower: makes what turns items into vectors, from `dim`.
        user_tower: makes a session encoder, which turns the vectors of a user's items into states, from `dim`.
        items: size of the catalogue; the id `items` is padding.
        dim: width of the space.
    """

    transferred = ("item_tower", "user_tower")  # what another catalogue can use

    def __init__(
        self,
        item_tower: Callable[..., nn.Module],
        user_tower: Callable[..., nn.Module],
        items: int,
        dim: int = 256,
    ):
        super().__init__()
        self.padding, self.dim = items, dim
        self.item_tower = item_tower(dim=dim)
        self.user_tower = user_tower(dim=dim, items=0)  # it has no table of its own
        self.known: Tensor | None = None

    def train(self, mode: bool = True) -> "TwoTowers":
        """Forget the vectors of the catalogue: weights may change from here on."""
        self.known = None
        return super().train(mode)

    def score(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch item"]:
        """Score every item by the product of its vector with the user's (Eq. 3.3)."""
        known = self.catalogue()
        vectors = torch.cat([known, known.new_zeros(1, known.shape[1])])
        return self.user(vectors[session], session) @ known.T

    def user(
        self, vectors: Float[Tensor, "batch time dim"], session: Int[Tensor, "batch time"]
    ) -> Float[Tensor, "batch dim"]:
        """Turn the vectors of each user's items into the state at the last one (Eqs. 3.6 and 3.7)."""
        return last(self.user_tower.encode(vectors), session, self.padding)

    def catalogue(self) -> Float[Tensor, "item dim"]:
        """Encode all items, or remember how they were encoded."""
        if self.known is None:
            where = next(self.parameters()).device
            parts = torch.arange(self.padding, device=where).split(AT_ONCE)
            found = torch.cat([self.item_tower(part) for part in parts])
            if self.training:
                return found
            self.known = found
        return self.known

    def embed(self, *items: Int[Tensor, "batch _"]) -> list[Float[Tensor, "batch _ dim"]]:
        """Encode the items of some tables, each item once; padding is a vector of zeros."""
        flat = torch.cat([one.flatten() for one in items])
        different, places = flat.unique(return_inverse=True)
        vectors = self.item_tower(different[different != self.padding])
        # Padding has the largest number of all, hence the last place.
        vectors = torch.cat([vectors, vectors.new_zeros(1, vectors.shape[1])])
        parts = vectors[places].split([one.numel() for one in items])
        return [part.view(*one.shape, -1) for part, one in zip(parts, items, strict=True)]
