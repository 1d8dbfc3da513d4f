"""What users had seen at each step and what they took next, from a share of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from recloop.data.batches import Batch


@dataclass(frozen=True)
class Histories:
    """Steps of sessions.

    Attributes:
        seen: items up to each step, oldest first.
        following: the item after each.
    """

    seen: list[list[int]]
    following: Int[Tensor, " history"]

    def __len__(self) -> int:
        return len(self.seen)

    @classmethod
    def of(cls, windows: Batch, padding: int) -> Histories:
        """List every step of some windows, window by window."""
        real = windows.following != padding
        rows, places = real.nonzero(as_tuple=True)
        sessions = windows.session.tolist()
        steps = zip(rows.tolist(), places.tolist(), strict=True)
        return cls([sessions[row][: place + 1] for row, place in steps], windows.following[real])

    def take(self, rows: Int[Tensor, " row"]) -> Histories:
        """Pick some, in the order of `rows`."""
        return Histories([self.seen[row] for row in rows.tolist()], self.following[rows])

    def some(self, number: int, seed: int) -> Histories:
        """Draw some of them, or take all, in their order."""
        chance = torch.Generator().manual_seed(seed)
        return self.take(torch.randperm(len(self), generator=chance)[:number].sort().values)


def share_of(windows: Batch, share: float, seed: int) -> Batch:
    """Take the windows of a share of the sessions, at least of one; a larger share holds the smaller one."""
    owners = windows.owner.unique()
    order = torch.randperm(len(owners), generator=torch.Generator().manual_seed(seed))
    kept = owners[order[: max(1, round(share * len(owners)))]]
    return windows.take(torch.isin(windows.owner, kept).nonzero()[:, 0])


def negatives(histories: Histories, items: int, chance: torch.Generator) -> Int[Tensor, " history"]:
    """Draw an item for each history that is neither in it nor what follows; any but that where all were met."""
    found = []
    for seen, taken in zip(histories.seen, histories.following.tolist(), strict=True):
        met = {*seen, taken}
        met = met if len(met) < items else {taken}
        while (item := int(torch.randint(items, (), generator=chance))) in met:
            pass
        found.append(item)
    return torch.tensor(found)
