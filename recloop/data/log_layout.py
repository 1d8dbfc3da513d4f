"""How a file of events is laid out: format, encoding, delimiter, header, quotation marks; and some of its events."""

from __future__ import annotations

import csv
import gzip
import itertools
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from recloop.data.log_roles import LogError, role_of
from recloop.data.readers.log import column, named, opened, scan, split_line

LINES = 5_000  # looked at to understand a file; all of them are read afterwards
DELIMITERS = (
    "\t",
    "::",
    ";",
    "|",
    ",",
    " ",
)  # a comma may be a decimal one, a blank may stand in a time
CONSTANT = 0.95  # share of lines that must have the commonest number of fields
CHUNK = 1 << 20


@dataclass(frozen=True)
class Layout:
    """What `readers.log.scan` needs to know of a file, and a sample.

    Attributes:
        settings: keywords of `scan`; `columns` is missing where there is no header.
        sample: text of some events, one column for each of the file's; `column_1` and so on without a header.
        note: what is worth saying about the encoding.
    """

    settings: dict[str, Any]
    sample: pl.DataFrame
    note: str | None = None


def look(path: Path, given: Mapping[str, Any]) -> Layout:
    """Find out how a file is laid out.

    Args:
        path: the file, gzipped if it ends in .gz.
        given: what the user says: `encoding`, `delimiter`, `header` (true or false), `columns`.

    Raises:
        LogError: it is no file of events, or the layout is in doubt; says which option to give.
    """
    kind = _kind(path)
    if kind == "parquet":
        return _look_at_parquet(path)
    encoding, note = (given["encoding"], None) if given.get("encoding") else _encoding(path)
    lines = _lines(path, encoding)
    if not lines:
        raise LogError(f"{path}: only empty lines, expected one event a line.")
    first = lines[0].lstrip()
    if first.startswith("[") and not given.get("delimiter"):
        raise LogError(
            f"{path}: a JSON list, expected one object a line. Make it so: jq -c '.[]' {path.name} > events.jsonl"
        )
    found = (
        _look_at_json(path, lines) if first.startswith("{") else _look_at_fields(path, lines, given)
    )
    settings = found.settings | ({} if encoding == "utf-8" else {"encoding": encoding})
    return Layout(settings, found.sample, note)


# -- format and encoding ------------------------------------------------------------------------------------------


def _kind(path: Path) -> str:
    if not path.is_file():
        what = "a folder" if path.is_dir() else "no such file"
        raise LogError(
            f"{path}: {what}, expected a file of events (CSV, TSV, JSON lines, Parquet)."
        )
    if not path.stat().st_size:
        raise LogError(f"{path}: an empty file, expected one event a line.")
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith(b"PK"):
        raise LogError(
            f"{path}: a zip archive (or an Excel file). Unzip it, or save the sheet as CSV."
        )
    gzipped = start.startswith(b"\x1f\x8b")
    if gzipped != (path.suffix == ".gz"):
        name = f"{path.name}.gz" if gzipped else path.name.removesuffix(".gz")
        raise LogError(
            f"{path}: {'gzipped' if gzipped else 'not gzipped'}, which its name does not say. Rename it to {name}."
        )
    return "text"


def _encoding(path: Path) -> tuple[str, str | None]:
    """Find the encoding; bytes that are no UTF-8 are Latin-1 unless others are UTF-8 beyond doubt."""
    with _bytes_of(path) as file:
        start = file.read(CHUNK)
    for mark, name in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if start.startswith(mark):
            return name, "UTF-16, by its mark"
    if b"\0" in start:
        raise LogError(
            f"{path}: holds zero bytes, so that it is no text. Expected CSV, TSV, JSON lines or Parquet."
        )
    if _is_utf8(path):
        return "utf-8", "with a byte-order mark" if start.startswith(b"\xef\xbb\xbf") else None
    beyond_ascii = Counter()
    with _bytes_of(path) as file:
        for line in file:
            if not line.isascii():
                beyond_ascii[_decodes(line)] += 1
    if beyond_ascii[True]:
        return "utf-8", f"{beyond_ascii[False]} lines are no UTF-8 and are set aside"
    return "latin-1", "no UTF-8: read as Latin-1, --encoding says otherwise"


def _is_utf8(path: Path) -> bool:
    try:
        with opened(path, "utf-8", "strict") as file:
            while file.read(CHUNK):
                pass
    except UnicodeDecodeError:
        return False
    except (EOFError, OSError) as fault:
        raise LogError(
            f"{path}: cannot be read to its end ({fault}). Get the file again."
        ) from None
    return True


