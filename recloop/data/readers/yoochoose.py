"""Yoochoose clicks and buys as published for the RecSys Challenge 2015.

Ben-Shimon et al. RecSys Challenge 2015 and the YOOCHOOSE Dataset. RecSys 2015.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recloop.data.catalogue import beside, describe
from recloop.data.quarantine import Checked, missing, read_fields, separate, whole
from recloop.data.tables import Reading, as_interactions

CLICKS = ("session", "timestamp", "item", "category")
BUYS = ("session", "timestamp", "item", "price", "quantity")
TIME = "%Y-%m-%dT%H:%M:%S%.fZ"


def read(raw: Path, max_malformed: float = 0.01) -> Reading:
    """Read both files; purchases come after clicks of the same millisecond."""
    clicks = _checked(raw / "yoochoose-clicks.dat", CLICKS, max_malformed)
    buys = _checked(raw / "yoochoose-buys.dat", BUYS, max_malformed)
    events = [_events(clicks.rows, "click", 0), _events(buys.rows, "purchase", clicks.lines)]
    return Reading(
        interactions=pl.concat(events),
        items=describe(_items(clicks.rows, buys.rows), raw),
        malformed=pl.concat([clicks.malformed, buys.malformed]),
        files=(raw / "yoochoose-clicks.dat", raw / "yoochoose-buys.dat", *beside(raw)),
    )


def _checked(path: Path, columns: tuple[str, ...], max_malformed: float) -> Checked:
    time = pl.col("timestamp").str.to_datetime(TIME, time_unit="ms", strict=False)
    rows = read_fields(path, columns, ",").with_columns(time=time.dt.epoch("ms"))
    problems = {
        "has no session": missing("session"),
        "has no item": missing("item"),
        "has no readable time": pl.col("time").is_null(),
        "has a time before 1970": pl.col("time") < 0,
    }
    if "price" in columns:
        amounts = whole("price").is_null() | whole("quantity").is_null()
        problems["has no readable price or quantity"] = amounts
    return separate(rows, path, problems, max_malformed, width=len(columns))


def _events(rows: pl.LazyFrame, event: str, offset: int) -> pl.LazyFrame:
    names = {name: pl.col(name) for name in ("session", "item", "time")}
    return as_interactions(rows, event, **names, position=pl.col("line") + offset)


def _items(clicks: pl.LazyFrame, buys: pl.LazyFrame) -> pl.DataFrame:
    """Find each item's most frequent category; "S" is an offer, "0" unknown, longer ones a brand."""
    clicked = clicks.group_by("item", "category").len()
    bought = buys.select("item").unique().with_columns(category=pl.lit("0"), len=pl.lit(0))
    seen = pl.concat([clicked, bought], how="vertical_relaxed").collect(engine="streaming")
    named = pl.col("category").str.contains(r"^([1-9]|1[0-2])$")
    branded = pl.col("category").str.contains(r"^\d{3,}$")
    return (
        seen.sort("len", "category", descending=[True, False])
        .group_by("item")
        .agg(
            category=pl.col("category").filter(named).first(),
            brand=pl.col("category").filter(branded).first(),
        )
    )
