"""Titles of a source as sentences in a study's own words: behind a list and behind what is asked for, one said again.

Ours: a small language model that has read such sentences knows how a study's prompts go on. Who took what is not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from recloop.language.attributes import labels
from recloop.language_models import texts
from recloop.language_models.parts import part_of
from recloop.language_models.prompts import Prompt

LISTED = 2  # titles of a list
SHARE_LISTED = 0.7  # of the sentences; before the others stands the title alone
SEED = 20_261_129


def make_told_titles(items: Path, told: Mapping, prompts: Mapping[str, str], output: Path) -> None:
    """Write sentences in which a title is said again.

    Args:
        items: folder of `read` with `title` in items.parquet.
        told: `kind` (product or track), `attributes` that are asked for, `sentences`, and `words`, of a title's first
            ones that are said.
        prompts: templates by name: the kind, its plural, `next`, each attribute and `no_` before it.
        output: folder for texts.arrow, with the columns `text` and `part`, and for corpus.json.

    Raises:
        ValueError: fewer titles in a part than a list has.
    """
    from datasets import Dataset

    known = {name: Prompt(name, template) for name, template in prompts.items()}
    titles = by_part(items, told["words"])
    random = np.random.Generator(np.random.PCG64(SEED))
    found: dict[str, list[str]] = {"text": [], "part": []}
    every = sum(map(len, titles.values()))
    for part, some in titles.items():
        if len(some) < LISTED:
            raise ValueError(
                f"{items}: expected at least {LISTED} titles to {part}, found {len(some)}"
            )
        number = max(1, round(told["sentences"] * len(some) / every))
        found["text"] += [sentence(some, told, known, random) for _ in range(number)]
        found["part"] += [part] * number
    texts.save(Dataset.from_dict(found), output, {"told": dict(told), "prompts": dict(prompts)})


def by_part(items: Path, words: int) -> dict[str, list[str]]:
    """List the first words of the titles that are learnt from, that choose and that judge."""
    table = pl.read_parquet(items / "items.parquet", columns=["title"])
    found: dict[str, list[str]] = {"train": [], "valid": [], "test": []}
    for title in table["title"].unique(maintain_order=True):
        if said := " ".join((title or "").split()[:words]):
            found[part_of(said)].append(said)
    return found


def sentence(
    titles: list[str], told: Mapping, prompts: Mapping[str, Prompt], random: np.random.Generator
) -> str:
    """Say perhaps an attribute that a title has or has not, a list with the title in it, and the title."""
    listed = [titles[place] for place in random.integers(0, len(titles), LISTED)]
    said = listed[int(random.integers(0, LISTED))]
    kind, names = told["kind"], tuple(told["attributes"])
    next_one = prompts["next"].fill()
    parts = []
    if (asked := int(random.integers(0, len(names) + 1))) < len(names):
        has = names[asked] in labels(said, names)
        parts.append(prompts[names[asked] if has else f"no_{names[asked]}"].fill() + ".")
    if random.random() < SHARE_LISTED:
        items = ", ".join(prompts[kind].fill(title=title) for title in listed)
        parts.append(prompts[f"{kind}s"].fill(items=items) + ".")
    else:
        parts.append(f"{next_one} {said}.")
    return " ".join([*parts, next_one, said])
