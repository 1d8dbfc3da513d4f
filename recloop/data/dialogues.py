"""Who looks for what, with which past, and what simulated users learn to say: posed once, hashed, the same for all.

Items are parted where nobody has a past (GOMMIR, S4.1: every item of a part is a target once), users where they have
one (PMMIR, S4.1: the last item of a sequence is the target, all items can be shown).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recloop.data import histories
from recloop.data.captions import PARTS, caption, share_out, stop_if, stream
from recloop.data.prepare import content_hash
from recloop.data.settings import check_dialogues
from recloop.storage.files import write_json, writing

RELEASED = {"train": "train", "val": "valid", "valid": "valid", "test": "test"}
SCHEMA = {
    "dialogue": pl.Int64,
    "part": pl.String,
    "user": pl.Int64,
    "target": pl.Int32,
    "history": pl.List(pl.Int32),
    "group": pl.String,
}


def make_dialogues(
    catalogue: Path, prepare: Mapping[str, Any], split: Mapping[str, Any], seed: int, output: Path
) -> None:
    """Write items.parquet, dialogues.parquet, captions.parquet and split.json.

    Args:
        catalogue: folder of `recloop.data.catalogues.build_catalogue`.
        prepare: `items` (how many to draw; null for all), `simulator_share` (share that nobody is shown and only
            simulators learn from), `captions` (`by` people or grammar, how many for each part, `rates` of `compose`),
            `histories` (keywords of `histories.Buying`; null for none, or for those published where users are parted).
        split: `by` item, user or released; `shares` of train, valid and test. Released are the parts of items; `valid`
            is then the share taken out of training where validation was not released.
        seed: of all draws.
        output: folder to write.

    Raises:
        SettingsError: unknown or contradictory settings, or a part without items, users or captions.
    """
    settings, way = check_dialogues(prepare, split)
    items = part_items(catalogue, settings, way, seed)
    if way["by"] == "user":
        dialogues = _with_histories(catalogue, items, settings["histories"], way["shares"], seed)
    else:
        dialogues = _without_histories(items)
    captions = caption(catalogue, items, settings["captions"], seed)
    items = _count(items, dialogues)
    about = json.loads((catalogue / "catalogue.json").read_text())
    record = _record(items, dialogues, captions, settings, way)
    record |= {"catalogue": about["hash"], "seed": seed}
    with writing(output):
        output.mkdir(parents=True, exist_ok=True)
        for name, rows in (("items", items), ("dialogues", dialogues), ("captions", captions)):
            rows.write_parquet(output / f"{name}.parquet")
        write_json(output / "split.json", record)


def part_items(
    catalogue: Path, settings: Mapping[str, Any], way: Mapping[str, Any], seed: int
) -> pl.DataFrame:
    """Assign every catalogue item to a part.

    Returns:
        item (Int32) and part: train, valid, test; "all" where users are parted; "simulator" for those set aside;
        "left out" for those not drawn. Only the first four can be shown or looked for.
    """
    items = pl.read_parquet(catalogue / "items.parquet", columns=["item", "part"]).sort("item")
    random = stream(seed, "items")
    number = settings["items"] or items.height
    stop_if(number > items.height, f"prepare.items is {number}, but there are {items.height}")
    order = random.permutation(items.height)
    aside = round(settings["simulator_share"] * number)
    part = np.full(items.height, "left out", dtype=object)
    part[order[:aside]] = "simulator"
    kept = np.sort(order[aside:number])
    if way["by"] == "user":
        part[kept] = "all"
    elif way["by"] == "item":
        part[kept] = share_out(len(kept), way["shares"], random)
    else:
        part[kept] = _released(items["part"].gather(kept), way["valid"], random)
    parted = items.select("item").with_columns(part=pl.Series(part.tolist(), dtype=pl.String))
    for name in () if way["by"] == "user" else PARTS:
        stop_if(name not in parted["part"], f"no item is left for the part {name}")
    return parted


def _without_histories(items: pl.DataFrame) -> pl.DataFrame:
    """Look for every item of every part once; nobody is known."""
    pool = items.filter(pl.col("part").is_in(PARTS))
    number = pl.int_range(pl.len(), dtype=pl.Int64)
    return pool.select(
        number.alias("dialogue"),
        "part",
        number.alias("user"),
        pl.col("item").alias("target"),
        pl.lit([], dtype=pl.List(pl.Int32)).alias("history"),
        pl.lit("all").alias("group"),
    ).cast(SCHEMA)


def _with_histories(
    catalogue: Path,
    items: pl.DataFrame,
    buying: Mapping[str, Any] | None,
    shares: Sequence[float],
    seed: int,
) -> pl.DataFrame:
    """Let every user look for the last item of a sequence; users keep the parts that were released."""
    users = _users(catalogue, items.filter(pl.col("part") == "all")["item"], buying, seed)
    random = stream(seed, "users")
    if users["part"].null_count():
        part = share_out(users.height, shares, random)
    else:
        train, valid, _ = shares
        part = _released(users["part"], valid / (train + valid), random)
    for name in PARTS:
        stop_if(name not in part, f"no user is left for the part {name}")
    posed = users.with_columns(dialogue="user", part=pl.Series(part.tolist(), dtype=pl.String))
    return posed.select(*SCHEMA).cast(SCHEMA)


def _users(
    catalogue: Path, pool: pl.Series, buying: Mapping[str, Any] | None, seed: int
) -> pl.DataFrame:
    """Simulate purchases or take the published ones; only items of the pool are bought."""
    if buying:
        attributes = pl.read_parquet(catalogue / "attributes.parquet")
        random = stream(seed, "purchases")
        users = histories.simulate(pool.to_numpy(), attributes, histories.Buying(**buying), random)
        return users.with_columns(part=pl.lit(None, pl.String))
    rows = pl.read_parquet(catalogue / "sequences.parquet")
    here = pl.col("item").is_in(pool.implode())
    # Who looks for something outside the pool is left out, not sent for an earlier purchase.
    rows = rows.filter(here.sort_by("position").last().over("user") & here)
    stop_if(
        rows.is_empty(),
        "split.by is user, prepare.histories is null and the source has published no purchases",
    )
    return histories.published(rows)


def _released(parts: pl.Series, share: float, random: np.random.Generator) -> NDArray[Any]:
    """Translate the released parts; where validation was not released, take it out of training."""
    unknown = sorted({*parts.drop_nulls()} - {*RELEASED})
    stop_if(unknown, f"the released parts are called {unknown}; expected {sorted(RELEASED)}")
    part = np.array([RELEASED.get(name, "left out") for name in parts], dtype=object)
    if "valid" not in part:
        train = random.permutation(np.flatnonzero(part == "train"))
        part[train[: round(share * len(train))]] = "valid"
    return part


def _count(items: pl.DataFrame, dialogues: pl.DataFrame) -> pl.DataFrame:
    """Count how often the training part shows each item, as target or in a history."""
    train = dialogues.filter(pl.col("part") == "train")
    seen = pl.concat([train["target"], train["history"].explode().drop_nulls()]).to_numpy()
    counts = np.bincount(seen, minlength=items.height).astype(np.int32)
    return items.with_columns(count=pl.Series(counts))


def _record(
    items: pl.DataFrame,
    dialogues: pl.DataFrame,
    captions: pl.DataFrame,
    settings: Mapping[str, Any],
    way: Mapping[str, Any],
) -> dict[str, Any]:
    """Describe the dialogues that were made: the hash of their content, the settings, and all counts."""
    past = way["by"] == "user"
    pools = {name: items["part"].is_in([name, "all"]).sum() for name in PARTS}
    asked = {name: dialogues.filter(pl.col("part") == name) for name in PARTS}
    lengths = dialogues["history"].list.len() + 1
    return {
        "hash": content_hash({"dialogues": dialogues, "captions": captions}, items),
        "items": int(items["part"].is_in([*PARTS, "all"]).sum()),
        "set_aside": int((items["part"] == "simulator").sum()),
        "sessions": {name: rows.height for name, rows in asked.items()},
        "pools": {name: int(number) for name, number in pools.items()},
        "captions": {name: int((captions["part"] == name).sum()) for name in PARTS},
        "captions_by": settings["captions"] and settings["captions"]["by"],
        "histories": ("simulated" if settings["histories"] else "published") if past else None,
        "lengths": [int(lengths.min()), int(lengths.max())] if past else None,
        "groups": dict(sorted(dialogues["group"].value_counts().iter_rows())),
        "counts": {name: _counts(rows) for name, rows in asked.items()},
        "leakage": {
            f"unseen_targets_{name}": _unseen(asked[name], items) for name in ("valid", "test")
        },
        "prepare": dict(settings),
        "split": dict(way),
    }


def _unseen(rows: pl.DataFrame, items: pl.DataFrame) -> float:
    """Compute the share of targets that training never shows; all of them where items are parted."""
    unseen = items.filter(pl.col("count") == 0)["item"]
    return float(rows["target"].is_in(unseen.implode()).mean() or 0)


def _counts(rows: pl.DataFrame) -> dict[str, int]:
    past = rows["history"].explode().drop_nulls()
    return {
        "sessions": rows.height,
        "items": pl.concat([rows["target"], past]).n_unique(),
        "interactions": rows.height + len(past),
        "targets": rows.height,
    }
