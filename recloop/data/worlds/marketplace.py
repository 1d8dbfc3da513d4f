"""A marketplace: shops of drawn products whose customers choose by what they read and see.

The truth: a customer likes one colour, one pattern and one brand, and now and then changes one of the three. A product
that has more of what is liked is chosen more often, `pull` times for each; the most popular one is chosen twice as
often as the least popular. The title tells brand and pattern, the picture shows colour and pattern: each knows what the
other does not. With `brand_liked` 0 and `colour_told` 1 titles and pictures tell alike all that is liked. Colours,
patterns and brands mean the same in all shops, so that what is learnt in one helps in the next. With the size `shared`
0 customers like one of some hidden groups instead, to which products were dealt at random: neither words nor pictures
tell anything, and nothing about them can be carried over. No exp or log is used, so that every machine writes the same
bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recloop.data.histories import looked_at
from recloop.data.worlds.boutique import assortment, write_pictures
from recloop.data.worlds.boutique_words import Product

SIZES = {
    "items": 300,
    "users": 400,
    "mean_length": 9,
    "worded": 1.0,  # share of the products that have a title
    "pictured": 1.0,  # share that have a picture; of those without a title all have one
    "single": 0.0,  # share of the customers who look at titles alone, or at pictures alone, half of them each
    "shared": 1,  # 0: what customers like has nothing to do with words and pictures
    "brand_liked": 1,  # 0: customers like colours and patterns alone
    "colour_told": 0,  # 1: titles tell the colour too
    "pull": 20,  # how many times as often a product is chosen for each thing about it that is liked
    "mood": 0.05,  # chance that a customer changes one liking between two choices
}
SHOPS = ("shoes", "dresses", "shirts", "tops_tees")  # kinds of products
LIKED = ("colour", "pattern", "brand")
SOLD = {
    "colour": ("black", "red", "yellow", "green", "blue", "white"),
    "brand": ("Acme", "Bellweather", "Corvo", "Dapple", "Elmsley"),
}
SHORTEST = 5  # choices of a customer
GROUPS = 40  # of the shop whose customers do not look; about as many as tastes can tell apart
FIRST_ID = 5000
USERS, TITLES = "users.tsv", "items.tsv"


def generate(
    output: Path,
    writes: str,
    seed: int,
    sizes: Mapping[str, int | float],
    kinds: Sequence[str] = SHOPS,
) -> list[Path]:
    """Write sequences, titles, pictures and the truth of one shop.

    Args:
        output: folder of the files.
        writes: must be `item_sequences`.
        seed: the same seed gives the same bytes.
        sizes: see `SIZES`.
        kinds: which of `SHOPS` are sold; they take turns.
    """
    if unknown := sizes.keys() - SIZES.keys():
        raise ValueError(f"marketplace has no size {sorted(unknown)}. Known: {', '.join(SIZES)}.")
    if writes != "item_sequences":
        raise ValueError(f"marketplace cannot write {writes!r}. Known: item_sequences.")
    if unknown := set(kinds) - set(SHOPS):
        raise ValueError(f"marketplace sells no {sorted(unknown)}. Known: {', '.join(SHOPS)}.")
    sizes = {**SIZES, **sizes}
    random = np.random.Generator(np.random.PCG64(seed))
    products = stock(kinds, int(sizes["items"]), random)
    liked = LIKED if sizes["brand_liked"] else LIKED[:2]
    values = codes(products, liked) if sizes["shared"] else dealt(len(products), len(liked), random)
    users, own = int(sizes["users"]), np.random.Generator(np.random.PCG64([seed, 1]))
    titled = own.random(len(products)) < sizes["worded"]
    offered = looked_at(titled, users, sizes["single"], own) if sizes["single"] else None
    lists = choose(values, sizes, random, offered)
    worded = random.random(len(products)) < sizes["worded"]
    worded = titled if sizes["single"] else worded
    pictured = (random.random(len(products)) < sizes["pictured"]) | ~worded
    output.mkdir(parents=True, exist_ok=True)
    return [
        _write_lists(output / USERS, lists),
        _write_titles(output / TITLES, products, worded, bool(sizes["colour_told"])),
        write_pictures(output / "images_0.tar", products, random, FIRST_ID, pictured),
        _write_truth(output / "truth.json", products, values),
    ]


def stock(kinds: Sequence[str], items: int, random: np.random.Generator) -> list[Product]:
    """Draw products in few colours and of few brands, so that there are several that a customer likes best."""
    return [
        replace(
            one,
            brand=SOLD["brand"][random.integers(len(SOLD["brand"]))],
            attributes={
                **one.attributes,
                "colour": SOLD["colour"][random.integers(len(SOLD["colour"]))],
            },
        )
        for one in assortment(kinds, items, random)
    ]


def codes(products: Sequence[Product], liked: Sequence[str]) -> NDArray[Any]:
    """Give numbers to what can be liked about each product; shape (products, liked)."""
    columns = []
    for name in liked:
        said = [one.brand if name == "brand" else one.attributes[name] for one in products]
        columns.append(np.unique(said, return_inverse=True)[1])
    return np.stack(columns, axis=1)


def dealt(products: int, likings: int, random: np.random.Generator) -> NDArray[Any]:
    """Deal products to groups that nobody sees; one that is liked counts like a product that has all that is liked."""
    return np.repeat(random.integers(0, GROUPS, products)[:, None], likings, axis=1)


def choose(
    values: NDArray[Any],
    sizes: Mapping[str, int | float],
    random: np.random.Generator,
    offered: NDArray[Any] | None = None,
) -> list[NDArray[Any]]:
    """Let every customer choose products, none twice, all customers one step at a time.

    Args:
        values: of each product, what can be liked about it; shape (products, likings).
        sizes: see `SIZES`.
        random: of all that is drawn.
        offered: which products each customer looks at, shape (users, products); all, unless given.

    Returns:
        The products of each customer in the order of choice.
    """
    products, likings = values.shape
    users = int(sizes["users"])
    most = min(2 * int(sizes["mean_length"]) - SHORTEST, products)
    lengths = random.integers(SHORTEST, most + 1, users)
    popular = 1 / (products + random.permutation(products))
    liked = values[random.integers(0, products, users)]  # what some product has
    taken = np.zeros((users, products), dtype=bool) if offered is None else ~offered
    steps = np.zeros((users, most), dtype=np.int64)
    pull = np.array([float(sizes["pull"] ** count) for count in range(likings + 1)])
    alike = bool((values == values[:, :1]).all())
    for step in range(most):
        moved, which = random.random(users) < sizes["mood"], random.integers(0, likings, users)
        other = values[random.integers(0, products, users), which]
        which = slice(None) if alike else which[moved]
        rows = np.flatnonzero(moved)
        liked[rows, which] = other[moved, None] if alike else other[moved]
        matches = (liked[:, None] == values[None]).sum(2)
        weight = np.where(taken, 0.0, popular * pull[matches])
        edge = np.cumsum(weight, axis=1)
        draw = random.random(users) * edge[:, -1]
        steps[:, step] = np.minimum((edge <= draw[:, None]).sum(1), products - 1)
        taken[np.arange(users), steps[:, step]] = True
    return [row[:length] for row, length in zip(steps, lengths, strict=True)]


def _write_lists(path: Path, lists: Sequence[NDArray[Any]]) -> Path:
    lines = [
        f"user{number:05}\t{' '.join(str(FIRST_ID + item) for item in row)}"
        for number, row in enumerate(lists)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def _write_titles(
    path: Path, products: Sequence[Product], worded: NDArray[Any], coloured: bool
) -> Path:
    lines = [
        f"{FIRST_ID + item}\t{one.title() if coloured else title(one)}"
        for item, one in enumerate(products)
        if worded[item]
    ]
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def title(product: Product) -> str:
    """Tell all about a product but its colour, which can be seen."""
    told = replace(product, attributes={**product.attributes, "colour": ""})
    return " ".join(told.title().split())


def _write_truth(path: Path, products: Sequence[Product], values: NDArray[Any]) -> Path:
    items = [
        {"id": str(FIRST_ID + n), "brand": one.brand, "liked": values[n].tolist(), **one.attributes}
        for n, one in enumerate(products)
    ]
    path.write_text(json.dumps({"items": items}, indent=1) + "\n")
    return path
