"""Which items are bought once they are looked at, and which customers look for those.

An item's chance has nothing to do with its popularity, so that a model that only knows what is
clicked cannot know what is bought: who asks for reward has something to gain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recloop.data.worlds.shelves import Shelves

CHANCES = (0.02, 0.15, 0.6)  # of a cart after a click, a third of each category's items each
PURPOSEFUL = 1 / 3  # share of the customers who lean to what is bought


@dataclass(frozen=True)
class Conversion:
    """How items sell.

    Args:
        cart: for each item, chance of a cart after a click.
        purposeful: for each user, whether of two items in mind the one with the higher chance is taken.
    """

    cart: NDArray[Any]
    purposeful: NDArray[Any]

    def prefer(self, user: NDArray[Any], one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
        """Choose between two items that each user has in mind."""
        better = self.cart[other] > self.cart[one]
        return np.where(better & self.purposeful[user], other, one)

    def leaning(self, probability: NDArray[Any]) -> NDArray[Any]:
        """Compute a purposeful customer's probability of every item: the better of two draws from `probability`."""
        levels, level = np.unique(self.cart, return_inverse=True)
        share = np.bincount(level, probability, len(levels))
        worse = np.cumsum(share) - share
        return probability * (2 * worse + share)[level]


def convert(
    shelves: Shelves, users: int, strength: float, random: np.random.Generator
) -> Conversion:
    """Draw how items sell and who is purposeful; `strength` multiplies the chances."""
    shuffled = np.lexsort((random.random(len(shelves.cluster)), shelves.cluster))
    place = np.empty(len(shuffled), dtype=np.int64)
    place[shuffled] = np.arange(len(shuffled)) - np.repeat(shelves.first, shelves.size)
    cart = strength * np.array(CHANCES)[place % len(CHANCES)]
    return Conversion(cart, random.random(users) < PURPOSEFUL)
