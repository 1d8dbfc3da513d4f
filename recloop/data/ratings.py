"""Ratings of all items by all users of some parts, as a matrix."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Float

PARTS = ("train", "valid", "test")


def read_ratings(
    sessions: Path, tables: Path, parts: Iterable[str] = PARTS
) -> Float[np.ndarray, "user item"]:
    """Read what the users of some parts rate; rows in the order of the parts, columns in that of the items.

    Args:
        sessions: folder of a split, whose sessions are users.
        tables: folder of the tidy tables with the ratings.
        parts: names of parts.

    Raises:
        ValueError: an item that a user has not rated.
    """
    users = read_users(sessions, parts)
    rows = pl.DataFrame({"user": users}).with_row_index("row")
    items = pl.read_parquet(sessions / "items.parquet").select(column="item", item="id")
    cells = pl.read_parquet(tables / "interactions.parquet", columns=["user", "item", "rating"])
    cells = cells.join(rows, on="user").join(items, on="item")
    ratings = np.full((len(rows), len(items)), np.nan, dtype=np.float32)
    ratings[cells["row"].to_numpy(), cells["column"].to_numpy()] = cells["rating"].to_numpy()
    if (missing := np.isnan(ratings)).any():
        row, column = np.argwhere(missing)[0]
        raise ValueError(
            f"{tables}: user {users[int(row)]} has not rated item {items['item'][int(column)]}; an environment needs "
            "all ratings. Take a completed matrix."
        )
    return ratings


def read_users(sessions: Path, parts: Iterable[str]) -> pl.Series:
    """Name the users of some parts, in their order."""
    return pl.concat(
        [pl.read_parquet(sessions / f"{part}.parquet", columns=["user"]) for part in parts]
    )["user"]
