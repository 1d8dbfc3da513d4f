"""Comments on Reddit with times: who commented in which subreddit.

Maclean. Subreddit Interactions for 25,000 Users. Kaggle.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recloop.data.catalogue import beside, describe
from recloop.data.quarantine import missing, read_fields, separate
from recloop.data.tables import Reading, as_interactions

COLUMNS = ("username", "subreddit", "utc")


def read(raw: Path, max_malformed: float = 0.01) -> Reading:
    """Read comments; items are subreddits, times are seconds with or without fractions."""
    path = raw / "reddit_data.csv"
    seconds = pl.col("utc").cast(pl.Float64, strict=False)
    rows = read_fields(path, COLUMNS, ",", header=True).with_columns(
        time=(seconds * 1000).round().cast(pl.Int64, strict=False)
    )
    problems = {
        "has no user": missing("username"),
        "has no subreddit": missing("subreddit"),
        "has no readable time": pl.col("time").is_null(),
        "has a time before 1970": pl.col("time") < 0,
    }
    checked = separate(rows, path, problems, max_malformed, width=len(COLUMNS))
    events = as_interactions(
        checked.rows,
        "comment",
        user=pl.col("username"),
        item=pl.col("subreddit"),
        time=pl.col("time"),
    )
    items = events.select("item", title="item").unique().collect(engine="streaming")
    return Reading(
        interactions=events,
        items=describe(items, raw),
        malformed=checked.malformed,
        files=(path, *beside(raw)),
        time_unit="seconds",
    )
