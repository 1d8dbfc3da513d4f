"""Coat shopping: two matrices of ratings, of coats people chose and of coats drawn at random.

Schnabel et al. Recommendations as Treatments: Debiasing Learning and Evaluation. ICML 2016.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recloop.data.companions import read_text
from recloop.data.quarantine import Checked, MalformedError, read_lines, separate
from recloop.data.tables import Reading, as_interactions, as_items, unroll

FILES = ("train.ascii", "test.ascii")
FEATURES = ("item_features.ascii", "item_features_map.txt")
OF_USERS = ("user_features.ascii", "user_features_map.txt")


def read(raw: Path, max_malformed: float = 0.0) -> Reading:
    """Read ratings 1 to 5; random ones come after chosen ones in `position`, times are unknown."""
    features = coats(raw)
    checked = [_checked(raw / name, len(features), max_malformed) for name in FILES]
    events = [_ratings(each.rows, part * len(features)) for part, each in enumerate(checked)]
    return Reading(
        interactions=pl.concat(events),
        items=as_items(pl.DataFrame(features)),
        malformed=pl.concat(each.malformed for each in checked),
        files=tuple(raw / name for name in (*FILES, *FEATURES)),
    )


def _checked(path: Path, items: int, max_malformed: float) -> Checked:
    ratings = pl.col("text").str.strip_chars().str.split(" ")
    rows = read_lines(path).with_columns(ratings=ratings)
    problems = {
        f"has not {items} ratings": pl.col("ratings").list.len() != items,
        "has a rating other than 0 to 5": ~pl.col("text").str.contains(r"^[0-5]( [0-5])*\s*$"),
    }
    return separate(rows, path, problems, max_malformed)


def _ratings(rows: pl.LazyFrame, offset: int) -> pl.LazyFrame:
    # Users and items have no names: they are numbered as they lie in the matrix.
    numbered = rows.with_columns(user=(pl.col("line") - 1).cast(pl.String))
    cells = unroll(numbered, "ratings", "user", output="rating").filter(pl.col("rating") != "0")
    return as_interactions(
        cells,
        "rating",
        user=pl.col("user"),
        item=pl.col("line").cast(pl.String),
        position=pl.col("line") + offset,
        rating=pl.col("rating"),
    )


def coats(raw: Path) -> list[dict[str, object]]:
    """Read the properties of every coat; the kind of jacket is its category."""
    names, rows = flags(raw, FEATURES)
    found = []
    for number, row in enumerate(rows):
        has = [name for name, flag in zip(names, row, strict=True) if flag]
        kind = next((n.split(":")[1] for n in has if n.startswith("jackettype:")), None)
        found.append({"item": str(number), "category": kind, "attributes": has})
    return found


def flags(raw: Path, files: tuple[str, str]) -> tuple[list[str], list[list[int]]]:
    """Read a table of flags, such as FEATURES or OF_USERS.

    Returns:
        the names of the flags, and a row of 0 and 1 for each coat or customer.

    Raises:
        MalformedError: a line with something else, or with another number of flags.
    """
    names = [name.strip() for name in read_text(raw / files[1]).split("\n") if name.strip()]
    lines = [text.split() for text in read_text(raw / files[0]).split("\n") if text.strip()]
    for line, row in enumerate(lines, start=1):
        if len(row) != len(names) or not set(row) <= {"0", "1"}:
            raise MalformedError(
                f"{raw / files[0]}: line {line} has {len(row)} fields, expected {len(names)} "
                "of 0 or 1. Fetch the file again."
            )
    return names, [[int(flag) for flag in row] for row in lines]
