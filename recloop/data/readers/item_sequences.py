"""Sequences of items by user beside a table of titles, as the releases of IISAN and MicroLens have them.

Fu et al. IISAN. SIGIR 2024. Ni et al. A Content-Driven Micro-Video Recommendation Dataset at Scale. 2023. A line of
the first file is a user and the items in the order of time, `user<TAB>item item …`; of the second an item and its
title. Pictures are files named by item, in archives or in the folder `images`; who wants them reads them
(recloop/contents/writing.py). Titles alone are a catalogue, too, for networks that learn to read.
"""

from __future__ import annotations

import html
from pathlib import Path

import polars as pl

from recloop.data.catalogues import Catalogue
from recloop.data.quarantine import MALFORMED, Checked, missing, read_fields, separate
from recloop.data.tables import Reading, as_interactions, as_items, unroll

KIND = "product"  # nothing tells more
UNESCAPED = pl.col("title").map_elements(html.unescape, return_dtype=pl.String)
TITLES = {"item": pl.String, "title": pl.String}


def read(
    raw: Path,
    users: str = "users.tsv",
    titles: str = "items.tsv",
    separator: str = "\t",
    max_malformed: float = 0.01,
) -> Reading:
    """Read what each user chose, in order; there are no times.

    Args:
        raw: folder of the files.
        users: file of the sequences.
        titles: file of the titles; an empty one says that no item has any.
        separator: between an item and its title.
        max_malformed: largest tolerated share of malformed lines.
    """
    lists = checked(raw / users, ("user", "items"), max_malformed)
    named = checked(raw / titles, ("item", "title"), max_malformed, separator)
    events = unrolled(lists)
    return Reading(
        interactions=as_interactions(events, "rating", user=pl.col("user"), item=pl.col("item")),
        items=as_items(with_titles(events, named)),
        malformed=pl.concat([lists.malformed, named.malformed]),
        files=(raw / users, raw / titles),
    )


def read_catalogue(
    raw: Path,
    users: str = "users.tsv",
    titles: str = "items.tsv",
    separator: str = "\t",
    max_malformed: float = 0.01,
) -> Catalogue:
    """Read the items that have a title, for a network that learns to read; without pictures and attributes.

    Args:
        users: not read.
        Others: as `read`.
    """
    named = checked(raw / titles, ("item", "title"), max_malformed, separator)
    items = named.rows.select(
        pl.col("item").alias("name"),
        UNESCAPED.str.strip_chars(),
        kind=pl.lit(KIND),
        part=pl.lit(None, pl.String),
    )
    return Catalogue(items.collect(), pictures=None, malformed=named.malformed)


def checked(
    path: Path, columns: tuple[str, str], max_malformed: float, separator: str = "\t"
) -> Checked:
    """Read a file of two columns, the first of which names each line once."""
    if path.exists() and not path.stat().st_size and "title" in columns:
        return Checked(pl.LazyFrame(schema=TITLES), pl.DataFrame(schema=MALFORMED), 0)
    problems = {f"has no {column}": missing(column) for column in columns}
    problems[f"has the {columns[0]} of an earlier line"] = ~pl.col(columns[0]).is_first_distinct()
    rows = read_fields(path, columns, separator, texts=("title",))
    return separate(rows, path, problems, max_malformed, width=len(columns))


def unrolled(lists: Checked) -> pl.LazyFrame:
    """Turn the lines of users into one row per event."""
    listed = lists.rows.with_columns(pl.col("items").str.strip_chars().str.split(" "))
    return unroll(listed, "items", "user")


def with_titles(events: pl.LazyFrame, named: Checked) -> pl.DataFrame:
    """List the items that occur with their titles, null where there is none."""
    seen = events.select("item").unique().collect()
    return seen.join(named.rows.collect().select("item", UNESCAPED), on="item", how="left")
