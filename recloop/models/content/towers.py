"""Two towers: one turns items into vectors, the other a user's items into one; their product is how well they go together.

Huang et al. Learning Deep Structured Semantic Models for Web Search using Clickthrough Data. CIKM 2013 (DSSM).
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.models.backbones.embedding import item_embedding
from recloop.models.sessions import last

AT_ONCE = 512  # items that are encoded together where no gradient is needed


class ItemTable(nn.Module):
    """An item tower that knows items by their numbers: a vector for each.

    Args:
        items: size of the catalogue.
        dim: width of a vector.
    """

    def __init__(self, items: int, dim: int = 64):
        super().__init__()
        self.dim = dim
        self.table = item_embedding(items, dim)

    def forward(self, items: Int[Tensor, " item"]) -> Float[Tensor, "item dim"]:
        """Look the items up."""
        return self.table(items)

    def learn(self, parts: str) -> None:
        """Let `all` of it learn, or `none`; it has no encoders under its `heads`."""
        self.requires_grad_(parts != "none")


class TwoTowers(nn.Module):
    """An item tower and a user tower in one space.

    Every item is encoded once for a batch, however often it occurs in it, and once for all that is asked between two
    trainings.

    Args:
        item_tower: makes what turns items into vectors.
        user_tower: makes a session encoder, which turns the vectors of a user's items into states.
        items: size of the catalogue; the id `items` is padding.

    Raises:
        ValueError: vectors of items and users differ in width.
    """

    transferred = ("item_tower", "user_tower")  # what another catalogue can use

    def __init__(
        self,
        item_tower: Callable[..., nn.Module],
        user_tower: Callable[..., nn.Module],
        items: int,
    ):
        super().__init__()
        self.padding = items
        self.item_tower = item_tower()
        self.user_tower = user_tower(items=0)  # it has no table of its own
        widths = self.item_tower.dim, self.user_tower.dim
        if widths[0] != widths[1]:
            raise ValueError(
                f"items have vectors of width {widths[0]}, users of {widths[1]}: give both towers one dim"
            )
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
