"""Tab-separated clicks with a header, as the session-rec framework exchanges them.

Ludewig, Jannach. Evaluation of session-based recommendation algorithms. UMUAI 2018.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recloop.data.catalogue import describe
from recloop.data.quarantine import Checked, MalformedError, missing, read_fields, separate
from recloop.data.tables import Reading, as_interactions

COLUMNS = ("SessionId", "ItemId", "Time")


def read(raw: Path, max_malformed: float = 0.01) -> Reading:
    """Read every text file of the folder; times are seconds, with fractions, since 1970."""
    files = tuple(sorted(raw.glob("*.txt")))
    if not files:
        raise MalformedError(f"{raw}: no .txt file. Fetch the source again.")
    checked = [_checked(path, max_malformed) for path in files]
    events = pl.concat(
        as_interactions(
            each.rows,
            "click",
            session=pl.col("SessionId"),
            item=pl.col("ItemId"),
            time=pl.col("time"),
        )
        for each in checked
    )
    return Reading(
        interactions=events,
        items=describe(events.select("item").unique().collect(), raw),
        malformed=pl.concat(each.malformed for each in checked),
        files=files,
    )


def _checked(path: Path, max_malformed: float) -> Checked:
    seconds = pl.col("Time").cast(pl.Float64, strict=False)
    rows = read_fields(path, COLUMNS, "\t", header=True).with_columns(
        time=(seconds * 1000).round().cast(pl.Int64, strict=False)
    )
    problems = {
        "has no session": missing("SessionId"),
        "has no item": missing("ItemId"),
        "has no readable time": pl.col("time").is_null(),
        "has a time before 1970": pl.col("time") < 0,
    }
    return separate(rows, path, problems, max_malformed, width=len(COLUMNS))
