"""The items that can be recommended as the recommender knows them: what it sees, and what it takes them for."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from recloop.models.offline.spaces import Space


@dataclass(frozen=True)
class Shelf:
    """Items of one part of a catalogue, without any label.

    Attributes:
        ids: catalogue number of each.
        vectors: what is seen of every item of the catalogue.
        taken: values that every item is taken to have.
        kinds: different combinations of values among the items, as one-hot rows.
        members: items of a kind, one kind after the other, as places in `ids`.
        first, count: of each kind among the members.
    """

    ids: Int[Tensor, " item"]
    vectors: Float[Tensor, "every inputs"]
    taken: Int[Tensor, "every attribute"]
    kinds: Float[Tensor, "kind width"]
    members: Int[Tensor, " item"]
    first: Int[Tensor, " kind"]
    count: Int[Tensor, " kind"]

    @classmethod
    def of(
        cls,
        ids: Int[Tensor, " item"],
        vectors: Float[Tensor, "every inputs"],
        taken: Int[Tensor, "every attribute"],
        space: Space,
    ) -> "Shelf":
        """Sort items by what they are taken for.

        Args:
            ids: catalogue numbers.
            vectors: of the whole catalogue.
            taken: values that the recommender takes every item to have.
            space: of actions.
        """
        kinds, kind = taken[ids].unique(dim=0, return_inverse=True)
        hot = torch.nn.functional.one_hot(kinds, space.values).flatten(1).float()
        count = kind.bincount(minlength=len(kinds))
        return cls(
            ids, vectors, taken, hot, kind.argsort(stable=True), count.cumsum(0) - count, count
        )

    def __len__(self) -> int:
        return len(self.ids)

    def nearest(
        self, action: Int[Tensor, "batch attribute"], generator: torch.Generator
    ) -> Int[Tensor, " batch"]:
        """Find an item with the values of an action, or with as many of them as any has; drawn where several have.

        Returns:
            Catalogue numbers.
        """
        values = self.kinds.shape[1] // action.shape[1]
        wanted = torch.nn.functional.one_hot(action, values).flatten(1).float()
        agreeing = wanted @ self.kinds.T
        drawn = torch.rand(agreeing.shape, generator=generator).to(action.device)
        best = (agreeing + drawn * TIES).argmax(1)
        place = torch.rand(len(best), generator=generator).to(action.device)
        inside = (place * self.count[best]).long().clamp_max(self.count[best] - 1)
        return self.ids[self.members[self.first[best] + inside]]


TIES = 0.9  # below one attribute: chance decides between kinds that are equally near
