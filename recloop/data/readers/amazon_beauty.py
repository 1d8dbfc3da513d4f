"""Amazon Beauty, 5-core, one line of items per user.

Zhou et al. S3-Rec: Self-Supervised Learning for Sequential Recommendation. CIKM 2020.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

from recloop.data.entries import read_json
from recloop.data.quarantine import MalformedError, read_lines, separate
from recloop.data.tables import Reading, as_interactions, as_items, unroll

SEQUENCES = "Beauty.txt"
ATTRIBUTES = "Beauty_item2attributes.json"
NAMES = "beauty_datamaps.json"
MAPS = ("attributeid2num", "id2attribute")  # of NAMES: how many items, and what it is called
RARE = 5  # items that an attribute must have to be in ATTRIBUTES


def read(raw: Path, max_malformed: float = 0.01) -> Reading:
    """Read reviews in order; there are no times. Attributes are brand and categories, by name."""
    path = raw / SEQUENCES
    rows = read_lines(path).with_columns(fields=pl.col("text").str.split(" "))
    fields = pl.col("fields")
    problems = {
        "has no user and item": fields.list.len() < 2,
        "has an empty field": fields.list.contains(""),
        "has the user of an earlier line": ~fields.list.first().is_first_distinct(),
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
    numbers = read_json(raw / ATTRIBUTES, dict)
    _check_numbers(numbers, raw / ATTRIBUTES)
    names = _names(_maps(raw / NAMES), numbers, raw / ATTRIBUTES)
    known = pl.DataFrame(
        {
            "item": list(numbers),
            "attributes": [[names[number - 1] for number in given] for given in numbers.values()],
        },
        schema={"item": pl.String, "attributes": pl.List(pl.String)},
    )
    return as_items(events.select("item").unique().collect().join(known, on="item", how="left"))


def _check_numbers(numbers: dict[str, Any], path: Path) -> None:
    for item, given in numbers.items():
        if not isinstance(given, list) or not all(isinstance(one, int) for one in given):
            raise MalformedError(
                f"{path}: item {item!r} has {str(given)[:80]}, expected a list of whole numbers, "
                "one for each attribute. Fetch the file again."
            )


def _maps(path: Path) -> dict[str, Any]:
    maps = read_json(path, dict)
    if wrong := [key for key in MAPS if not isinstance(maps.get(key), dict)]:
        raise MalformedError(
            f"{path}: has no {' and no '.join(wrong)}, expected both as objects. Is it the file of "
            "another data set?"
        )
    return maps


def _names(maps: dict[str, Any], numbers: dict[str, list[int]], path: Path) -> list[str]:
    """List the names of the attributes: the two files number them differently.

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
