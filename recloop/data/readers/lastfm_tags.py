"""Artists that Last.fm users tagged, with the day, the HetRec 2011 files.

Cantador, Brusilovsky, Kuflik. Second Workshop on Information Heterogeneity and Fusion in Recommender Systems. RecSys
2011.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recloop.data.quarantine import read_fields, separate, whole
from recloop.data.tables import Reading, as_interactions, as_items

TAGGED, ARTISTS = "user_taggedartists.dat", "artists.dat"
COLUMNS = ("userID", "artistID", "tagID", "day", "month", "year")
FIRST = 2002  # the year in which Last.fm began; a few days lie decades before it


def read(raw: Path, max_malformed: float = 0.01) -> Reading:
    """Read who tagged which artist on which day, once however many tags were given; a day's order is not known."""
    path = raw / TAGGED
    rows = read_fields(path, COLUMNS, "\t", header=True)
    parts = ("year", pl.col("month").str.zfill(2), pl.col("day").str.zfill(2))
    day = pl.concat_str(parts, separator="-").str.to_date("%Y-%m-%d", strict=False)
    problems = {
        "has no number as user": whole("userID").is_null(),
        "has no number as artist": whole("artistID").is_null(),
        "has no day of a calendar": day.is_null(),
        f"has a day before {FIRST}": whole("year") < FIRST,
    }
    checked = separate(rows, path, problems, max_malformed, width=len(COLUMNS))
    once = checked.rows.unique(["userID", "artistID", "day", "month", "year"])
    mixed = whole("artistID").cast(pl.UInt64) * 2_654_435_761 + whole("userID").cast(pl.UInt64)
    names = {"user": pl.col("userID"), "item": pl.col("artistID")}
    names["time"] = day.cast(pl.Datetime("ms")).dt.timestamp("ms")
    names["position"] = mixed % 2**32  # the file lists a day by artist: shuffled, always alike
    return Reading(
        interactions=as_interactions(once, "tag", **names),
        items=_items(checked.rows, raw / ARTISTS),
        malformed=checked.malformed,
        files=(path, raw / ARTISTS),
        time_unit="days",
    )


def _items(tagged: pl.LazyFrame, path: Path) -> pl.DataFrame:
    """Name the artists that were tagged."""
    seen = tagged.select(item="artistID").unique().collect()
    artists = read_fields(
        path, ("id", "name", "url", "pictureURL"), "\t", header=True, texts=("name",)
    )
    named = artists.select(item="id", title="name").collect()
    return as_items(seen.join(named, on="item", how="left"))
