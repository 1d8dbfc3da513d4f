"""A shop of supplies, whose titles say what things are made of and whether they are sold to everybody.

Customers are those of `shop`: what follows what, tastes and appetites are the same truth. Titles are words alone, made
of brand, material and category: half of the materials can be recycled, and every fourth item asks for a licence, so
that both attributes can be read off a title. With the size `talk`, what people say of supplies is written too: lists of
titles behind what is asked for, and a title of such a kind, one of the list again where there is one. Whoever reads it
learns what the words mean and to say what was said; nothing in it is of a customer.
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
    "talk": 0,  # sentences
}
SAID = {"train": 0.8, "valid": 0.1, "test": 0.1}  # shares of the sentences, a file each
LISTED = 2  # titles of a sentence's list
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
    said = write_talk(output, shelves, int(sizes["talk"]), random) if sizes["talk"] else []
    return [*files, *said, write_catalogue(output, shelves), *write_truth(output, arrays, sizes)]


def write_talk(
    output: Path, shelves: Supplies, number: int, random: np.random.Generator
) -> list[Path]:
    """Write sentences about supplies, one a line, in a file for each part."""
    titles = [shelves.title(item) for item in range(len(shelves.cluster))]
    lines = [sentence(titles, random) for _ in range(number)]
    ends = np.cumsum([round(share * number) for share in SAID.values()])
    parts = zip(SAID, np.split(np.array(lines, dtype=object), ends[:-1]), strict=True)
    files = []
    for part, said in parts:
        files.append(output / f"talk-{part}.txt")
        files[-1].write_text("".join(f"{line}\n" for line in said), encoding="utf-8")
    return files


def sentence(titles: list[str], random: np.random.Generator) -> str:
    """Say what is asked for, a list of titles, and one title: of the list, if it is what is asked for, or any other."""
    listed = [titles[item] for item in random.integers(0, len(titles), LISTED)]
    said = listed[int(random.integers(0, LISTED))]
    kind = int(random.integers(0, 3))
    recycled, licensed = said.split()[1] in RECYCLED, "licence" in said
    asked = (
        "",
        f"A product made with {'' if recycled else 'none-'}recyclable materials. ",
        f"A product with{'' if licensed else 'out'} purchase restrictions. ",
    )[kind]
    names = ", ".join(f"a product titled {title}" for title in listed)
    orders = f"Ordered products: {names}. " if random.random() < 0.7 else f"Title: {said}. "
    return f"{asked}{orders}Title: {said}"
