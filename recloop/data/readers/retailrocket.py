"""RetailRocket's official `events.csv`: views, additions to the cart and transactions.

Zykov, Artem, Alexander. Retailrocket recommender system dataset. Kaggle 2017.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recloop.data.catalogue import beside, describe
from recloop.data.quarantine import missing, read_fields, separate, whole
from recloop.data.tables import Reading, as_interactions

COLUMNS = ("timestamp", "visitorid", "event", "itemid", "transactionid")
EVENTS = {"view": "view", "addtocart": "cart", "transaction": "purchase"}


def read(raw: Path, max_malformed: float = 0.01) -> Reading:
    """Read the events; visitors are users, sessions are not given, times are milliseconds."""
    path = raw / "events.csv"
    rows = read_fields(path, COLUMNS, ",", header=True).with_columns(
        time=whole("timestamp"),
        kind=pl.col("event").replace_strict(EVENTS, default=None, return_dtype=pl.String),
    )
    problems = {
        "has no readable time": pl.col("time").is_null(),
        "has a time before 1970": pl.col("time") < 0,
        "has no visitor": missing("visitorid"),
        "has an unknown event": pl.col("kind").is_null(),
        "has no item": missing("itemid"),
    }
    checked = separate(rows, path, problems, max_malformed, width=len(COLUMNS))
    names = {"user": pl.col("visitorid"), "item": pl.col("itemid"), "time": pl.col("time")}
    events = as_interactions(checked.rows, pl.col("kind"), **names)
    items = events.select("item").unique().collect(engine="streaming")
    return Reading(
        interactions=events,
        items=describe(items, raw),
        malformed=checked.malformed,
        files=(path, *beside(raw)),
        time_unit="milliseconds",
    )
