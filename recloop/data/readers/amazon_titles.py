"""Reviews of a shop's customers in order, with the titles of the items, as IISAN's release has them.

Fu et al. IISAN. SIGIR 2024.
"""

from __future__ import annotations

import html
from pathlib import Path

import polars as pl

from recloop.data.quarantine import Checked, missing, read_fields, separate
from recloop.data.tables import Reading, as_interactions, as_items, unroll


def read(raw: Path, users: str, items: str, max_malformed: float = 0.01) -> Reading:
    """Read reviews in the order in which each user wrote them; there are no times.

    Args:
        raw: folder of the files.
        users: file with a user and items in each line.
        items: file with an item and its title in each line.
        max_malformed: largest tolerated share of malformed lines.
    """
    sequences = checked(raw / users, ("user", "items"), max_malformed)
    titles = checked(raw / items, ("item", "title"), max_malformed)
    events = unrolled(sequences)
    return Reading(
        interactions=as_interactions(events, "rating", user=pl.col("user"), item=pl.col("item")),
        items=as_items(titled(events, titles)),
        malformed=pl.concat([sequences.malformed, titles.malformed]),
        files=(raw / users, raw / items),
    )


def checked(path: Path, columns: tuple[str, str], max_malformed: float) -> Checked:
    """Read a file of two columns, the first of which names every line once."""
    problems = {f"has no {column}": missing(column) for column in columns}
    problems[f"has the {columns[0]} of an earlier line"] = ~pl.col(columns[0]).is_first_distinct()
    rows = read_fields(path, columns, "\t", texts=("title",))
    return separate(rows, path, problems, max_malformed, width=len(columns))


def unrolled(sequences: Checked) -> pl.LazyFrame:
    """Turn a line of items per user into a row per review."""
    listed = sequences.rows.with_columns(pl.col("items").str.strip_chars().str.split(" "))
    return unroll(listed, "items", "user")


def titled(events: pl.LazyFrame, titles: Checked) -> pl.DataFrame:
    """Give the items of the events their titles, without the entities of HTML and blanks around them."""
    seen = events.select("item").unique().collect()
    title = pl.col("title").map_elements(html.unescape, return_dtype=pl.String).str.strip_chars()
    return seen.join(titles.rows.collect().select("item", title), on="item", how="left")
