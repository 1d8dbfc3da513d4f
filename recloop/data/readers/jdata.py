"""JData: what customers of JD.com did, click by click.

Meng, Yang, Xiao. Incorporating User Micro-behaviors and Item Knowledge into Multi-task Learning
for Session-based Recommendation. SIGIR 2020.
"""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path

import polars as pl

from recloop.data.quarantine import Checked, missing, read_fields, separate
from recloop.data.tables import Reading, as_interactions, as_items

COLUMNS = ("action_time", "user_id", "sku_id", "type", "sessionId", "index")
EVENTS = {"1": "click", "2": "order", "3": "follow", "4": "comment", "5": "cart"}
# test.csv is the part of test_new_item.csv whose items occur in train.csv.
FILES = ("train.csv", "test_new_item.csv")


def read(raw: Path, max_malformed: float = 0.01) -> Reading:
    """Read the training and the test log; local times are taken as UTC, as `index` has them."""
    checked = [_checked(raw / name, max_malformed) for name in FILES]
    behind = accumulate((each.lines for each in checked), initial=0)
    events = pl.concat(
        as_interactions(
            each.rows,
            pl.col("kind"),
            user=pl.col("user_id"),
            session=pl.col("sessionId"),
            item=pl.col("sku_id"),
            time=pl.col("time"),
            position=pl.col("line") + lines,
        )
        for each, lines in zip(checked, behind, strict=False)
    )
    return Reading(
        interactions=events,
        items=as_items(events.select("item").unique().collect()),
        malformed=pl.concat(each.malformed for each in checked),
        files=tuple(raw / name for name in FILES),
    )


def _checked(path: Path, max_malformed: float) -> Checked:
    time = pl.col("action_time").str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False)
    rows = read_fields(path, COLUMNS, ",", header=True).with_columns(
        time=time.dt.epoch("ms"),
        kind=pl.col("type").replace_strict(EVENTS, default=None, return_dtype=pl.String),
    )
    problems = {
        "has no readable time": pl.col("time").is_null(),
        "has a time before 1970": pl.col("time") < 0,
        "has no user": missing("user_id"),
        "has no item": missing("sku_id"),
        "has an unknown type": pl.col("kind").is_null(),
        "has no session": missing("sessionId"),
    }
    return separate(rows, path, problems, max_malformed, width=len(COLUMNS))
