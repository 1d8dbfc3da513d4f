"""A user who knows the attributes of every item and says only what is true: upper bound and test oracle.

Ours. Template sentences about wrong attributes are a common substitute for people; no paper here reports one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Int

from recloop.simulators.grammar import Attributes, compose


class AttributeSimulator:
    """Name up to `most` true differences between the item looked for and the liked one.

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
        """Say what is true of each target and not of the liked item."""
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


def read_attributes(catalogue: Path) -> list[dict[str, frozenset[str]]]:
    """Give every item its values by attribute; the kind of product counts as an attribute where kinds differ.

    Args:
        catalogue: folder of `recloop.data.catalogues.collect`.
    """
    items = pl.read_parquet(catalogue / "items.parquet", columns=["item", "kind"])
    rows = pl.read_parquet(catalogue / "attributes.parquet")
    if "kind" not in rows["attribute"] and items["kind"].n_unique() > 1:
        kinds = items.select(
            "item", attribute=pl.lit("kind"), value=pl.col("kind").str.to_lowercase()
        )
        rows = pl.concat([kinds, rows])
    found: list[dict[str, set[str]]] = [{} for _ in range(items.height)]
    for item, attribute, value in (
        rows.select("item", "attribute", "value").drop_nulls().iter_rows()
    ):
        found[item].setdefault(attribute, set()).add(value)
    return [{name: frozenset(values) for name, values in one.items()} for one in found]
