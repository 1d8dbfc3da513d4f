"""Products with pictures, attributes and what people said about them: one form for every source.

A reader gives a `Catalogue` by the source's own names; `build_catalogue` drops what has no sound picture, numbers the
rest from 0 on and writes the tables and the shards of pictures. A source of titles alone keeps all items and has no
shards.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import polars as pl

from recloop.data.pictures import FOLDER, picked, spooled, write_shards
from recloop.data.quarantine import MALFORMED
from recloop.data.schema import Column, dtypes, faults
from recloop.storage.files import write_json, writing

NAME, TEXT, PART = Column(pl.String, name=True), Column(pl.String), Column(pl.String, optional=True)
COLUMNS = {
    "items": {"name": NAME, "title": TEXT, "kind": TEXT, "part": PART},
    "attributes": {"name": NAME, "attribute": TEXT, "value": TEXT},
    "captions": {"target": NAME, "reference": NAME, "caption": TEXT, "part": PART},
    "sequences": {"user": NAME, "position": Column(pl.Int32), "item": NAME, "part": PART},
}
UNIQUE = {"items": ["name"], "sequences": ["user", "position"]}  # what no two rows share
ITEMS, ATTRIBUTES, CAPTIONS, SEQUENCES = map(dtypes, COLUMNS.values())
MAX_MISSING = 0.01  # largest tolerated share of items without a sound picture


class CatalogueError(ValueError):
    """A reader gave something else than the declared tables, or too little is left of a source."""


@dataclass(frozen=True)
class Catalogue:
    """What a reader returns; items are named as in the source.

    Args:
        items: `ITEMS` columns, one row per item in the order in which they will be numbered; `part` is the released
            split (train, valid or test) or null.
        pictures: names and encoded bytes in any order; those of unknown items are passed over. None for titles alone.
        attributes: `ATTRIBUTES` columns, lower case.
        captions: `CAPTIONS` columns, sentences that people wrote about a target next to a reference.
        sequences: `SEQUENCES` columns, published purchases.
        malformed: `MALFORMED` columns, the lines set aside.
    """

    items: pl.DataFrame
    pictures: Iterator[tuple[str, bytes]] | None
    attributes: pl.DataFrame = field(default_factory=partial(pl.DataFrame, schema=ATTRIBUTES))
    captions: pl.DataFrame = field(default_factory=partial(pl.DataFrame, schema=CAPTIONS))
    sequences: pl.DataFrame = field(default_factory=partial(pl.DataFrame, schema=SEQUENCES))
    malformed: pl.DataFrame = field(default_factory=partial(pl.DataFrame, schema=MALFORMED))


def build_catalogue(source: dict, raw: Path, output: Path) -> None:
    """Read a source with the reader that its manifest names and write it as a catalogue.

    Args:
        source: the manifest; `reading` holds the reader's settings, `pictures.max_missing` the tolerated share of
            items without a picture.
        raw: folder of the raw files.
        output: folder for the tables, `images/` and `catalogue.json`.

    Raises:
        CatalogueError: the reader gave undeclared columns, names twice, or too many items without a picture.
    """
    reader = resolve_name(f"recloop.data.readers.{source['reader']}")
    found = reader.read_catalogue(raw, **source.get("reading", {}))
    check(found)
    with writing(output):
        _write(found, source, output)


def _write(found: Catalogue, source: dict, output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    names = set(found.items["name"])
    with tempfile.TemporaryFile(dir=output) as spool:
        places, damaged = spooled(found.pictures or (), names, spool)
        tables, missing = _numbered(found, names if found.pictures is None else places)
        tolerated = source.get("pictures", {}).get("max_missing", MAX_MISSING)
        _not_too_many(missing, found.items.height, damaged, tolerated)
        tables["quarantine"] = pl.concat([found.malformed, _set_aside(damaged)])
        content = _content(tables)
        shown = [places[name] for name in tables["items"]["name"] if places]
        shards = picked(spool, shown, content)
        write_shards(shards, output / FOLDER)
    for name, table in tables.items():
        table.write_parquet(output / f"{name}.parquet")
    _write_record(output / "catalogue.json", tables, missing, content.hexdigest())


def check(found: Catalogue) -> None:
    """Stop when a table has other columns or types than declared, or an item occurs twice."""
    declared = {name: dtypes(columns) for name, columns in COLUMNS.items()}
    for name, schema in (declared | {"malformed": MALFORMED}).items():
        columns = dict(getattr(found, name).schema)
        if columns != dict(schema):
            raise CatalogueError(f"A reader gave {name} as {columns}, expected {dict(schema)}.")
    twice = found.items.filter(pl.col("name").is_duplicated())["name"].unique().sort().to_list()
    if twice or not found.items.height:
        raise CatalogueError(
            f"Expected every item once and at least one, found {found.items.height} items and "
            f"twice: {twice[:5]}. Mend the raw files or what `reading` keeps of them."
        )
    for name in COLUMNS:
        _check_values(name, getattr(found, name))


def _check_values(name: str, table: pl.DataFrame) -> None:
    """Stop where rows of a table break the rules of its columns."""
    counts = table.select(**faults(COLUMNS[name])).row(0, named=True)
    keys = UNIQUE.get(name, [])
    if keys:
        counts[f"repeated_{'_and_'.join(keys)}"] = table.height - table.select(keys).n_unique()
    if wrong := [f"{fault} {count}" for fault, count in counts.items() if count]:
        raise CatalogueError(
            f"{name}: {', '.join(wrong)}. Mend the raw files or what `reading` keeps of them."
        )


def _numbered(found: Catalogue, kept: Collection[str]) -> tuple[dict[str, pl.DataFrame], list[str]]:
    """Keep some items, those with a picture, and put numbers for names."""
    has = found.items["name"].is_in(list(kept))
    items = found.items.filter(has).with_row_index("item").cast({"item": pl.Int32})
    numbers, has_name = items.select("name", "item"), pl.col("item").is_in(items["name"].implode())
    captions = _as_numbers(_as_numbers(found.captions, "target", numbers), "reference", numbers)
    tables = {
        "items": items,
        "attributes": _as_numbers(found.attributes, "name", numbers, "item")
        .unique()
        .sort("item", "attribute", "value"),
        "captions": captions,
        "sequences": _as_numbers(_with_target(found.sequences, has_name), "item", numbers),
    }
    return tables, found.items.filter(~has)["name"].to_list()


def _with_target(sequences: pl.DataFrame, has_picture: pl.Expr) -> pl.DataFrame:
    """Drop users whose last purchase has no picture: an earlier one must not become what they look for."""
    return sequences.filter(has_picture.sort_by("position").last().over("user"))


def _as_numbers(
    rows: pl.DataFrame, column: str, numbers: pl.DataFrame, output: str | None = None
) -> pl.DataFrame:
    known = numbers.rename({"name": column, "item": "number"})
    joined = rows.join(known, on=column, how="inner", maintain_order="left")
    return (
        joined.with_columns(pl.col("number").alias(column))
        .drop("number")
        .rename({column: output or column})
    )


def _not_too_many(
    missing: list[str], items: int, damaged: Mapping[str, str], tolerated: float
) -> None:
    if len(missing) > tolerated * items or len(missing) == items:
        first = ", ".join(f"{name} ({damaged.get(name, 'absent')})" for name in missing[:3])
        raise CatalogueError(
            f"{len(missing)} of {items} items have no sound picture, more than the tolerated share "
            f"{tolerated:g}. First ones: {first}. Fetch the pictures again, or raise "
            "pictures.max_missing in the manifest if they are known to be gone."
        )


def _set_aside(damaged: Mapping[str, str]) -> pl.DataFrame:
    rows = [
        {"file": "pictures", "line": None, "text": name, "reason": reason}
        for name, reason in sorted(damaged.items())
    ]
    return pl.DataFrame(rows, schema=MALFORMED)


def _content(tables: Mapping[str, pl.DataFrame]) -> Any:
    """Hash what the tables say, whatever bytes a Parquet writer makes of it."""
    content = hashlib.sha256()
    for name, table in tables.items():
        content.update(f"{name}\n{table.write_csv()}".encode())
    return content


def _write_record(
    path: Path, tables: Mapping[str, pl.DataFrame], missing: list[str], content: str
) -> None:
    record = {
        "hash": content,
        **{name: table.height for name, table in tables.items()},
        "missing": missing,
    }
    write_json(path, record)
