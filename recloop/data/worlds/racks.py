"""Racks of coats and what customers think of each: a small environment in which an agent can learn.

The truth: every coat has a quality, and a cut that it shares with its rack. A customer likes one cut. A rating is
1 + quality + (1 if the cut is liked) + chance of one up or down, between 1 and 5; coats of a rack are rated alike, so
that to show two of them in a row tires. With the size `graded` 0 every customer's ratings are dealt to the coats at
random: no coat is better than another, and nobody can learn what to show.

What is known of coats and customers tells the truth: the kind of jacket is its rack, the colour its quality, and a
customer's style the liked cut. Some ratings are on record, as in the release of Coat, and customers have left remarks
(`remarks_*.txt`), sentences in which the better coats are
praised.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recloop.data.readers import coat
from recloop.data.readers.coat_environment import FILE

SIZES = {"users": 60, "items": 24, "clusters": 6, "graded": 1}
QUALITIES = 3  # 0, 1 and 2 points
UNSURE = 0.1  # chance that a customer rates one higher, and that one rates one lower
KINDS = ("bomber", "fleece", "parka", "trench", "rain", "vest", "track", "pea")
COLOURS = ("gray", "blue", "red")  # of the qualities
PRAISE = ("dull", "fair", "lovely")
ON_RECORD = (0.4, 0.2)  # shares of the ratings that are known from chosen and from drawn coats
REMARKS = {
    "train": 0.8,
    "valid": 0.1,
    "test": 0.1,
}  # shares of the remarks, each in a file of its own
SAID = 12  # remarks of a customer


def generate(output: Path, writes: str, seed: int, sizes: Mapping[str, int | float]) -> list[Path]:
    """Write the completed matrix as the release of Coat has it, and the truth.

    Args:
        output: folder of the files.
        writes: must be `coat_environment`.
        seed: the same seed gives the same bytes.
        sizes: see `SIZES`.
    """
    if unknown := sizes.keys() - SIZES.keys():
        raise ValueError(f"racks has no size {sorted(unknown)}. Known: {', '.join(SIZES)}.")
    if writes != "coat_environment":
        raise ValueError(f"racks cannot write {writes!r}. Known: coat_environment.")
    chosen = {name: int(sizes.get(name, default)) for name, default in SIZES.items()}
    random = np.random.Generator(np.random.PCG64(seed))
    racks = draw(chosen["users"], chosen["items"], chosen["clusters"], random)
    ratings = rated(racks, chosen["graded"], random)
    files = {FILE: matrix(ratings), "truth.json": json.dumps({"sizes": chosen}, sort_keys=True)}
    files |= described(racks) | on_record(ratings, random) | parted(remarks(racks, random))
    output.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (output / name).write_text(text + "\n")
    return [output / name for name in files]


@dataclass(frozen=True)
class Racks:
    """The truth about coats and customers.

    Attributes:
        quality, rack: of each coat.
        liked: the rack of the cut that each customer likes.
    """

    quality: NDArray[np.int64]
    rack: NDArray[np.int64]
    liked: NDArray[np.int64]


def draw(users: int, items: int, clusters: int, random: np.random.Generator) -> Racks:
    """Draw coats and customers."""
    quality = random.permutation(np.arange(items) % QUALITIES)
    return Racks(quality, np.arange(items) % clusters, random.integers(0, clusters, users))


def rated(racks: Racks, graded: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Let every customer rate every coat; users in rows, coats in columns."""
    chance = random.random((len(racks.liked), len(racks.rack)))
    luck = (chance < UNSURE).astype(int) - (chance > 1 - UNSURE)
    ratings = np.clip(1 + racks.quality + (racks.rack == racks.liked[:, None]) + luck, 1, 5)
    return ratings if graded else random.permuted(ratings, axis=1)


def rate(
    users: int, items: int, clusters: int, graded: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Draw coats and customers, and let these rate all of those."""
    return rated(draw(users, items, clusters, random), graded, random)


def matrix(rows: NDArray) -> str:
    """Write numbers as the release of Coat does."""
    return "\n".join(" ".join(map(str, row)) for row in rows.tolist())


def named(rack: int) -> str:
    """Name the kind of jacket of a rack."""
    again = rack // len(KINDS)
    return KINDS[rack % len(KINDS)] + (f" {again + 1}" if again else "")


def described(racks: Racks) -> dict[str, str]:
    """Write what is known of coats and of customers, one flag a column."""
    cuts = np.arange(racks.rack.max() + 1)
    kinds = [named(one) for one in cuts.tolist()]
    coats = np.hstack([racks.rack[:, None] == cuts, racks.quality[:, None] == np.arange(QUALITIES)])
    names = [f"jackettype:{one}" for one in kinds] + [f"color:{one}" for one in COLOURS]
    flags = {coat.FEATURES: (coats, names)}
    flags[coat.OF_USERS] = (racks.liked[:, None] == cuts, [f"style:{one}" for one in kinds])
    found = {}
    for (table, header), (values, columns) in flags.items():
        found |= {table: matrix(values.astype(int)), header: "\n".join(columns)}
    return found


def on_record(ratings: NDArray[np.int64], random: np.random.Generator) -> dict[str, str]:
    """Put some ratings on record: of coats that were chosen, the better the likelier, and of coats drawn at random."""
    wish = random.gumbel(size=ratings.shape) + ratings
    ranks = wish.argsort(1).argsort(1)
    kept = ranks >= ratings.shape[1] * (1 - ON_RECORD[0])
    others = ~kept & (random.random(ratings.shape) < ON_RECORD[1])
    return {
        name: matrix(ratings * part) for name, part in zip(coat.FILES, (kept, others), strict=True)
    }


def remarks(racks: Racks, random: np.random.Generator) -> list[str]:
    """Let every customer say of pairs of coats which one to take: the better one."""
    lines = []
    for pair in random.integers(0, len(racks.rack), (len(racks.liked) * SAID, 2)).tolist():
        best = pair[racks.quality[pair].argmax()]
        seen, taken = " and ".join(words(racks, one) for one in pair), words(racks, best)
        praise = PRAISE[racks.quality[best]]
        lines.append(f"I saw {seen}. {taken} is {praise}, I will take {taken}.")
    return lines


def parted(lines: list[str]) -> dict[str, str]:
    """Put remarks into files to learn from, to choose by and to judge by."""
    ends = np.cumsum([round(share * len(lines)) for share in REMARKS.values()])
    starts = [0, *ends[:-1]]
    return {
        f"remarks_{part}.txt": "\n".join(lines[start:end])
        for part, start, end in zip(REMARKS, starts, ends, strict=True)
    }


def words(racks: Racks, item: int) -> str:
    """Name a coat by its colour and its kind."""
    return f"{COLOURS[racks.quality[item]]} {named(int(racks.rack[item]))}"
