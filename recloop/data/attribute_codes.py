"""The attributes of a catalogue as numbers, one per item and attribute: what users know and recommenders may not."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from recloop.data.attributes import read_attributes


@dataclass(frozen=True)
class Codes:
    """Attributes of items; of several values of one attribute the first in the alphabet counts.

    Attributes:
        names: of the attributes.
        values: of each attribute, in the order of their numbers; one number more says that nothing is stated.
        table: number of every item's value.
    """

    names: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    table: Int[Tensor, "item attribute"]

    @property
    def sizes(self) -> list[int]:
        """Count the numbers of each attribute, that of nothing stated included."""
        return [len(values) + 1 for values in self.values]

    @property
    def unstated(self) -> Int[Tensor, " attribute"]:
        """Give the number of each attribute that says that nothing is stated."""
        return torch.tensor([len(values) for values in self.values])

    @property
    def starts(self) -> list[int]:
        """Give the place of each attribute's first value among all stated values."""
        return [0, *accumulate(len(values) for values in self.values)]

    def pairs(self) -> list[tuple[str, str]]:
        """List all values with their attributes, in the order of `starts`."""
        return [
            (name, value)
            for name, values in zip(self.names, self.values, strict=True)
            for value in values
        ]


def read_codes(catalogue: Path, names: Sequence[str]) -> Codes:
    """Give the attributes of a catalogue numbers.

    Args:
        catalogue: folder of `recloop.data.catalogues.build_catalogue`.
        names: which attributes.

    Raises:
        ValueError: an attribute that no item states.
    """
    items = read_attributes(catalogue)
    stated = [{name: min(values) for name, values in one.items() if values} for one in items]
    values = [sorted({one[name] for one in stated if name in one}) for name in names]
    if empty := [name for name, known in zip(names, values, strict=True) if not known]:
        raise ValueError(
            f"{catalogue}: no item has the attribute {empty[0]!r}; expected {', '.join(names)}. "
            "Let the manifest's `reading` name it."
        )
    numbers = [{value: number for number, value in enumerate(known)} for known in values]
    rows = [
        [
            known[one[name]] if name in one else len(known)
            for name, known in zip(names, numbers, strict=True)
        ]
        for one in stated
    ]
    return Codes(tuple(names), tuple(map(tuple, values)), torch.tensor(rows))
