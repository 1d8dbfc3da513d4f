"""The two tidy tables every reader returns, what they must hold, and how they are stored."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from recloop.data.quarantine import MALFORMED, manifest_of
from recloop.data.schema import Column, dtypes, faults
from recloop.data.settings import EVENTS, PARTS
from recloop.storage.files import sha256_of, writing

# One row per event. A source knows the user, the session or both.
INTERACTION_COLUMNS = {
    "user": Column(pl.String, optional=True, name=True),
    "session": Column(pl.String, optional=True, name=True),
    "item": Column(pl.String, name=True),
    # Milliseconds since 1970-01-01 UTC.
    "time": Column(pl.Int64, optional=True, least=0, too_low="before_1970"),
    "position": Column(pl.Int64),  # order in the source's own sequence; breaks ties of time
    "event": Column(pl.String, words=EVENTS),
    "rating": Column(pl.Float32, optional=True, finite=True),
    "part": Column(pl.String, optional=True, words=PARTS),  # where the source comes with a split
}
ITEM_COLUMNS = {
    "item": Column(pl.String, name=True),
    "title": Column(pl.String, null=True),
    "brand": Column(pl.String, null=True),
    "category": Column(pl.String, null=True),
    "description": Column(pl.String, null=True),
    "attributes": Column(pl.List(pl.String), null=True),
}
INTERACTIONS, ITEMS = dtypes(INTERACTION_COLUMNS), dtypes(ITEM_COLUMNS)
OPTIONAL = {name for name, column in INTERACTION_COLUMNS.items() if column.optional}
ORDER = ["session", "user", "time", "position"]
SAME = ["user", "session", "item", "time", "event"]  # rows that agree in these are one event twice
ROWS_AT_ONCE = 8_000_000  # about 1 GB while a range is sorted
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)  # no log of a recommender is older
DAY = timedelta(days=1)


class TableError(ValueError):
    """A reader returned something else than the declared tables."""


@dataclass(frozen=True)
class Reading:
    """What a reader returns.

    Args:
        interactions: `INTERACTIONS` columns in any row order; of user, session, time, rating and
            part only those that the source knows, the others are stored as null.
        items: `ITEMS` columns, one row per item.
        malformed: `MALFORMED` columns, the lines set aside.
        files: the raw files that were read.
        time_unit: what the raw files count times in, for messages.
        sessions_per_user: whether the source numbers sessions anew for each user; they are then
            named by both.
    """

    interactions: pl.LazyFrame
    items: pl.DataFrame
    malformed: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=MALFORMED))
    files: tuple[Path, ...] = ()
    time_unit: str = ""
    sessions_per_user: bool = False


def as_interactions(rows: pl.LazyFrame, event: str | pl.Expr, **columns: pl.Expr) -> pl.LazyFrame:
    """Bring rows into the declared columns; those that the source lacks stay away."""
    event = pl.lit(event) if isinstance(event, str) else event
    known = {"position": pl.col("line"), **columns, "event": event}
    return rows.select(
        known[name].cast(dtype).alias(name) for name, dtype in INTERACTIONS.items() if name in known
    )


def as_items(items: pl.DataFrame) -> pl.DataFrame:
    """Bring items into the declared columns, sorted; those not given are null."""
    return items.select(
        (pl.col(name) if name in items.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in ITEMS.items()
    ).sort("item")


def unroll(rows: pl.LazyFrame, sequence: str, *keys: str, output: str = "item") -> pl.LazyFrame:
    """Turn one sequence per row into one row per element, `line` being its place from 0 on."""
    places = pl.int_ranges(pl.col(sequence).list.len(), dtype=pl.Int64)
    listed = rows.select(*keys, pl.col(sequence).alias(output), places.alias("line"))
    return listed.explode(output, "line")


def write_tables(reading: Reading, output: Path, max_implausible_times: float = 1.0) -> dict:
    """Store interactions, items and quarantine as Parquet and what was read as `read.json`.

    Args:
        reading: what a reader returned.
        output: folder of the tables.
        max_implausible_times: largest tolerated share of times before 1990 or after tomorrow.

    Raises:
        TableError: the tables are other than declared; nothing is left in the folder.
    """
    check_columns(reading)
    with writing(output):
        output.mkdir(parents=True, exist_ok=True)
        interactions = output / "interactions.parquet"
        try:
            counts = _write_sorted(_named_by_user(reading), interactions)
            _check_sessions(counts.pop("shared_sessions"), reading)
            counts |= _check_values(pl.scan_parquet(interactions), reading.items)
            counts["times"] = _times(pl.scan_parquet(interactions))
            _check_times(counts["times"], counts["rows"], reading, max_implausible_times)
        except TableError:
            interactions.unlink(missing_ok=True)
            raise
        reading.items.write_parquet(output / "items.parquet")
        reading.malformed.write_parquet(output / "quarantine.parquet")
        counts |= _quarantined(reading.malformed) | {"files": _hashes(reading.files)}
        (output / "read.json").write_text(json.dumps(counts, indent=1, sort_keys=True) + "\n")
    return counts


def check_columns(reading: Reading) -> None:
    """Stop when a table has other columns or types than declared."""
    tables = {"interactions": INTERACTIONS, "items": ITEMS, "malformed": MALFORMED}
    for name, declared in tables.items():
        found = dict(getattr(reading, name).lazy().collect_schema())
        optional = OPTIONAL if name == "interactions" else set()
        wrong = sorted(
            f"{column} is {found.get(column, 'absent')}, expected {declared.get(column, 'absent')}"
            for column in found.keys() | declared.keys() - optional
            if found.get(column) != declared.get(column)
        )
        if wrong:
            raise TableError(f"A reader returned other {name} than declared: {'; '.join(wrong)}.")


def _named_by_user(reading: Reading) -> pl.LazyFrame:
    """Identify sessions by user and number where the source numbers them anew for each user."""
    if not reading.sessions_per_user:
        return reading.interactions
    columns = reading.interactions.collect_schema().names()
    if lacking := {"user", "session"} - set(columns):
        raise TableError(
            f"sessions_per_user needs users and sessions, but the source has no "
            f"{' and no '.join(sorted(lacking))}. Drop the setting."
        )
    return reading.interactions.with_columns(
        session=pl.concat_str("user", pl.lit("/"), "session", ignore_nulls=False)
    )


def _write_sorted(interactions: pl.LazyFrame, path: Path) -> dict[str, Any]:
    """Sort range by range, so that memory does not grow with the file; count what only sorting shows.

    Returns:
        duplicates: how many rows repeat another one in all but their position, where times are known.
        shared_sessions: session and number of its users, of those with more than one.
    """
    columns = interactions.collect_schema().names()
    unsorted = path.with_name(f".{path.name}.unsorted")
    part = path.with_name(f".{path.name}.part")
    duplicates, shared = 0, []
    try:
        interactions.sink_parquet(unsorted, compression="lz4")
        rows = pl.scan_parquet(unsorted)
        with pq.ParquetWriter(part, _empty().to_arrow().schema, compression="zstd") as file:
            for span in _spans(rows, ORDER[0] if ORDER[0] in columns else ORDER[1]):
                order = [column for column in ORDER if column in columns]
                some = _complete(rows.filter(span).collect(engine="streaming").sort(order))
                duplicates += _count_duplicates(some)
                shared += _shared_sessions(some)
                file.write_table(some.to_arrow(), row_group_size=1_000_000)
        os.replace(part, path)
    finally:
        unsorted.unlink(missing_ok=True)
        part.unlink(missing_ok=True)
    return {"duplicates": duplicates, "shared_sessions": shared}


def _count_duplicates(rows: pl.DataFrame) -> int:
    timed = rows.filter(pl.col("time").is_not_null())
    return timed.height - timed.select(pl.struct(SAME).n_unique()).item() if timed.height else 0


def _shared_sessions(rows: pl.DataFrame) -> list[tuple[str, int]]:
    both = rows.filter(pl.col("session").is_not_null() & pl.col("user").is_not_null())
    users = both.group_by("session").agg(users=pl.col("user").n_unique())
    return users.filter(pl.col("users") > 1).sort("session").rows()


def _check_sessions(shared: list[tuple[str, int]], reading: Reading) -> None:
    """Stop where one session has events of several users."""
    if shared:
        session, users = shared[0]
        raise TableError(
            f"interactions: session {session} has events of {users} users; {len(shared)} sessions "
            "are shared like this. If the source numbers sessions anew for each user, write "
            f"reading: {{sessions_per_user: true}} in {_manifest(reading)}."
        )


def _times(rows: pl.LazyFrame) -> dict[str, Any] | None:
    """Find the first and the last time and how many are implausible; None where times are unknown."""
    time, tomorrow = pl.col("time"), datetime.now(UTC) + DAY
    plausible = time.is_between(*(int(day.timestamp() * 1000) for day in (EARLIEST, tomorrow)))
    found = rows.select(first=time.min(), last=time.max(), implausible=(~plausible).sum())
    first, last, implausible = found.collect(engine="streaming").row(0)
    if first is None:
        return None
    return {"first": _moment(first), "last": _moment(last), "implausible": implausible}


def _check_times(
    times: Mapping[str, Any] | None, rows: int, reading: Reading, tolerated: float
) -> None:
    """Stop, or warn, where times can hardly be those of a log."""
    if times is None or not times["implausible"]:
        return
    unit = f" The reader takes them for {reading.time_unit}." if reading.time_unit else ""
    text = (
        f"interactions: {times['implausible']} of {rows} times are implausible, the first is "
        f"{times['first']} and the last {times['last']}, expected between 1990-01-01 and tomorrow."
        f"{unit} Are they in another unit? If they are right, write reading: "
        f"{{max_implausible_times: 1}} in {_manifest(reading)}."
    )
    if times["implausible"] > tolerated * rows:
        raise TableError(text)
    print(f"warning: {text}", file=sys.stderr)


def _moment(milliseconds: int) -> str:
    """Write a time as a date; behind the year 9999 only as a year."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return f"the year {1970 + milliseconds / 31_556_952_000:,.0f}"


