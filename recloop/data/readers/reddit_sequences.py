"""Reddit as pieces of at most 15 visits to subreddits, in order, without times, names or users.

Maclean. Subreddit Interactions for 25,000 Users. Kaggle; its training sequences for a recommender.

The pieces of a user lie behind one another, but nothing tells where the next user begins. Of every
piece one subreddit was taken out, all visits to it, and stands beside the piece as `next_id`: it
is not what came next. Since no subreddit stood twice in a row before, it belongs between two equal
neighbours. Elsewhere its place is lost, and so is the visit.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recloop.data.quarantine import Checked, read_fields, separate, whole
from recloop.data.tables import Reading, as_interactions, as_items, unroll

FILE = "sequences.csv.gz"
COLUMNS = ("row", "seq_length", "next_id", "seq_ids")
PIECE = 15  # visits in every piece of a user but the last
COMMON = 10  # ours: subreddits that tell no users apart, since everybody goes there


def read(raw: Path, max_malformed: float = 0.01) -> Reading:
    """Read the pieces as sessions; users are inferred, rather one too many than two as one."""
    checked = _checked(raw / FILE, max_malformed)
    pieces = checked.rows.sort("line").collect().with_row_index("piece")
    pieces = pieces.with_columns(
        session=_name("piece", pl.col("line")), user=_name("user", _new_user(pieces).cum_sum())
    )
    events = as_interactions(
        _restored(pieces.lazy()),
        "comment",
        user=pl.col("user"),
        session=pl.col("session"),
        item=pl.col("item"),
    )
    items = events.select("item").unique().collect()
    return Reading(events, as_items(items), checked.malformed, (raw / FILE,))


def _checked(path: Path, max_malformed: float) -> Checked:
    ids = pl.col("seq_ids").fill_null("").str.strip_chars()
    visits = pl.when(ids == "").then(pl.lit([], pl.List(pl.String))).otherwise(ids.str.split(" "))
    rows = read_fields(path, COLUMNS, ",", header=True).with_columns(visits=visits)
    problems = {
        "has no readable row": whole("row").is_null(),
        "has no readable next id": ~pl.col("next_id").str.contains(r"^\d+$"),
        "has an id that is no number": ~ids.str.contains(r"^(\d+( \d+)*)?$"),
        "has another length than it says": visits.list.len() != whole("seq_length"),
        f"has more than {PIECE} visits": visits.list.len() > PIECE,
    }
    return separate(rows, path, problems, max_malformed, width=len(COLUMNS))


def _restored(pieces: pl.LazyFrame) -> pl.LazyFrame:
    """Return one row per visit; visits that were taken out are put back where their place is known."""
    visits = unroll(pieces, "visits", "session", "user", "next_id").drop_nulls("item")
    again = pl.col("item") == pl.col("item").shift(1).over("session")
    place = pl.col("line") * 2  # between two visits there is room for one
    between = visits.filter(again).select("session", "user", item="next_id", line=place - 1)
    alone = pieces.filter(pl.col("visits").list.len() == 0)
    alone = alone.select("session", "user", item="next_id", line=pl.lit(0, pl.Int64))
    return pl.concat([visits.select("session", "user", "item", line=place), between, alone])


def _new_user(pieces: pl.DataFrame) -> pl.Expr:
    """Mark where users begin: after a window that was shorter, or that has nothing in common."""
    ended = pl.col("visits").list.len() * 2 + 1 < PIECE  # even with one taken out of every gap
    return ended.shift(1, fill_value=True) | ~pl.col("piece").is_in(_kin(pieces).implode())


def _kin(pieces: pl.DataFrame) -> pl.Series:
    """Find the pieces that share a subreddit, not one of the commonest, with the piece before."""
    seen = pieces.select("piece", item=pl.concat_list("visits", "next_id")).explode("item").unique()
    common = seen["item"].value_counts().sort(["count", "item"], descending=True).head(COMMON)
    seen = seen.join(common, on="item", how="anti")
    before = seen.with_columns(pl.col("piece") + 1)
    return seen.join(before, on=["piece", "item"], how="semi")["piece"].unique()


def _name(kind: str, number: pl.Expr) -> pl.Expr:
    # As many digits for all, so that they sort in the order of the file.
    return pl.concat_str(pl.lit(f"{kind}-"), number.cast(pl.String).str.zfill(7))
