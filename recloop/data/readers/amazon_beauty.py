"""Amazon Beauty, 5-core, one line of items per user.

Zhou et al. S3-Rec: Self-Supervised Learning for Sequential Recommendation. CIKM 2020.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

from recloop.data.quarantine import MalformedError, read_lines, separate
from recloop.data.tables import Reading, as_interactions, as_items, unroll

SEQUENCES = "Beauty.txt"
ATTRIBUTES = "Beauty_item2attributes.json"
NAMES = "beauty_datamaps.json"
RARE = 5  # items that an attribute must have to be in ATTRIBUTES


def read(raw: Path, max_malformed: float = 0.01) -> Reading:
    """Read reviews in order; there are no times. Attributes are brand and categories, by name."""
    path = raw / SEQUENCES
    rows = read_lines(path).with_columns(fields=pl.col("text").str.split(" "))
    fields = pl.col("fields")
    problems = {
        "has no user and item": fields.list.len() < 2,
        "has an empty field": fields.list.contains(""),
    }
    checked = separate(rows, path, problems, max_malformed)
    listed = checked.rows.with_columns(user=fields.list.first(), items=fields.list.slice(1))
    events = unroll(listed, "items", "user")
    return Reading(
        interactions=as_interactions(events, "rating", user=pl.col("user"), item=pl.col("item")),
        items=_items(events, raw),
        malformed=checked.malformed,
        files=(path, raw / ATTRIBUTES, raw / NAMES),
    )


def _items(events: pl.LazyFrame, raw: Path) -> pl.DataFrame:
    numbers = json.loads((raw / ATTRIBUTES).read_text())
    names = _names(json.loads((raw / NAMES).read_text()), numbers, raw / ATTRIBUTES)
    known = pl.DataFrame(
        {
            "item": list(numbers),
            "attributes": [[names[number - 1] for number in given] for given in numbers.values()],
        },
        schema={"item": pl.String, "attributes": pl.List(pl.String)},
    )
    return as_items(events.select("item").unique().collect().join(known, on="item", how="left"))


def _names(maps: dict[str, Any], numbers: dict[str, list[int]], path: Path) -> list[str]:
    """Name the attributes: the two files number them differently.

    The sequences come with attributes of five or more items only, numbered anew in the same
    order. That this is so shows in the counts, which must agree for every attribute.
    """
    counts = {int(number): count for number, count in maps["attributeid2num"].items()}
    kept = [number for number in sorted(counts) if counts[number] >= RARE]
    found = Counter(number for given in numbers.values() for number in given)
    if found != Counter({place: counts[number] for place, number in enumerate(kept, start=1)}):
        raise MalformedError(
            f"{path}: {len(found)} attributes whose counts do not agree with those of {NAMES}, "
            f"expected {len(kept)} that do. Are the files of one release?"
        )
    return [maps["id2attribute"][str(number)] for number in kept]
