"""LFM-1b listening events in their official form, `LFM-1b_LEs.txt`.

Schedl. The LFM-1b Dataset for Music Retrieval and Recommendation. ICMR 2016.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recloop.data.catalogue import beside, describe
from recloop.data.quarantine import missing, read_fields, separate, whole
from recloop.data.tables import Reading, as_interactions

COLUMNS = ("user", "artist", "album", "track", "timestamp")


def read(raw: Path, max_malformed: float = 0.01, item: str = "track") -> Reading:
    """Read plays; times come in seconds.

    Args:
        raw: folder of the file.
        max_malformed: largest tolerated share of malformed lines.
        item: the column that is recommended: track, album or artist. Brands are artists, unless they are the items.
    """
    path = raw / "LFM-1b_LEs.txt"
    rows = read_fields(path, COLUMNS, "\t").with_columns(time=whole("timestamp") * 1000)
    problems = {
        "has no user": missing("user"),
        f"has no {item}": missing(item),
        "has no readable time": pl.col("time").is_null(),
        "has a time before 1970": pl.col("time") < 0,
    }
    checked = separate(rows, path, problems, max_malformed, width=len(COLUMNS))
    names = {"user": pl.col("user"), "item": pl.col(item), "time": pl.col("time")}
    return Reading(
        interactions=as_interactions(checked.rows, "play", **names),
        items=describe(_items(checked.rows, item), raw),
        malformed=checked.malformed,
        files=(path, *beside(raw)),
        time_unit="seconds",
    )


def _items(plays: pl.LazyFrame, item: str) -> pl.DataFrame:
    if item == "artist":
        return plays.select(item=item).unique().collect(engine="streaming")
    artists = plays.group_by(item=item).agg(brand=pl.col("artist").min())
    return artists.collect(engine="streaming")
