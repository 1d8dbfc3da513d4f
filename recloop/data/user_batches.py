"""User-parallel batches: each slot of a batch follows one user through all sessions, then another takes its place.

Quadrana et al. Personalizing Session-based Recommendations with Hierarchical Recurrent Neural Networks. RecSys 2017;
Fig. 5.2 of the thesis.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Int, Shaped
from torch import Tensor

from recloop.data.users import Users, ranges


class UserBatch(NamedTuple):
    """One update: which sessions, in which slots, and whether another user has just taken the slot."""

    sessions: Int[Tensor, " batch"]
    slots: Int[Tensor, " batch"]
    fresh: Bool[Tensor, " batch"]


@dataclass(frozen=True)
class UserBatches:
    """Whole users dealt out to the slots of a batch.

    Attributes:
        first: the session each user starts with.
        counts: how many sessions each user has.
        slot: where each user's sessions are processed.
    """

    first: Shaped[np.ndarray, " user"]
    counts: Shaped[np.ndarray, " user"]
    slot: Shaped[np.ndarray, " user"]

    @classmethod
    def deal(cls, users: Users, slots: int, generator: torch.Generator) -> "UserBatches":
        """Deal users out from the longest to the shortest, there and back, so that all slots are busy to the end."""
        counts = np.diff(users.first)
        drawn = torch.randperm(len(users), generator=generator).numpy()  # among users of one length
        order = drawn[np.argsort(-counts[drawn], kind="stable")]
        turn, place = np.divmod(np.arange(len(users)), slots)
        slot = np.empty(len(users), np.int64)
        slot[order] = np.where(turn % 2, slots - 1 - place, place)
        return cls(users.first[:-1], counts, slot)

    @property
    def updates(self) -> int:
        """Count the updates of an epoch, those of the longest strip."""
        return int(np.bincount(self.slot, self.counts).max())

    def turns(self, generator: torch.Generator) -> Iterator[UserBatch]:
        """Yield the updates of an epoch: each session once, a user's in order, users of a slot as drawn."""
        drawn = torch.randperm(len(self.slot), generator=generator).numpy()
        order = drawn[np.argsort(self.slot[drawn], kind="stable")]
        sessions = ranges(self.first[order], self.counts[order])
        slots = np.repeat(self.slot[order], self.counts[order])
        fresh = np.isin(sessions, self.first[self.counts > 0])
        sizes = np.bincount(slots)
        time = ranges(np.zeros_like(sizes), sizes)
        columns = (sessions, slots, fresh)
        together = [torch.from_numpy(c[np.argsort(time, kind="stable")]) for c in columns]
        steps = np.bincount(time).tolist()
        return map(UserBatch, *(column.split(steps) for column in together))
