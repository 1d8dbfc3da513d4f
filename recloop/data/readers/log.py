"""A log of events in a file of one's own: which columns mean what stands in the manifest, under `reading`.

`recloop add-data` writes such a manifest. One line is one event; a line that is none is set aside with the reason.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from recloop.data.catalogue import beside, describe
from recloop.data.quarantine import Checked, MalformedError, read_lines, separate
from recloop.data.tables import Reading, as_interactions

NOTHING = ("", "null", "NULL", "None", "nan", "NaN", "NA", "N/A", "\\N")  # no name of anything
UNITS = {"s": 1_000, "ms": 1, "us": 0.001, "ns": 0.000_001}  # milliseconds
LATEST = 2100  # a later time was read in another unit
FILE = (
    2**40
)  # lines that no file has; the events of a later file come after those of an earlier one


def read(
    raw: Path,
    files: Mapping[str, str | None],
    layout: Mapping[str, Any],
    item: str,
    user: str | None = None,
    session: str | None = None,
    time: Mapping[str, str] | None = None,
    order: str | None = None,
    event: str | Mapping[str, Any] = "click",
    rating: str | None = None,
    part: Mapping[str, Any] | None = None,
    ties: str = "lines",
    max_malformed: float = 0.01,
) -> Reading:
    """Read one file, or one for each part of a split.

    Args:
        raw: folder of the files.
        files: the files in the order of time, each with the part that it is (train, valid, test) or null.
        layout: how lines become columns, keywords of `scan`.
        item, user, session: columns of their names.
        time: `column` with `unit` (s, ms, us, ns since 1970), or with `format` (as in strftime) and `zone`; `after`
            is the year before which no time can be.
        order: column of whole numbers, the order of events where time does not say.
        event: what all events are, or `column` with `values`: the column's words to events of the project, null for
            those to leave out.
        rating: column of numbers.
        part: `column` with `values`: the column's words to train, valid and test.
        ties: what orders events of one moment: `lines` of the file, or `shuffle` where these do not follow the time
            (a file sorted by item would teach that the next item has the next higher number).
        max_malformed: largest tolerated share of lines set aside.
    """
    roles = {
        "user": user, "session": session, "item": item, "time": time, "order": order,
        "event": event, "rating": rating, "part": part, "ties": ties,
    }  # fmt: skip
    checked, events = [], []
    for number, (name, whole_part) in enumerate(files.items()):
        rows = understood(scan(raw / name, **layout), roles, whole_part)
        checked.append(_separate(rows, raw / name, roles, layout, max_malformed))
        events.append(_events(checked[-1].rows, roles, number, whole_part is not None))
    interactions = pl.concat(events)
    return Reading(
        interactions=interactions,
        items=describe(interactions.select("item").unique().collect(engine="streaming"), raw),
        malformed=pl.concat(each.malformed for each in checked),
        files=(*(raw / name for name in files), *beside(raw)),
        time_unit=(time or {}).get("unit") or (time or {}).get("format", ""),
    )


# -- lines to columns of text -------------------------------------------------------------------------------------


def scan(
    path: Path,
    format: str = "delimited",
    columns: Sequence[str] = (),
    delimiter: str = ",",
    header: bool = False,
    quoted: bool = False,
    encoding: str = "utf-8",
) -> pl.LazyFrame:
    """Scan every line as `line`, `text`, `width` and one column of text for each column of the file.

    Args:
        path: the file, gzipped if it ends in .gz.
        format: delimited, jsonl (one object a line) or parquet.
        columns: names of all columns in their order; of jsonl and parquet those that are used.
        delimiter: between the fields of a line.
        header: whether the first line holds the names.
        quoted: whether fields may stand in quotation marks.
        encoding: of the text, by its name in Python.

    Raises:
        MalformedError: the file is missing or empty, or its header is another one.
    """
    if format == "parquet":
        return _scan_parquet(path, columns)
    if header:
        _check_header(path, columns, delimiter, encoding)
    text = pl.col("text").str.strip_chars_end("\r")
    first = pl.when(pl.col("line") == 1).then(text.str.strip_chars_start("\ufeff")).otherwise(text)
    rows = read_lines(as_utf8(path, encoding)).with_columns(text=first)
    rows = rows.filter(pl.col("line") > int(header))
    if format == "jsonl":
        return rows.with_columns(
            _member(name).alias(column(name)) for name in columns
        ).with_columns(width=pl.lit(len(columns), pl.UInt32))
    return _split(rows, columns, delimiter, quoted)


def column(name: str) -> str:
    """Return a file column's name inside the frame, where `line`, `text` and `width` are taken."""
    return f"field {name}"


def split_line(line: str, delimiter: str) -> list[str]:
    """Split one line as `scan` does, quotation marks taken off."""
    if len(delimiter) > 1:
        return line.split(delimiter)
    return next(csv.reader([line], delimiter=delimiter), [""])