def _decodes(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _bytes_of(path: Path) -> Any:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def _lines(path: Path, encoding: str) -> list[str]:
    """Read some lines from the beginning, without empty ones."""
    try:
        with opened(path, encoding) as file:
            whole = (line.strip("\r\n").removeprefix("\ufeff") for line in file)
            return list(itertools.islice((line for line in whole if line.strip()), LINES))
    except LookupError:
        raise LogError(
            f"{path}: unknown encoding '{encoding}', expected one such as utf-8, latin-1 or cp1252."
        ) from None


# -- formats ------------------------------------------------------------------------------------------------------


def _look_at_parquet(path: Path) -> Layout:
    try:
        types = pl.scan_parquet(path, glob=False).collect_schema()
    except pl.exceptions.PolarsError as fault:
        raise LogError(f"{path}: a damaged Parquet file ({fault}). Get the file again.") from None
    flat = [name for name, kind in types.items() if not kind.is_nested() and kind != pl.Binary]
    if not flat:
        raise LogError(f"{path}: only nested columns, expected one event a row.")
    sample = scan(path, format="parquet", columns=flat).head(LINES).collect()
    named_back = sample.select(pl.col(column(name)).alias(name) for name in flat)
    return Layout({"format": "parquet", "columns": flat}, named_back)


def _look_at_json(path: Path, lines: list[str]) -> Layout:
    objects = [found for line in lines if isinstance(found := _parsed(line), dict)]
    if len(objects) < CONSTANT * len(lines):
        raise LogError(
            f"{path}: {len(lines) - len(objects)} of the first {len(lines)} lines are no JSON object, expected one "
            f"object a line. Make it so: jq -c . {path.name} > events.jsonl"
        )
    names = dict.fromkeys(key for one in objects for key in one)
    texts = {name: [_text(one.get(name)) for one in objects] for name in names}
    flat = {
        name: values for name, values in texts.items() if any(value is not None for value in values)
    }
    return Layout(
        {"format": "jsonl", "columns": list(flat)},
        pl.DataFrame(flat, schema=dict.fromkeys(flat, pl.String)),
    )


def _parsed(line: str) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _text(value: object) -> str | None:
    """Write a value as the reader will see it; lists and objects are no value of an event."""
    if value is None or isinstance(value, dict | list):
        return None
    return value if isinstance(value, str) else json.dumps(value)


def _look_at_fields(path: Path, lines: list[str], given: Mapping[str, Any]) -> Layout:
    delimiter = given.get("delimiter") or _delimiter(path, lines)
    rows = [_fields(line, delimiter) for line in lines]
    width = Counter(map(len, rows)).most_common(1)[0][0]
    header = given["header"] if given.get("header") is not None else has_header(path, rows, width)
    if header and len(rows[0]) != width:
        raise LogError(
            f"{path}: the header has {len(rows[0])} names, the lines have {width} fields. Mend the first line."
        )
    names = named(rows[0]) if header else [f"column_{place}" for place in range(1, width + 1)]
    if repeated := [name for name, times in Counter(names).items() if times > 1]:
        raise LogError(
            f"{path}: the header names '{repeated[0]}' twice. Rename one of the columns."
        )
    body = [row for row in rows[int(header) :] if len(row) == width]
    if not body:
        raise LogError(f"{path}: only a header, expected one event a line below it.")
    settings = {
        "format": "delimited",
        "delimiter": delimiter,
        "header": header,
        "quoted": len(delimiter) == 1 and any('"' in line for line in lines),
    }
    sample = pl.DataFrame(body, schema=dict.fromkeys(names, pl.String), orient="row")
    return Layout(settings | ({"columns": names} if header else {}), sample)


def _delimiter(path: Path, lines: list[str]) -> str:
    """Find what parts the fields: the delimiter that gives (nearly) all lines as many of them, two or more."""
    fitting = [mark for mark in DELIMITERS if _constant(lines, mark)]
    if not fitting:
        raise LogError(
            f"{path}: no delimiter gives the lines a constant number of fields; the first one is {lines[0][:80]!r}. "
            "Expected one event a line; --delimiter says what stands between the fields."
        )
    apart = [mark for mark in fitting if mark != " "] or fitting
    known = [mark for mark in apart if is_named(_fields(lines[0], mark))]
    if len(known) == 1 or len(apart) == 1:
        return (known or apart)[0]
    # More than one would do: a comma inside the numbers of a file with semicolons is no doubt, all else is.
    if set(apart) == {";", ","} and all(_constant_decimals(line) for line in lines[1:20]):
        return ";"
    raise LogError(
        f"{path}: the fields may be parted by {' or '.join(map(repr, apart))}; the first line is {lines[0][:80]!r}. "
        f"Say it: --delimiter {apart[0]!r}"
    )


def _constant(lines: list[str], mark: str) -> bool:
    widths = Counter(len(_fields(line, mark)) for line in lines)
    width, times = widths.most_common(1)[0]
    return width > 1 and times >= CONSTANT * len(lines)


def _constant_decimals(line: str) -> bool:
    return not re.sub(r"\d,\d", "", line).count(",")


def _fields(line: str, delimiter: str) -> list[str]:
    try:
        return split_line(line, delimiter)
    except csv.Error:
        return [line]


def has_header(path: Path, rows: list[list[str]], width: int) -> bool:
    """Check whether the first line holds names.

    Raises:
        LogError: it may hold names as well as values.
    """
    first, rest = rows[0], [row for row in rows[1:] if len(row) == width]
    if is_named(first):
        return True
    if any(_is_number(field) for field in first) or not rest or len(first) != width:
        return False
    columns = list(zip(*rest, strict=True))
    if any(sum(map(_is_number, values)) > CONSTANT * len(values) for values in columns):
        return True
    raise LogError(
        f"{path}: the first line, {first}, may hold names or values. Say it: --header yes or --header no"
    )


def is_named(fields: list[str]) -> bool:
    """Check whether a line holds known names of columns, two at least or the only one."""
    return sum(role_of(field) is not None for field in fields) >= 2


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
