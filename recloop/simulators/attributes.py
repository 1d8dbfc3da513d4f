"""A user who knows the attributes of every item and says only what is true: upper bound and test oracle.

Ours. Template sentences about wrong attributes are a common substitute for people; no paper here reports one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from jaxtyping import Int

from recloop.data.attributes import read_attributes
from recloop.language.grammar import Attributes, compose


class AttributeSimulator:
    """Describe up to `most` true differences between the item looked for and the liked one.

    Args:
        attributes: of every catalogue item, in the order of their numbers.
        most: how many differences one sentence names.
        seed: of the phrasings; a pair always gets the same one.
    """

    def __init__(self, attributes: Sequence[Attributes], most: int = 3, seed: int = 0):
        self.attributes, self.most, self.seed = attributes, most, seed

    @classmethod
    def open(
        cls,
        settings: dict,
        folder: Path | None,
        dialogues: Path,
        catalogue: Path,
        grid: Path | None = None,
        device: Any = "cpu",
    ) -> AttributeSimulator:
        """Read the attributes of a catalogue; nothing else is needed."""
        arguments = {name: value for name, value in settings.items() if name != "class"}
        return cls(read_attributes(catalogue), **arguments)

    def critique(
        self, target: Int[np.ndarray, " batch"], liked: Int[np.ndarray, " batch"]
    ) -> list[str]:
        """Describe what is true of each target and not of the liked item."""
        pairs = zip(target.tolist(), liked.tolist(), strict=True)
        return [self._sentence(*pair) for pair in pairs]

    def _sentence(self, target: int, liked: int) -> str:
        return compose(
            self.attributes[target],
            self.attributes[liked],
            Random(f"{self.seed} {target} {liked}"),
            named=(0.0,) * (self.most - 1) + (1.0,),
            comparative=0.0,
            vague=0.0,
            contrast=0.0,
            missing=0.0,
            shared=0.0,
        )
