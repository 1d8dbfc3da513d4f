"""Sessions in order but without time, as released with the session graph models.

Wu et al. Session-based Recommendation with Graph Neural Networks. AAAI 2019.

The test file holds every session several times, each time one item shorter: a row that is a
beginning of the prefix before it belongs to the same session, and the longest one is the session.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recloop.data.catalogue import beside, describe
from recloop.data.quarantine import Checked, missing, read_fields, separate, whole
from recloop.data.tables import Reading, as_interactions, unroll

TRAIN = ("session_idx", "position", "item_id")
TEST = ("row", "prefix_items", "next_item")


def read(raw: Path, max_malformed: float = 0.01, event: str = "click") -> Reading:
    """Read both files; sessions are named 1-train-0000000 and so on.

    No times are known, so that the order of names is that of sessions: those of the test come last.
    """
    files = (raw / "train_sessions.csv.gz", raw / "test_prefixes.csv.gz")
    train, test = _train(files[0], max_malformed), _test(files[1], max_malformed)
    events = pl.concat([_listed(train.rows, event), _rebuilt(test.rows, event)])
    return Reading(
        interactions=events,
        items=describe(events.select("item").unique().collect(), raw),
        malformed=pl.concat([train.malformed, test.malformed]),
        files=(*files, *beside(raw)),
    )


def _train(path: Path, max_malformed: float) -> Checked:
    rows = read_fields(path, TRAIN, ",", header=True)
    problems = {
        "has no readable session": _below_zero("session_idx"),
        "has no readable position": _below_zero("position"),
        "has no item": missing("item_id"),
    }
    return separate(rows, path, problems, max_malformed, width=len(TRAIN))


def _test(path: Path, max_malformed: float) -> Checked:
    rows = read_fields(path, TEST, ",", header=True)
    problems = {
        "has no prefix": missing("prefix_items"),
        "has no next item": missing("next_item"),
    }
    return separate(rows, path, problems, max_malformed, width=len(TEST))


def _listed(rows: pl.LazyFrame, event: str) -> pl.LazyFrame:
    return as_interactions(
        rows,
        event,
        session=_name("1-train", whole("session_idx")),
        item=pl.col("item_id"),
        position=whole("position"),
    )


def _rebuilt(rows: pl.LazyFrame, event: str) -> pl.LazyFrame:
    """Keep the longest row of every session."""
    sequence = pl.concat_str("prefix_items", "next_item", separator=" ") + " "
    before = (pl.col("prefix_items") + " ").shift(1).fill_null("")
    rows = rows.sort("line").with_columns(sequence=sequence, before=before)
    sessions = rows.filter(~pl.col("before").str.starts_with(pl.col("sequence")))
    sessions = sessions.with_columns(
        session=_name("2-test", pl.int_range(pl.len())),
        items=pl.col("sequence").str.strip_chars().str.split(" "),
    )
    events = unroll(sessions, "items", "session")
    return as_interactions(events, event, session=pl.col("session"), item=pl.col("item"))


def _below_zero(column: str) -> pl.Expr:
    return whole(column).is_null() | (whole(column) < 0)


def _name(part: str, number: pl.Expr) -> pl.Expr:
    # As many digits for all, so that sessions sort in the order of the file.
    return pl.concat_str(pl.lit(f"{part}-"), number.cast(pl.String).str.zfill(7))
