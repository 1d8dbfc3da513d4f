"""All that a simulated user can say about one difference, in several wordings, each with what it means."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from recloop.data.attribute_codes import Codes
from recloop.language.wishes import wish


@dataclass(frozen=True)
class Difference:
    """What an item is and what it should be, in one attribute.

    Attributes:
        attribute: its place among the attributes.
        shown, wanted: numbers of the item's value, which may be none stated, and of the one looked for.
    """

    attribute: int
    shown: int
    wanted: int


def differences(codes: Codes) -> list[Difference]:
    """List all pairs of values of each attribute, in the order of `Book.place`; equal values stand among them."""
    return [
        Difference(attribute, shown, wanted)
        for attribute, values in enumerate(codes.values)
        for shown in range(len(values) + 1)
        for wanted in range(len(values))
    ]


@dataclass(frozen=True)
class Book:
    """Wordings of all differences.

    Attributes:
        sentences: each different sentence once.
        said: which sentence, by difference and wording.
        wanted: whether it says what is wanted, not what is refused.
        starts: place of each attribute's first difference.
        stated: values of each attribute.
    """

    sentences: tuple[str, ...]
    said: Int[Tensor, "difference wording"]
    wanted: Bool[Tensor, "difference wording"]
    starts: Int[Tensor, " attribute"]
    stated: Int[Tensor, " attribute"]

    @classmethod
    def of(
        cls, codes: Codes, wordings: Sequence[Sequence[str]], wanted: Bool[Tensor, "d w"]
    ) -> "Book":
        """Give the sentences numbers.

        Args:
            codes: of the catalogue.
            wordings: of each difference.
            wanted: whether each says what is wanted.
        """
        numbers: dict[str, int] = {}
        said = [[numbers.setdefault(text, len(numbers)) for text in row] for row in wordings]
        stated = torch.tensor([len(values) for values in codes.values])
        sizes = (stated + 1) * stated
        starts = torch.cat([torch.zeros(1, dtype=torch.long), sizes.cumsum(0)[:-1]])
        return cls(tuple(numbers), torch.tensor(said), wanted, starts, stated)

    def place(
        self,
        attribute: Int[Tensor, " batch"],
        shown: Int[Tensor, " batch"],
        wanted: Int[Tensor, " batch"],
    ) -> Int[Tensor, " batch"]:
        """Find the rows of some differences."""
        return self.starts[attribute] + shown * self.stated[attribute] + wanted


def meant(one: Difference, codes: Codes, refuses: float, random: Random) -> tuple[str, str, bool]:
    """Decide what is said of a difference: the value that is wanted, or that of the item shown is not.

    Args:
        one: the difference.
        codes: of the catalogue.
        refuses: share of refusals, where the item has a value that can be refused.
        random: source of the choice.
    """
    name, values = codes.names[one.attribute], codes.values[one.attribute]
    refused = one.shown < len(values) and one.shown != one.wanted and random.random() < refuses
    return name, values[one.shown if refused else one.wanted], not refused


def by_grammar(codes: Codes, wordings: int, refuses: float, seed: int) -> Book:
    """Let the grammar word every difference.

    Args:
        codes: of the catalogue.
        wordings: of each difference.
        refuses: share of sentences that say what is not wanted.
        seed: of all choices.
    """
    random, rows, wanted = Random(seed), [], []
    for one in differences(codes):
        meanings = [meant(one, codes, refuses, random) for _ in range(wordings)]
        rows.append([wish(*meaning, random) for meaning in meanings])
        wanted.append([meaning[2] for meaning in meanings])
    return Book.of(codes, rows, torch.tensor(wanted))
