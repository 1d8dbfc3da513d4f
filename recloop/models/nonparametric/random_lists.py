"""Chance: lists that nothing decides, by which every metric has the value that it has without any knowledge."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from recloop.models.nonparametric.incidence import check_sessions
from recloop.models.nonparametric.state import Remembering

STEPS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))  # of splitmix64
APART = 0x9E3779B97F4A7C15  # between the numbers that are scrambled, as there
BITS = 24  # of a score, all of which a float holds
WORD = 1 << 64


class RandomLists(Remembering):
    """Every history has an order of all items of its own, which hangs on nothing but a number drawn by the seed.

    Scores are not equal: lists of equal ones would begin with the same items for everybody, and what asks which items
    are listed (coverage, novelty, repetitions) would not be chance.

    Args:
        items: how many items there are; id `items` is padding.
    """

    def __init__(self, items: int):
        super().__init__()
        self.items = items
        self.remember(drawn=torch.randint(1 << 62, (1,)).numpy())

    def fit(self, items: Int[np.ndarray, " event"], offsets: Int[np.ndarray, " boundary"]) -> None:
        """Look at no session."""
        check_sessions(items, offsets, self.items)

    def score(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch item"]:
        """Score every item by a hash of the history and the item."""
        session = session.long()
        place = torch.arange(session.shape[1], device=session.device)
        events = scrambled((session << 32) + place) * (session != self.items)
        history = events.sum(1) + int(self.recall("drawn")[0])
        item = torch.arange(self.items, device=session.device) * signed(APART)
        return (scrambled(history[:, None] + item) & ((1 << BITS) - 1)).float() / (1 << BITS)


def scrambled(number: Int[Tensor, "..."]) -> Int[Tensor, "..."]:
    """Hash whole numbers, so that neighbours have nothing in common."""
    for shift, factor in STEPS:
        number = (number ^ (number >> shift)) * signed(factor)
    return number


def signed(number: int) -> int:
    """Read 64 bits as a number with a sign, as tensors hold them."""
    return number - WORD if number >= WORD // 2 else number
