"""The two tidy tables every reader returns, what they must hold, and how they are stored."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from recloop.data.quarantine import MALFORMED
from recloop.storage.files import sha256_of

EVENTS = ("view", "click", "cart", "purchase", "play", "rating", "order", "follow", "comment")

# One row per event. A source knows the user, the session or both.
INTERACTIONS = {
    "user": pl.String,
    "session": pl.String,
    "item": pl.String,
    "time": pl.Int64,  # milliseconds since 1970-01-01 UTC, null where unknown
    "position": pl.Int64,  # order in the source's own sequence; breaks ties of time
    "event": pl.String,  # one of EVENTS
    "rating": pl.Float32,
}
ITEMS = {
    "item": pl.String,
    "title": pl.String,
    "brand": pl.String,
    "category": pl.String,
    "description": pl.String,
    "attributes": pl.List(pl.String),
}
OPTIONAL = {"user", "session", "time", "rating"}
ORDER = ["session", "user", "time", "position"]
ROWS_AT_ONCE = 8_000_000  # about 1 GB while a range is sorted


class TableError(ValueError):
    """A reader returned something else than the declared tables."""


@dataclass(frozen=True)
class Reading:
    """What a reader returns.

    Args:
        interactions: `INTERACTIONS` columns in any row order; of user, session, time and rating
            only those that the source knows, the others are stored as null.
        items: `ITEMS` columns, one row per item.
        malformed: `MALFORMED` columns, the lines set aside.
        files: the raw files that were read.
    """

    interactions: pl.LazyFrame
    items: pl.DataFrame
    malformed: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=MALFORMED))
    files: tuple[Path, ...] = ()


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


def write_tables(reading: Reading, output: Path) -> dict:
    """Store interactions, items and quarantine as Parquet and what was read as `read.json`."""
    output.mkdir(parents=True, exist_ok=True)
    check_columns(reading)
    interactions = output / "interactions.parquet"
    _write_sorted(reading.interactions, interactions)
    try:
        counts = _check_values(pl.scan_parquet(interactions), reading.items)
    except TableError:
        interactions.unlink()
        raise
    reading.items.write_parquet(output / "items.parquet")
    reading.malformed.write_parquet(output / "quarantine.parquet")
    counts |= {"malformed": reading.malformed.height, "files": _hashes(reading.files)}
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


def _write_sorted(interactions: pl.LazyFrame, path: Path) -> None:
    """Sort range by range, so that memory does not grow with the file."""
    columns = interactions.collect_schema().names()
    unsorted = path.with_name(f".{path.name}.unsorted")
    part = path.with_name(f".{path.name}.part")
    try:
        interactions.sink_parquet(unsorted, compression="lz4")
        rows = pl.scan_parquet(unsorted)
        with pq.ParquetWriter(part, _empty().to_arrow().schema, compression="zstd") as file:
            for span in _spans(rows, ORDER[0] if ORDER[0] in columns else ORDER[1]):
                order = [column for column in ORDER if column in columns]
                some = rows.filter(span).collect(engine="streaming").sort(order)
                file.write_table(_complete(some).to_arrow(), row_group_size=1_000_000)
        os.replace(part, path)
    finally:
        unsorted.unlink(missing_ok=True)
        part.unlink(missing_ok=True)


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
    found = rows.select(
        rows=pl.len(),
        users=user.drop_nulls().n_unique(),
        sessions=session.drop_nulls().n_unique(),
        items=item.n_unique(),
        nobody=(user.is_null() & session.is_null()).sum(),
        no_item=(item.is_null() | (item == "")).sum(),
        before_1970=(pl.col("time") < 0).sum(),
        no_position=pl.col("position").is_null().sum(),
        unknown_event=(~pl.col("event").is_in(EVENTS)).fill_null(True).sum(),
    )
    counts = found.collect(engine="streaming").row(0, named=True)
    counts["unknown_items"] = _not_described(rows, items)
    counts["repeated_items"] = items.height - items["item"].n_unique()
    faults = {name: counts.pop(name) for name in list(counts)[4:]}
    if any(faults.values()) or not counts["rows"]:
        told = ", ".join(f"{name} {count}" for name, count in faults.items() if count)
        raise TableError(
            f"interactions: {told or 'no rows'}. Every row needs a user or a session, an item of "
            f"the items table, a position, an event of {', '.join(EVENTS)} and no negative time."
        )
    kinds = rows.group_by("event").len().collect(engine="streaming").sort("event")
    return counts | {"events": dict(kinds.iter_rows())}


def _not_described(rows: pl.LazyFrame, items: pl.DataFrame) -> int:
    seen = rows.select(pl.col("item").unique())
    return seen.join(items.lazy(), on="item", how="anti").select(pl.len()).collect().item()


def _hashes(files: tuple[Path, ...]) -> dict[str, str]:
    return {path.name: sha256_of(path) for path in files}
