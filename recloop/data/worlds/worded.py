"""A shop whose customers like a material, and whose titles say of what each product is made.

The truth: a product is of one material, a customer likes one material, and what is looked at next is of it with the
chance `loyal`, otherwise anything. Whoever reads titles can know what a customer likes from the first product on, who
only counts has to see the products together first. With the size `named` 0 titles are dealt to the products at random,
so that words say nothing. It also writes `talk`: what customers of another shop of this kind, of which no log is kept,
tell of their purchases. As in the shop, no exp or log is used, so that every machine writes the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recloop.data.catalogue import CATALOGUE
from recloop.data.worlds.shelves import NOUNS, SYLLABLES
from recloop.data.worlds.writing import FIRST_ID, write_csv, write_truth

SIZES = {
    "items": 120,
    "users": 240,
    "mean_length": 7,
    "clusters": 8,  # materials
    "loyal": 0.85,  # chance that the next product is of the material that is liked
    "named": 1,  # 0: titles are dealt to the products at random
}
_MATERIALS = "oak steel linen glass leather marble bamboo copper wool cork silver velvet"
MATERIALS = _MATERIALS.split()
SHORTEST = 4  # products that a customer looks at
START, MINUTE, DAY = 16_558, 60_000, 86_400_000  # days since 1970; milliseconds
TALK = "talk"


def generate(output: Path, writes: str, seed: int, sizes: Mapping[str, int | float]) -> list[Path]:
    """Write views as RetailRocket does, with titles and truth; or what customers elsewhere tell.

    Args:
        output: folder of the files.
        writes: `retailrocket` or `talk`.
        seed: the same seed gives the same bytes.
        sizes: see `SIZES`.
    """
    if unknown := sizes.keys() - SIZES.keys():
        raise ValueError(f"worded has no size {sorted(unknown)}. Known: {', '.join(SIZES)}.")
    if writes not in WRITERS:
        raise ValueError(f"worded cannot write {writes!r}. Known: {', '.join(WRITERS)}.")
    sizes = {**SIZES, **sizes}
    most = len(MATERIALS) * len(NOUNS)
    if sizes["clusters"] > len(MATERIALS) or sizes["items"] > most:
        raise ValueError(f"worded has {len(MATERIALS)} materials and titles for {most} products.")
    random = np.random.Generator(np.random.PCG64(seed))
    material = random.permutation(np.arange(int(sizes["items"])) % int(sizes["clusters"]))
    liked, events, item = look(material, sizes, random)
    output.mkdir(parents=True, exist_ok=True)
    titles = name(material, random)
    told = np.arange(len(material)) if sizes["named"] else random.permutation(len(material))
    titles = titles[told]
    files = WRITERS[writes](output, titles, events, item)
    if writes == TALK:  # of texts every file is read
        return files
    truth = {"material": material, "told": told, "liked": liked}
    return [*files, *write_truth(output, truth, sizes)]


def look(
    material: NDArray[Any], sizes: Mapping[str, int | float], random: np.random.Generator
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Let every customer look at products.

    Returns:
        The material that each customer likes; the customer and the product of each event.
    """
    users, clusters = int(sizes["users"]), int(sizes["clusters"])
    liked = random.integers(0, clusters, users)
    length = random.integers(SHORTEST, int(2 * sizes["mean_length"]) - SHORTEST + 1, users)
    user = np.repeat(np.arange(users), length)
    order = np.argsort(material, kind="stable")
    size = np.bincount(material, minlength=clusters)
    first = np.cumsum(size) - size
    draw = random.random((3, len(user)))
    own = order[first[liked[user]] + (draw[0] * size[liked[user]]).astype(np.int64)]
    anything = (draw[1] * len(material)).astype(np.int64)
    return liked, user, np.where(draw[2] < sizes["loyal"], own, anything)


def name(material: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
    """Name each product by its material and what it is, and by a brand that makes things of this material alone.

    Returns:
        Title, kind and brand in columns; no two products of a material are of a kind.
    """
    found = np.empty((len(material), 3), dtype=object)
    for one in np.unique(material):
        rows = np.flatnonzero(material == one)
        kinds = random.permutation(len(NOUNS))[: len(rows)]
        for row, kind, brand in zip(rows, kinds, random.integers(0, 2, len(rows)), strict=True):
            label = (SYLLABLES[one] + SYLLABLES[-1 - brand]).capitalize()
            found[row] = f"{MATERIALS[one]} {NOUNS[kind]}", NOUNS[kind], label
    return found


def write_log(
    output: Path, titles: NDArray[Any], user: NDArray[Any], item: NDArray[Any]
) -> list[Path]:
    """Write views, a minute apart, and the catalogue."""
    place = np.arange(len(user)) - np.searchsorted(user, user)
    ids = FIRST_ID + np.arange(len(titles))
    events = pl.DataFrame(
        {
            "timestamp": START * DAY + user * DAY // 24 + place * MINUTE,
            "visitorid": user + 1,
            "event": "view",
            "itemid": ids[item],
            "transactionid": None,
        }
    ).sort("timestamp", "visitorid", maintain_order=True)
    words = dict(zip(("title", "category", "brand"), map(list, titles.T), strict=True))
    catalogue = pl.DataFrame({"item": ids, **words}).with_columns(
        description=pl.format("Made of {}.", pl.col("title").str.split(" ").list.first())
    )
    columns = ("item", "title", "brand", "category", "description")
    return [
        write_csv(events, output / "events.csv", header=True),
        write_csv(catalogue.select(columns), output / CATALOGUE, header=True),
    ]


def write_talk(
    output: Path, titles: NDArray[Any], user: NDArray[Any], item: NDArray[Any]
) -> list[Path]:
    """Write a sentence per customer, and one per product."""
    begin = np.searchsorted(user, np.arange(user.max() + 1))
    lines = [
        "The user has bought these products in chronological order: "
        + ", ".join(titles[one, 0] for one in seen[:-1])
        + f". The next product to be bought based on the history is {titles[seen[-1], 0]}."
        for seen in np.split(item, begin[1:])
    ]
    lines += [
        f"{title} product is titled {title}, its category is {kind}, its brand is {brand}."
        for title, kind, brand in titles
    ]
    path = output / f"{TALK}.jsonl"
    path.write_text("".join(json.dumps({"text": line}) + "\n" for line in lines))
    return [path]


WRITERS: dict[str, Callable[..., list[Path]]] = {"retailrocket": write_log, TALK: write_talk}
