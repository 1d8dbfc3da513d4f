"""Amazon Industrial and Scientific: sequences with titles, brands where they are known.

Sequences and titles: Fu et al. IISAN. SIGIR 2024. Brands and descriptions: MiniOneRec, 2025,
joined by title since the two number their items differently.
"""

from __future__ import annotations

import ast
import html
from pathlib import Path
from typing import Any

import polars as pl

from recloop.data.entries import lacks_text, part, read_json
from recloop.data.readers.item_sequences import checked, unrolled, with_titles
from recloop.data.tables import Reading, as_interactions, as_items

USERS = "am_Industrial_and_Scientific_users.tsv"
ITEMS = "Industrial_and_Scientific_items.tsv"
TEXTS = "Industrial_and_Scientific.item.json"


def read(raw: Path, max_malformed: float = 0.01) -> Reading:
    """Read reviews in the order in which each user wrote them; there are no times."""
    users = checked(raw / USERS, ("user", "items"), max_malformed)
    titles = checked(raw / ITEMS, ("item", "title"), max_malformed)
    texts, texts_aside = part(
        read_json(raw / TEXTS, dict).values(), raw / TEXTS, _fault_of_text, max_malformed
    )
    events = unrolled(users)
    return Reading(
        interactions=as_interactions(events, "rating", user=pl.col("user"), item=pl.col("item")),
        items=_items(with_titles(events, titles), texts),
        malformed=pl.concat([users.malformed, titles.malformed, texts_aside]),
        files=(raw / USERS, raw / ITEMS, raw / TEXTS),
    )


def _fault_of_text(entry: Any) -> str | None:
    """Describe what an entry lacks, None if nothing; brand and description may be empty."""
    if (fault := lacks_text(entry, "title")) is not None:
        return fault
    texts = all(isinstance(entry.get(key), str) for key in ("brand", "description"))
    return None if texts else "has no brand or no description"


def _items(named: pl.DataFrame, texts: list[dict[str, str]]) -> pl.DataFrame:
    described = pl.DataFrame(
        [
            {
                "key": _key(entry["title"]),
                "brand": entry["brand"].strip() or None,
                "description": _joined(entry["description"]),
            }
            for entry in texts
        ],
        schema={"key": pl.String, "brand": pl.String, "description": pl.String},
    ).unique("key", keep="none")  # one title for two products says nothing about either
    key = pl.col("title").map_elements(_key, return_dtype=pl.String)
    items = named.with_columns(key=key)
    return as_items(items.join(described, on="key", how="left"))


def _key(title: str) -> str:
    return html.unescape(title).strip().lower()


def _joined(description: str) -> str | None:
    """Join the paragraphs, which are published as the text of a Python list."""
    try:
        paragraphs = ast.literal_eval(description)
    except (ValueError, SyntaxError):
        paragraphs = [description]
    text = " ".join(paragraphs) if isinstance(paragraphs, list) else str(paragraphs)
    return html.unescape(text).strip() or None
