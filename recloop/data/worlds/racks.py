"""Racks of coats and what customers think of each: a small environment in which an agent can learn.

The truth: every coat has a quality, and a cut that it shares with its rack. A customer likes one cut. A rating is
1 + quality + (1 if the cut is liked) + chance of one up or down, between 1 and 5; coats of a rack are rated alike, so
that to show two of them in a row tires. With the size `graded` 0 every customer's ratings are dealt to the coats at
random: no coat is better than another, and nobody can learn what to show.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recloop.data.readers.coat_environment import FILE

SIZES = {"users": 60, "items": 24, "clusters": 6, "graded": 1}
QUALITIES = 3  # 0, 1 and 2 points
UNSURE = 0.1  # chance that a customer rates one higher, and that one rates one lower


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
    ratings = rate(**chosen, random=np.random.Generator(np.random.PCG64(seed)))
    output.mkdir(parents=True, exist_ok=True)
    lines = [" ".join(map(str, row)) for row in ratings.tolist()]
    (output / FILE).write_text("\n".join(lines) + "\n")
    (output / "truth.json").write_text(json.dumps({"sizes": chosen}, sort_keys=True) + "\n")
    return [output / FILE, output / "truth.json"]


def rate(
    users: int, items: int, clusters: int, graded: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Let every customer rate every coat; users in rows, coats in columns."""
    quality = random.permutation(np.arange(items) % QUALITIES)
    rack = np.arange(items) % clusters
    liked = random.integers(0, clusters, users)
    chance = random.random((users, items))
    luck = (chance < UNSURE).astype(int) - (chance > 1 - UNSURE)
    ratings = np.clip(1 + quality + (rack == liked[:, None]) + luck, 1, 5)
    return ratings if graded else random.permuted(ratings, axis=1)
