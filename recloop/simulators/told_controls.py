"""Controls beside what a language model told of users: the same table shuffled, and the same users without the model.

Who learns from a told table meets only the users of whom something was told. What the table says is then held against
the same table with its items permuted, and LLMOnline (thesis, Sec 7.6.3) against an agent that has the same users.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from recloop.simulators.online import RatedItems
from recloop.simulators.preferences import SHUFFLED, PreferredItems, told
from recloop.simulators.sequences import ScoredItems


class ShuffledItems(PreferredItems):
    """A judge of preferences whose told table says of each user's items what was told of others."""

    @classmethod
    def open(
        cls, data: Mapping[str, Path], parts: Iterable[str], **keywords: Any
    ) -> "ShuffledItems":
        """Read what was told, and shuffle it.

        Args:
            data: `preferences`, a folder of `recloop.simulators.telling`.
            parts: not looked at: who was asked for is in the table.
            keywords: of the constructor.
        """
        return cls(shuffled(told(data)), **keywords)


def shuffled(liked: Float[Tensor, "user item"]) -> Float[Tensor, "user item"]:
    """Permute the items of each user: the same users like as many items, as much, and others."""
    chance = torch.Generator().manual_seed(SHUFFLED)
    return liked.gather(1, torch.rand(liked.shape, generator=chance).argsort(1))


class AskedItems(RatedItems):
    """Rated items of the users alone of whom a language model told, as in `JudgedItems`; nobody judges."""

    @classmethod
    def open(cls, data: Mapping[str, Path], parts: Iterable[str], **keywords: Any) -> "RatedItems":
        """Read ratings of the first users of the parts, as many as `preferences` has."""
        return super().open(data, parts, users=len(told(data)), **keywords)


class AskedScores(ScoredItems):
    """Scored items of the users alone of whom a language model told, as in `JudgedScores`; nobody judges."""

    @classmethod
    def open(cls, data: Mapping[str, Path], parts: Iterable[str], **keywords: Any) -> "ScoredItems":
        """Read the recommender and the first users of the parts, as many as `preferences` has."""
        return super().open(data, parts, users=len(told(data)), **keywords)