def _manifest(reading: Reading) -> str:
    return manifest_of(reading.files[0]) if reading.files else "the manifest"


def _quarantined(malformed: pl.DataFrame) -> dict[str, Any]:
    """Count the lines set aside, in all and by reason."""
    reasons = malformed.group_by("reason").len().sort("reason")
    return {"malformed": malformed.height, "reasons": dict(reasons.iter_rows())}


def _spans(rows: pl.LazyFrame, key: str) -> list[pl.Expr]:
    """Cut the values of the leading sort column into ranges of about as many rows each."""
    pieces = -(-rows.select(pl.len()).collect().item() // ROWS_AT_ONCE)
    if pieces < 2:
        return [pl.lit(True)]
    filled = pl.col(key).fill_null("")
    sample = rows.select(filled.gather_every(1009)).collect(engine="streaming")[key].sort()
    cuts = [sample[len(sample) * piece // pieces] for piece in range(1, pieces)]
    lower = [pl.lit(True), *(filled >= cut for cut in cuts)]
    upper = [*(filled < cut for cut in cuts), pl.lit(True)]
    return [low & high for low, high in zip(lower, upper, strict=True)]


def _complete(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in INTERACTIONS.items()
    )


def _empty() -> pl.DataFrame:
    return pl.DataFrame(schema=INTERACTIONS)


def _check_values(rows: pl.LazyFrame, items: pl.DataFrame) -> dict:
    """Count what is there and stop at values that no reader may return."""
    user, session, item = pl.col("user"), pl.col("session"), pl.col("item")
    counts = _counted(
        rows,
        rows=pl.len(),
        users=user.drop_nulls().n_unique(),
        sessions=session.drop_nulls().n_unique(),
        items=item.n_unique(),
    )
    wrong = _counted(
        rows, nobody=(user.is_null() & session.is_null()).sum(), **faults(INTERACTION_COLUMNS)
    )
    wrong["unknown_items"] = _not_described(rows, items)
    wrong["repeated_items"] = items.height - items["item"].n_unique()
    listed = _counted(items.lazy(), **faults(ITEM_COLUMNS))
    wrong |= {f"items_with_{name}": number for name, number in listed.items()}
    if any(wrong.values()) or not counts["rows"]:
        found = ", ".join(f"{name} {count}" for name, count in wrong.items() if count)
        raise TableError(
            f"interactions: {found or 'no rows'}. Every row needs a user or a session, an item of "
            f"the items table, a position, an event of {', '.join(EVENTS)} and no negative time; "
            "users, sessions, times and ratings are known for all rows or for none."
        )
    kinds = rows.group_by("event").len().collect(engine="streaming").sort("event")
    return counts | {"events": dict(kinds.iter_rows())}


def _counted(table: pl.LazyFrame, **counts: pl.Expr) -> dict[str, int]:
    return table.select(**counts).collect(engine="streaming").row(0, named=True)


def _not_described(rows: pl.LazyFrame, items: pl.DataFrame) -> int:
    seen = rows.select(pl.col("item").unique())
    return seen.join(items.lazy(), on="item", how="anti").select(pl.len()).collect().item()


def _hashes(files: tuple[Path, ...]) -> dict[str, str]:
    return {path.name: sha256_of(path) for path in files}
