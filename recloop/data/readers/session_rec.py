"""Tab-separated clicks with a header, as the session-rec framework exchanges them.

Ludewig, Jannach. Evaluation of session-based recommendation algorithms. UMUAI 2018.
"""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path

import polars as pl

from recloop.data.catalogue import beside, describe
from recloop.data.quarantine import Checked, MalformedError, missing, read_fields, separate
from recloop.data.tables import Reading, as_interactions

PARTS = (("train",), ("valid", "dev"), ("test",))  # in names of files, in the order of time
COLUMNS = ("SessionId", "ItemId", "Time")


def read(raw: Path, max_malformed: float = 0.01) -> Reading:
    """Read every text file of the folder; times are seconds, with fractions, since 1970."""
    files = tuple(sorted(raw.glob("*.txt"), key=_release_order))
    if not files:
        raise MalformedError(f"{raw}: no .txt file. Fetch the source again.")
    checked = [_checked(path, max_malformed) for path in files]
    behind = accumulate((each.lines for each in checked), initial=0)
    events = pl.concat(
        as_interactions(
            each.rows,
            "click",
            session=pl.col("SessionId"),
            item=pl.col("ItemId"),
            time=pl.col("time"),
            position=pl.col("line") + lines,
        )
        for each, lines in zip(checked, behind, strict=False)
    )
    return Reading(
        interactions=events,
        items=describe(events.select("item").unique().collect(), raw),
        malformed=pl.concat(each.malformed for each in checked),
        files=(*files, *beside(raw)),
        time_unit="seconds",
    )


def _release_order(path: Path) -> tuple[int, str]:
    """Put training before validation and test, whatever the names are."""
    name = path.name.lower()
    parts = [place for place, words in enumerate(PARTS) if any(word in name for word in words)]
    return max(parts, default=0), path.name


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
