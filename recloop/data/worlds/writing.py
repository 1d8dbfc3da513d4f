"""A shop's log written as Yoochoose, RetailRocket or LFM-1b publish theirs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recloop.data.catalogue import CATALOGUE
from recloop.data.worlds.conversion import Conversion
from recloop.data.worlds.shelves import Shelves

SECOND = 1_000
FIRST_ID = 214_500_001  # item numbers as wide as Yoochoose's
CARTED, BOUGHT = 1, 2
TIME = "%Y-%m-%dT%H:%M:%S%.3fZ"


@dataclass(frozen=True)
class Log:
    """What happened: one entry per session, and one per event in the order of sessions.

    Args:
        user: user of each session.
        taste: category that the user has in mind in each session.
        appetite: of each user, chance of the mood for the novel.
        session: session of each event.
        item: item of each event.
        time: milliseconds since 1970 of each event.
        bought: 0 nothing, 1 put into the cart, 2 bought, for each event.
        conversion: how items sell; None where all sell alike.
    """

    user: NDArray[Any]
    taste: NDArray[Any]
    appetite: NDArray[Any]
    session: NDArray[Any]
    item: NDArray[Any]
    time: NDArray[Any]
    bought: NDArray[Any]
    conversion: Conversion | None = None


def write_yoochoose(
    output: Path, shelves: Shelves, log: Log, random: np.random.Generator
) -> list[Path]:
    """Write clicks and buys; nobody knows the user."""
    events = _events(shelves, log).with_columns(
        pl.from_epoch("time", time_unit="ms").dt.strftime(TIME), session=pl.col("session") + 1
    )
    clicks = events.select("session", "time", "item", category=pl.col("cluster") % 12 + 1)
    price = pl.Series("price", 100 * random.integers(1, 100, len(shelves.cluster)))
    later = _events(shelves, log).select((pl.col("time") + SECOND).alias("time"))
    buys = events.with_columns(
        pl.from_epoch(later["time"], time_unit="ms").dt.strftime(TIME).alias("time"),
        price=price.gather(log.item),
        quantity=1,
    ).filter(pl.col("bought") == BOUGHT)
    bought = buys.select("session", "time", "item", "price", "quantity")
    return [
        write_csv(clicks, output / "yoochoose-clicks.dat", header=False),
        write_csv(bought, output / "yoochoose-buys.dat", header=False),
    ]


def write_retailrocket(
    output: Path, shelves: Shelves, log: Log, random: np.random.Generator
) -> list[Path]:
    """Write views, additions to the cart and transactions of visitors, by time."""
    seen = _events(shelves, log)
    carted = seen.filter(pl.col("bought") >= CARTED)
    bought = seen.filter(pl.col("bought") == BOUGHT)
    events = pl.concat(
        [
            seen.with_columns(event=pl.lit("view"), number=None),
            carted.with_columns(pl.col("time") + SECOND, event=pl.lit("addtocart"), number=None),
            bought.with_columns(
                pl.col("time") + 2 * SECOND,
                event=pl.lit("transaction"),
                number=pl.int_range(pl.len()),
            ),
        ],
        how="vertical_relaxed",
    ).sort("time", "user", maintain_order=True)
    columns = events.select(
        timestamp="time", visitorid="user", event="event", itemid="item", transactionid="number"
    )
    return [write_csv(columns, output / "events.csv", header=True)]


def write_lfm1b(
    output: Path, shelves: Shelves, log: Log, random: np.random.Generator
) -> list[Path]:
    """Write listening events: the brand is the artist, times are in seconds."""
    album = pl.Series("album", shelves.brand * 10 + shelves.cluster % 10).gather(log.item)
    artist = pl.Series("artist", shelves.brand).gather(log.item)
    events = _events(shelves, log).with_columns(album.alias("album"), artist.alias("artist"))
    columns = events.select("user", "artist", "album", "item", pl.col("time") // SECOND)
    return [write_csv(columns, output / "LFM-1b_LEs.txt", header=False, separator="\t")]


WRITERS: dict[str, Callable[[Path, Shelves, Log, np.random.Generator], list[Path]]] = {
    "yoochoose": write_yoochoose,
    "retailrocket": write_retailrocket,
    "lfm1b": write_lfm1b,
}


def write_catalogue(output: Path, shelves: Shelves) -> Path:
    """Write what each item is called."""
    items = range(len(shelves.cluster))
    category, brand = (
        [name(item) for item in items] for name in (shelves.category_name, shelves.brand_name)
    )
    catalogue = pl.DataFrame(
        {
            "item": shelves.ids(FIRST_ID),
            "title": [shelves.title(item) for item in items],
            "brand": brand,
            "category": category,
            "description": [f"A {c} made by {b}." for c, b in zip(category, brand, strict=True)],
        }
    )
    return write_csv(catalogue, output / CATALOGUE, header=True)


def write_truth(
    output: Path, arrays: Mapping[str, NDArray[Any]], sizes: Mapping[str, int | float]
) -> tuple[Path, Path]:
    """Write what no model is told: shelves, tastes and appetites, numbers first."""
    np.savez(output / "truth.npz", **arrays)
    summary = {
        "sizes": sizes,
        "arrays": {name: list(array.shape) for name, array in arrays.items()},
    }
    (output / "truth.json").write_text(json.dumps(summary, indent=1, sort_keys=True) + "\n")
    return output / "truth.json", output / "truth.npz"


def _events(shelves: Shelves, log: Log) -> pl.DataFrame:
    ids = shelves.ids(FIRST_ID)
    return pl.DataFrame(
        {
            "session": log.session,
            "user": log.user[log.session] + 1,
            "item": ids[log.item],
            "cluster": shelves.cluster[log.item],
            "time": log.time,
            "bought": log.bought,
        }
    )


def write_csv(rows: pl.DataFrame, path: Path, header: bool, separator: str = ",") -> Path:
    rows.write_csv(path, include_header=header, separator=separator)
    return path
