"""A completed matrix of ratings: one line a user, one rating 1 to 5 an item, none missing.

Huang et al. Keeping Dataset Biases out of the Simulation: A Debiased Simulator for Reinforcement Learning based
Recommender Systems. RecSys 2020 (their released matrix of Coat).
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recloop.data.quarantine import MalformedError, read_lines, separate
from recloop.data.readers import coat
from recloop.data.tables import Reading, as_interactions, as_items, unroll

FILE = "coat_pseudoGT_ratingM.ascii"


def read(raw: Path) -> Reading:
    """Read ratings of all users for all items; both are numbered as they lie in the matrix, times are unknown.

    What is known of the coats is read where it lies beside the matrix.
    """
    path = raw / FILE
    ratings = pl.col("text").str.strip_chars().str.split(" ")
    rows = read_lines(path).with_columns(ratings=ratings)
    items = int(rows.select(pl.col("ratings").list.len()).first().collect().item())
    problems = {
        f"has not {items} ratings": pl.col("ratings").list.len() != items,
        "has a rating other than 1 to 5": ~pl.col("text").str.contains(r"^[1-5]( [1-5])*\s*$"),
    }
    checked = separate(rows, path, problems, 0.0)
    numbered = checked.rows.with_columns(user=(pl.col("line") - 1).cast(pl.String))
    cells = unroll(numbered, "ratings", "user", output="rating")
    return Reading(
        interactions=as_interactions(
            cells,
            "rating",
            user=pl.col("user"),
            item=pl.col("line").cast(pl.String),
            rating=pl.col("rating"),
        ),
        items=as_items(pl.DataFrame(_coats(raw, items))),
        malformed=checked.malformed,
        files=(path, *(raw / name for name in coat.FEATURES if (raw / name).exists())),
    )


def _coats(raw: Path, items: int) -> list[dict[str, object]]:
    """Describe the coats, or number them where nothing is known."""
    if not (raw / coat.FEATURES[0]).exists():
        return [{"item": str(number)} for number in range(items)]
    found = coat.coats(raw)
    if len(found) != items:
        raise MalformedError(
            f"{raw / coat.FEATURES[0]}: describes {len(found)} coats, expected {items} as in {FILE}."
        )
    return found
