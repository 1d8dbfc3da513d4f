"""LFM-1b listening events in their official form, `LFM-1b_LEs.txt`.

Schedl. The LFM-1b Dataset for Music Retrieval and Recommendation. ICMR 2016.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recloop.data.catalogue import describe
from recloop.data.quarantine import missing, read_fields, separate, whole
from recloop.data.tables import Reading, as_interactions

COLUMNS = ("user", "artist", "album", "track", "timestamp")


def read(raw: Path, max_malformed: float = 0.01) -> Reading:
    """Read plays: items are tracks, brands are artists, times come in seconds."""
    path = raw / "LFM-1b_LEs.txt"
    rows = read_fields(path, COLUMNS, "\t").with_columns(time=whole("timestamp") * 1000)
    problems = {
        "has no user": missing("user"),
        "has no track": missing("track"),
        "has no readable time": pl.col("time").is_null(),
        "has a time before 1970": pl.col("time") < 0,
    }
    checked = separate(rows, path, problems, max_malformed, width=len(COLUMNS))
    names = {"user": pl.col("user"), "item": pl.col("track"), "time": pl.col("time")}
    artists = checked.rows.group_by(item="track").agg(brand=pl.col("artist").min())
    return Reading(
        interactions=as_interactions(checked.rows, "play", **names),
        items=describe(artists.collect(engine="streaming"), raw),
        malformed=checked.malformed,
        files=(path,),
    )
