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


def read(raw: Path, max_malformed: float = 0.0) -> Reading:
    """Read ratings 1 to 5; random ones come after chosen ones in `position`, times are unknown."""
    features = _features(raw)
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


def _features(raw: Path) -> list[dict[str, object]]:
    """Read the properties of every coat; the kind of jacket is its category."""
    names = read_text(raw / FEATURES[1]).split("\n")
    names = [name.strip() for name in names if name.strip()]
    lines = read_text(raw / FEATURES[0]).split("\n")
    coats = []
    for line, text in enumerate((text for text in lines if text.strip()), start=1):
        flags = text.split()
        if len(flags) != len(names) or not set(flags) <= {"0", "1"}:
            raise MalformedError(
                f"{raw / FEATURES[0]}: line {line} has {len(flags)} fields, expected {len(names)} "
                "of 0 or 1. Fetch the file again."
            )
        has = [name for name, flag in zip(names, flags, strict=True) if flag == "1"]
        kind = next((n.split(":")[1] for n in has if n.startswith("jackettype:")), None)
        coats.append({"item": str(line - 1), "category": kind, "attributes": has})
    return coats
