"""MovieLens ratings with titles and genres, the `ml-latest-small` files.

Harper, Konstan. The MovieLens Datasets: History and Context. TiiS 2015.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recloop.data.companions import read_companion
from recloop.data.quarantine import read_fields, separate, whole
from recloop.data.tables import Reading, as_interactions, as_items

COLUMNS = ("userId", "movieId", "rating", "timestamp")


def read(raw: Path, max_malformed: float = 0.01) -> Reading:
    """Read ratings of half to five stars; times come in seconds."""
    path = raw / "ratings.csv"
    rows = read_fields(path, COLUMNS, ",", header=True).with_columns(
        time=whole("timestamp") * 1000, stars=pl.col("rating").cast(pl.Float32, strict=False)
    )
    problems = {
        "has no number as user": whole("userId").is_null(),
        "has no number as movie": whole("movieId").is_null(),
        "has a rating other than 0.5 to 5": ~pl.col("stars").is_between(0.5, 5),
        "has no readable time": pl.col("time").is_null(),
        "has a time before 1970": pl.col("time") < 0,
    }
    checked = separate(rows, path, problems, max_malformed, width=len(COLUMNS))
    names = {"user": pl.col("userId"), "item": pl.col("movieId"), "time": pl.col("time")}
    # A third of the ratings share their second with another one of the user, and the file lists these by movie: kept
    # in its order they would teach that the next movie has the next higher number. So they are shuffled, always alike.
    mixed = (
        whole("movieId").cast(pl.UInt64) * 2_654_435_761 + whole("userId").cast(pl.UInt64) * 40_503
    )
    names["position"] = mixed % 2**32
    return Reading(
        interactions=as_interactions(checked.rows, "rating", **names, rating=pl.col("stars")),
        items=_items(checked.rows, raw / "movies.csv"),
        malformed=checked.malformed,
        files=(path, raw / "movies.csv"),
        time_unit="seconds",
    )


def _items(ratings: pl.LazyFrame, path: Path) -> pl.DataFrame:
    """Read the titles and genres of the rated movies; the first genre is the category."""
    seen = ratings.select(item="movieId").unique().collect()
    movies = read_companion(path, "movieId", required=("title", "genres"))
    movies = movies.rename({"movieId": "item"})
    genres = pl.col("genres").str.split("|")
    none = pl.col("genres") == "(no genres listed)"
    described = movies.with_columns(
        attributes=pl.when(~none).then(genres), category=pl.when(~none).then(genres.list.first())
    )
    return as_items(seen.join(described, on="item", how="left"))
