"""Interactions as texts: what was rated and how, each distinct pair of item and rating once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from jaxtyping import Float, Int

from recloop.data.tastes import Rated
from recloop.language_models import texts
from recloop.language_models.parts import part_of
from recloop.language_models.prompts import Prompt

if TYPE_CHECKING:
    from datasets import Dataset

FIELDS = {"title", "genres", "rating"}
STEPS = 100  # a rating is told apart from others to a hundredth
WIDTH = 100 * STEPS  # ratings below 100


def make_interactions(sessions: Path, tables: Path, template: str, output: Path) -> None:
    """Write a text for every pair of an item and a rating that some user gave it.

    Args:
        sessions: folder of a split whose sessions are users.
        tables: folder of the tidy tables with the ratings.
        template: with fields out of `FIELDS`.
        output: folder for texts.arrow, with the columns `text`, `item` (the number of the row), `part` and `code`, and
            for corpus.json.

    Raises:
        ValueError: an item without a title.
    """
    from datasets import Dataset

    parts = [Rated.read(sessions, tables, part) for part in ("train", "valid", "test")]
    known = np.unique(np.concatenate([codes(one.items, one.ratings) for one in parts]))
    items = pl.read_parquet(sessions / "items.parquet").sort("item")
    prompt = Prompt("interaction", template)
    described = [
        text_of(prompt, items.row(code // WIDTH, named=True), code) for code in known.tolist()
    ]
    columns = {
        "text": described,
        "item": list(range(len(known))),
        "part": [part_of(text) for text in described],
        "code": known.tolist(),
    }
    record = {"items": len(known), "with_text": len(known), "template": template}
    texts.save(Dataset.from_dict(columns), output, record)


def codes(
    items: Int[np.ndarray, " rating"], ratings: Float[np.ndarray, " rating"]
) -> Int[np.ndarray, " rating"]:
    """Give numbers to pairs of items and ratings.

    Raises:
        ValueError: a rating that is negative or has no room.
    """
    steps = np.round(ratings * STEPS).astype(np.int64)
    if len(steps) and not 0 <= steps.min() <= steps.max() < WIDTH:
        raise ValueError(
            f"ratings of {ratings.min()} to {ratings.max()}: expected some from 0 to below 100"
        )
    return items * WIDTH + steps


def text_of(prompt: Prompt, item: dict, code: int) -> str:
    """Describe one interaction.

    Raises:
        ValueError: the item has no title.
    """
    if not item["title"]:
        raise ValueError(
            f"item {item['id']}: expected a title, found none; leave it out of the source, or name it there"
        )
    values = {
        "title": item["title"],
        "genres": ", ".join(sorted(item["attributes"] or ["unknown"])),
        "rating": f"{code % WIDTH / STEPS:g}",
    }
    return prompt.fill(**{name: values[name] for name in prompt.fields})


class Interactions:
    """The texts of interactions, and which row each has.

    Args:
        folder: written by `make_interactions`.
    """

    def __init__(self, folder: Path):
        rows: Dataset = texts.read(folder)
        self.key = texts.read_record(folder)["key"]
        self.known, self.texts = np.asarray(rows["code"][:], np.int64), rows["text"][:]

    def rows(
        self, items: Int[np.ndarray, " rating"], ratings: Float[np.ndarray, " rating"]
    ) -> Int[np.ndarray, " rating"]:
        """Look up the rows of some interactions.

        Raises:
            ValueError: one that has no text.
        """
        wanted = codes(items, ratings)
        found = np.searchsorted(self.known, wanted).clip(max=len(self.known) - 1)
        if (self.known[found] != wanted).any():
            raise ValueError("an interaction without a text: the texts are of another split")
        return found