def as_utf8(path: Path, encoding: str) -> Path:
    """Return the file, or a copy in UTF-8 beside it where it has another encoding."""
    if codecs.lookup(encoding).name == "utf-8":
        return path
    if not path.exists():
        return path  # `read_lines` says so
    copy = path.parent / ".utf-8" / path.name.removesuffix(".gz")
    copy.parent.mkdir(exist_ok=True)
    with opened(path, encoding) as source, copy.open("w", encoding="utf-8", newline="") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    return copy


def opened(path: Path, encoding: str = "utf-8", errors: str = "replace") -> Any:
    """Open a text file, gzipped or not."""
    opener = gzip.open if path.suffix == ".gz" else open
    return opener(path, "rt", encoding=encoding, errors=errors, newline="")


def _check_header(path: Path, columns: Sequence[str], delimiter: str, encoding: str) -> None:
    if not path.exists():
        return  # `read_lines` says so
    with opened(path, encoding) as file:
        first = file.readline().strip("\r\n\ufeff")
    if named(split_line(first, delimiter)) != list(columns):
        raise MalformedError(
            f"{path}: the first line is {first[:200]!r}, expected the names {', '.join(columns)}. "
            "Is it another file? Then add it anew with `recloop add-data`."
        )


def named(fields: Sequence[str]) -> list[str]:
    """Return the names of a header; a column without one is named by its place."""
    return [field.strip() or f"column_{place}" for place, field in enumerate(fields, start=1)]


def _member(name: str) -> pl.Expr:
    quoted = name.replace("\\", "\\\\").replace("'", "\\'")
    return pl.col("text").str.json_path_match(f"$['{quoted}']")


def _split(
    rows: pl.LazyFrame, columns: Sequence[str], delimiter: str, quoted: bool
) -> pl.LazyFrame:
    names = [column(name) for name in columns]
    if quoted:
        fields = fields_of(pl.col("text"), delimiter)
        rows = rows.with_columns(fields=fields).with_columns(width=pl.col("fields").list.len())
        members = (
            _unquoted(pl.col("fields").list.get(place, null_on_oob=True)).alias(name)
            for place, name in enumerate(names)
        )
        return rows.with_columns(members).drop("fields")
    split = pl.col("text").str.split_exact(delimiter, len(names) - 1)
    width = pl.col("text").str.count_matches(delimiter, literal=True) + 1
    rows = rows.with_columns(split.struct.rename_fields(names).alias("fields"), width=width)
    return rows.unnest("fields")


def fields_of(text: pl.Expr, delimiter: str) -> pl.Expr:
    """Split quoted fields; each comes with the delimiter in front of it."""
    mark = "".join(rf"\x{{{ord(letter):x}}}" for letter in delimiter)
    field = rf'{mark}(?:[ ]*"(?:[^"]|"")*"[ ]*|[^{mark}]*)'
    return (
        (pl.lit(delimiter) + text)
        .str.extract_all(field)
        .list.eval(pl.element().str.strip_prefix(delimiter))
    )


def _unquoted(field: pl.Expr) -> pl.Expr:
    bare = field.str.strip_chars(" ")
    inner = bare.str.slice(1, bare.str.len_chars() - 2).str.replace_all('""', '"', literal=True)
    whole = bare.str.starts_with('"') & bare.str.ends_with('"') & (bare.str.len_chars() > 1)
    return pl.when(whole).then(inner).otherwise(field)


def _scan_parquet(path: Path, columns: Sequence[str]) -> pl.LazyFrame:
    if not path.exists():
        raise MalformedError(f"{path}: no such file. Fetch the source again.")
    rows = pl.scan_parquet(path, glob=False)
    types = rows.collect_schema()
    if absent := [name for name in columns if name not in types]:
        raise MalformedError(
            f"{path}: no column {', '.join(absent)}, there are {', '.join(types.names())}. "
            "Is it another file? Then add it anew with `recloop add-data`."
        )
    texts = [_as_text(name, types[name]).alias(column(name)) for name in columns]
    return (
        rows.select(texts)
        .with_row_index("line", offset=1)
        .with_columns(
            pl.col("line").cast(pl.Int64),
            pl.concat_str(
                [pl.col(column(name)) for name in columns], separator=",", ignore_nulls=True
            ).alias("text"),
            pl.lit(len(columns), pl.UInt32).alias("width"),
        )
    )


def _as_text(name: str, kind: Any) -> pl.Expr:
    if not kind.is_temporal():
        return pl.col(name).cast(pl.String)
    moment = pl.col(name).cast(pl.Datetime("ms", getattr(kind, "time_zone", None)))
    return moment.dt.strftime("%Y-%m-%dT%H:%M:%S%.3f" + ("%:z" if _zoned(kind) else ""))


def _zoned(kind: Any) -> bool:
    return getattr(kind, "time_zone", None) is not None


# -- columns of text to what they mean ----------------------------------------------------------------------------


