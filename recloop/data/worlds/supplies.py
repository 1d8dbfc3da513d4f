"""A shop of supplies, whose titles say what things are made of and whether they are sold to everybody.

Customers are those of `shop`: what follows what, tastes and appetites are the same truth. Titles are words alone, made
of brand, material and category: half of the materials can be recycled, and every fourth item asks for a licence, so
that both attributes can be read off a title.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recloop.data.worlds.shelves import Shelves, stock
from recloop.data.worlds.shop import START, visit
from recloop.data.worlds.writing import FIRST_ID, WRITERS, write_catalogue, write_truth

SIZES = {
    "items": 180,
    "users": 400,
    "sessions": 1200,
    "mean_length": 5,
    "clusters": 15,
    "days": 120,
    "repeats": 0.0,
    "aimed": 1,  # 0: every item is drawn from the whole shop by popularity, whatever came before
}
RECYCLED = ("steel", "glass", "copper", "kraft", "brass", "cardboard")
OTHERS = ("vinyl", "nylon", "foam", "rubber", "latex", "resin")
MATERIALS = tuple(one for pair in zip(RECYCLED, OTHERS, strict=True) for one in pair)
LICENSED = 4  # every so manieth item of a category


class Supplies(Shelves):
    """Shelves whose titles have no numbers in them."""

    def place(self, item: int) -> int:
        """Count an item's place in its category, the most popular first."""
        return int(np.flatnonzero(self.order == item)[0] - self.first[self.cluster[item]])

    def title(self, item: int) -> str:
        """Compose a title of brand, material, category and what a buyer has to show."""
        rounds, material = divmod(self.place(item), len(MATERIALS))
        pack = f", pack of {2 * rounds}" if rounds else ""
        asks = ", licence required" if self.place(item) % LICENSED == LICENSED - 1 else ""
        return (
            f"{self.brand_name(item)} {MATERIALS[material]} {self.category_name(item)}{pack}{asks}"
        )


def generate(output: Path, writes: str, seed: int, sizes: Mapping[str, int | float]) -> list[Path]:
    """Write the shop's log in a published format, its catalogue and its truth."""
    if unknown := sizes.keys() - SIZES.keys():
        raise ValueError(f"supplies have no size {sorted(unknown)}. Known: {', '.join(SIZES)}.")
    sizes = {**SIZES, **sizes}
    random = np.random.Generator(np.random.PCG64(seed))
    shelves = Supplies(**vars(stock(int(sizes["items"]), int(sizes["clusters"]), random)))
    log = visit(shelves, START[writes], sizes | {"conversion": 0}, random)
    output.mkdir(parents=True, exist_ok=True)
    files = WRITERS[writes](output, shelves, log, random)
    arrays: dict[str, NDArray[Any]] = vars(shelves) | {"id": shelves.ids(FIRST_ID)}
    return [*files, write_catalogue(output, shelves), *write_truth(output, arrays, sizes)]
