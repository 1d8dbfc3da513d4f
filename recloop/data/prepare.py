"""Tidy tables to the three parts that models train on and are tested with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from recloop.data import filters, leakage, sessions, splits
from recloop.data.settings import SettingError, check_settings
from recloop.data.tables import ITEMS
from recloop.storage.files import write_json, writing


def prepare(
    tables: Path,
    output: Path,
    prepare: Mapping[str, Any],
    split: Mapping[str, Any],
    seed: int,
    source: Mapping[str, Any],
) -> dict[str, Any]:
    """Filter, cut and split a source; write the parts, the items and `split.json`.

    Args:
        tables: folder of `write_tables`.
        output: folder of the parts.
        prepare: what is kept and in which order, keys as in `settings.PREPARE`.
        split: how it is parted, keys as in `settings.SPLIT`.
        seed: of the sample and of the random shares.
        source: the manifest, for the record.
    """
    settings, way = check_settings(prepare, split)
    given = way["by"] == "given"
    events, item_ids, users = encode(tables, settings["events"], settings["purchases"], given)
    cut = settings["sessions"]
    events = sessions.cut(events, cut["by"], cut["gap_minutes"], cut["events"])
    events, steps = filters.apply(events, settings["order"], settings, seed)
    if cut["last"] is not None:
        events = sessions.keep_last(events, cut["last"])
    events, item_ids = _renumber(events, item_ids)
    listed = _name_users(sessions.as_lists(events), users)
    parts = splits.split(listed, way["by"], way["shares"], seed)
    parts = splits.last_alone(parts) if way["targets"] == "last" else parts
    splits.check_targets(parts, way["by"])
    leaks = leakage.check(parts, way["by"])
    items = _describe(item_ids, parts["train"], tables)
    record = {
        "hash": content_hash(parts, items),
        "source": {key: value for key, value in source.items() if key in RECORDED},
        "prepare": settings,
        "split": way,
        "seed": seed,
        "counts": {name: _count(rows) for name, rows in parts.items()},
        "catalogue": _catalogue(items),
        "steps": steps,
        "leakage": leaks,
        "quarantined": json.loads((tables / "read.json").read_text())["malformed"],
    }
    _write(output, parts, items, record)
    return record


RECORDED = ("title", "reader", "world", "writes", "seed", "sizes", "licence")


def encode(
    tables: Path, kinds: Sequence[str], purchases: Sequence[str], parts: bool = False
) -> tuple[pl.DataFrame, list[str], list[str]]:
    """Load events as codes; items and users are numbered in the order of their names.

    With `parts`, the part of a given split comes along as 0, 1 or 2.
    """
    rows = pl.scan_parquet(tables / "interactions.parquet")
    rows = rows.filter(pl.col("event").is_in(list(kinds)))
    names = {name: _names(rows, name) for name in ("item", "user")}
    if not names["item"]:
        raise SettingError(f"prepare.events keeps {list(kinds)}, of which the source has none.")
    codes = [pl.col(n).cast(pl.Enum(values)).to_physical() for n, values in names.items()]
    given = pl.when(pl.col("session").is_not_null()).then(pl.col("session").rle_id())
    purchase = pl.col("event").is_in(list(purchases)).cast(pl.UInt8)
    part = pl.col("part").cast(pl.Enum(splits.PARTS)).to_physical().cast(pl.UInt8)
    events = rows.select(
        given.alias("given"),
        *(code.cast(pl.UInt32) for code in codes),
        "time",
        purchase.alias("purchase"),
        *([part] if parts else []),
    ).collect(engine="streaming")
    return events, names["item"], names["user"]


def content_hash(parts: Mapping[str, pl.DataFrame], items: pl.DataFrame) -> str:
    """Hash what the parts say, whatever bytes a Parquet writer makes of it."""
    content = hashlib.sha256()
    for name, rows in parts.items():
        content.update(name.encode())
        for column in rows.columns:
            content.update(column.encode())
            content.update(_canonical(rows[column]))
    for row in items.iter_rows():
        content.update(json.dumps(row, ensure_ascii=True).encode())
    return content.hexdigest()


def _canonical(column: pl.Series) -> bytes:
    if column.dtype == pl.String:
        return json.dumps(column.to_list()).encode()
    if isinstance(column.dtype, pl.List):
        lengths = column.list.len().fill_null(0)
        values = column.explode().drop_nulls()
        return _canonical(lengths) + _canonical(values)
    return np.ascontiguousarray(column.fill_null(-1).to_numpy().astype("<i8")).tobytes()


def _names(rows: pl.LazyFrame, column: str) -> list[str]:
    names = rows.select(pl.col(column).drop_nulls().unique()).collect(engine="streaming")
    return names[column].sort().to_list()


def _renumber(events: pl.DataFrame, names: list[str]) -> tuple[pl.DataFrame, list[str]]:
    """Renumber the remaining items 0, 1, ... without gaps."""
    items = events["item"].to_numpy()
    left = np.flatnonzero(np.bincount(items))
    numbers = np.zeros(left[-1] + 1, dtype=np.int32)
    numbers[left] = np.arange(len(left))
    events = events.with_columns(pl.Series("item", numbers[items]))
    return events, [names[code] for code in left]


def _name_users(listed: pl.DataFrame, users: list[str]) -> pl.DataFrame:
    names = pl.Series("user", users, dtype=pl.String)
    return listed.with_columns(names.gather(listed["user"]).alias("user"))


def _describe(ids: list[str], train: pl.DataFrame, tables: Path) -> pl.DataFrame:
    counts = np.bincount(train["item"].explode().drop_nulls().to_numpy(), minlength=len(ids))
    numbered = pl.DataFrame(
        {"item": pl.arange(len(ids), eager=True, dtype=pl.Int32), "id": ids, "count": counts}
    )
    texts = pl.read_parquet(tables / "items.parquet").rename({"item": "id"})
    described = numbered.join(texts, on="id", how="left", maintain_order="left")
    return described.select("item", "id", pl.col("count").cast(pl.Int64), *list(ITEMS)[1:])


def _catalogue(items: pl.DataFrame) -> dict[str, int]:
    """Count the items that models rank and coverage is a share of: those of all three parts together."""
    unseen = int((items["count"] == 0).sum())
    return {"items": items.height, "seen_in_training": items.height - unseen, "unseen": unseen}


def _count(rows: pl.DataFrame) -> dict[str, int]:
    length = pl.col("item").list.len()
    return rows.select(
        sessions=pl.len(),
        items=pl.col("item").explode().n_unique(),
        interactions=length.sum(),
        targets=(length.cast(pl.Int64) - pl.col("first_target")).clip(0).sum(),
    ).row(0, named=True)


def _write(
    output: Path, parts: dict[str, pl.DataFrame], items: pl.DataFrame, record: dict[str, Any]
) -> None:
    with writing(output):
        output.mkdir(parents=True, exist_ok=True)
        for name, rows in parts.items():
            rows.write_parquet(output / f"{name}.parquet")
        items.write_parquet(output / "items.parquet")
        write_json(output / "split.json", record)