def understood(
    rows: pl.LazyFrame, roles: Mapping[str, Any], whole_part: str | None
) -> pl.LazyFrame:
    """Add what the columns mean: `user`, `session`, `item`, `time`, `position`, `event`, `rating`, `part`."""
    found = {"item": name_of(roles["item"])}
    if roles["user"]:
        found["user"] = name_of(roles["user"])
    if roles["session"]:
        found["session"] = name_of(roles["session"])
    if roles["time"]:
        found["time"] = milliseconds(field_of(roles["time"]["column"]), roles["time"])
    if roles["order"]:
        found["position"] = (
            field_of(roles["order"]).cast(pl.Float64, strict=False).cast(pl.Int64, strict=False)
        )
    if roles["rating"]:
        found["rating"] = field_of(roles["rating"]).cast(pl.Float32, strict=False)
    if isinstance(roles["event"], Mapping):
        found["event"] = _translated(roles["event"])
        dropped = [word for word, event in roles["event"]["values"].items() if event is None]
        rows = rows.filter(~field_of(roles["event"]["column"]).is_in(dropped).fill_null(False))
    if roles["part"]:
        found["part"] = _translated(roles["part"])
    elif whole_part:
        found["part"] = pl.lit(whole_part)
    return rows.with_columns(**{f"known {name}": value for name, value in found.items()})


def field_of(name: str) -> pl.Expr:
    """Select a column of the file without blanks around it."""
    return pl.col(column(name)).str.strip_chars()


def name_of(name: str) -> pl.Expr:
    """Select a column of names, null where it holds none."""
    text = field_of(name)
    return pl.when(~text.is_in(NOTHING)).then(text)


def milliseconds(text: pl.Expr, time: Mapping[str, str]) -> pl.Expr:
    """Read a time as milliseconds since 1970, null where it is none."""
    if unit := time.get("unit"):
        number = text.cast(pl.Float64, strict=False)
        exact = pl.when(number.is_finite()).then((number * UNITS[unit]).floor())
        return exact.cast(pl.Int64, strict=False)
    moment = text.str.to_datetime(time["format"], time_unit="ms", strict=False)
    if "z" not in time["format"]:
        zone = time.get("zone", "UTC")
        moment = moment.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return moment.dt.epoch("ms")


def _translated(words: Mapping[str, Any]) -> pl.Expr:
    return field_of(words["column"]).replace_strict(
        {str(word): meaning for word, meaning in words["values"].items()},
        default=None,
        return_dtype=pl.String,
    )


def _separate(
    rows: pl.LazyFrame,
    path: Path,
    roles: Mapping[str, Any],
    layout: Mapping[str, Any],
    max_malformed: float,
) -> Checked:
    """Set aside the lines that are no event."""
    known = set(rows.collect_schema().names())
    problems = {"is empty": (pl.col("text").str.strip_chars() == "").fill_null(True)}
    if layout.get("format") == "jsonl":
        problems["is no JSON object"] = ~pl.col("text").str.contains(r"^\s*\{.*\}\s*$")
    elif layout.get("format", "delimited") == "delimited":
        width = len(layout["columns"])
        problems[f"does not have {width} fields"] = pl.col("width") != width
    problems |= _missing(known, roles)
    if layout.get("quoted"):
        problems = {"has an open quotation mark": _open(), **problems}
    return separate(rows, path, problems, max_malformed)


def _missing(known: set[str], roles: Mapping[str, Any]) -> dict[str, pl.Expr]:
    reasons = {
        "user": "has no user",
        "session": "has no session",
        "item": "has no item",
        "time": "has no readable time",
        "position": "has no readable order",
        "event": "has an unknown event",
        "part": "has an unknown part",
    }
    found = {
        reason: pl.col(f"known {name}").is_null()
        for name, reason in reasons.items()
        if f"known {name}" in known
    }
    if roles["time"]:
        first = roles["time"].get("after", 1970)
        found[f"has a time before {first}"] = pl.col("known time") < start_of(first)
        found[f"has a time after {LATEST}"] = pl.col("known time") > start_of(LATEST)
    if roles["rating"]:
        found["has no readable rating"] = ~pl.col("known rating").is_finite()
    return found


def start_of(year: int) -> int:
    """Return the first millisecond of a year, UTC."""
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1000)


def _open() -> pl.Expr:
    return pl.col("text").str.count_matches('"', literal=True) % 2 == 1


def _events(
    rows: pl.LazyFrame, roles: Mapping[str, Any], number: int, parted: bool
) -> pl.LazyFrame:
    names = [name for name in ("user", "session", "time", "rating") if roles[name]]
    names += ["part"] if parted or roles["part"] else []
    known = {name: pl.col(f"known {name}") for name in (*names, "item")}
    place = pl.col("known position") if roles["order"] else pl.col("line")
    if roles["ties"] == "shuffle":
        place = pl.col("line") * 2_654_435_761 % 2**32  # always alike
    event = roles["event"]
    return as_interactions(
        rows,
        pl.col("known event") if isinstance(event, Mapping) else event,
        position=place + number * FILE,
        **known,
    )
