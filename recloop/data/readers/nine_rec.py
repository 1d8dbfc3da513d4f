"""NineRec: what each user watched in order, beside titles in Chinese and in English.

Zhang, Cheng, Ni, Pan, Yuan, Fu, Li, Wang, Yuan. NineRec: A Benchmark Dataset Suite for Evaluating Transferable
Recommendation. TPAMI 2024. A line of the first file is a user and the items in the order of time, of the second an item
and its two titles, quoted where they have commas. Covers are files named by item.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from recloop.data.quarantine import MALFORMED, MalformedError
from recloop.data.readers.item_sequences import checked, unrolled
from recloop.data.tables import Reading, as_interactions, as_items

LANGUAGES = {"chinese": 1, "english": 2}  # column of a title


def read(
    raw: Path,
    users: str,
    titles: str | None = None,
    language: str = "chinese",
    max_malformed: float = 0.01,
) -> Reading:
    """Read sequences, and titles in one of both languages; there are no times.

    Args:
        raw: folder of the files.
        users: file of the sequences.
        titles: file of the titles; None where only covers are to be seen.
        language: of the titles.
        max_malformed: largest tolerated share of malformed lines.

    Raises:
        MalformedError: another language, or too many lines that are none.
    """
    if language not in LANGUAGES:
        raise MalformedError(f"language={language!r}: expected one of {', '.join(LANGUAGES)}")
    lists = checked(raw / users, ("user", "items"), max_malformed)
    events = unrolled(lists)
    named, aside = {}, []
    for line, row in rows(raw / titles) if titles else ():
        if len(row) > max(LANGUAGES.values()) and row[0].strip() and row[0].strip() not in named:
            named[row[0].strip()] = row[LANGUAGES[language]]
        else:
            aside.append((titles, line, ",".join(row), "is no item with two titles, or known"))
    if len(aside) > max_malformed * (len(named) + len(aside)):
        raise MalformedError(
            f"{raw / titles}: {len(aside)} of {len(named) + len(aside)} lines are no item with two titles, the first "
            f"is line {aside[0][1]}. Is it the file of another data set?"
        )
    seen = events.select("item").unique().collect()
    known = pl.DataFrame({"item": [*named], "title": [*named.values()]}, schema=NAMED)
    return Reading(
        interactions=as_interactions(events, "view", user=pl.col("user"), item=pl.col("item")),
        items=as_items(seen.join(known, on="item", how="left")),
        malformed=pl.concat([lists.malformed, pl.DataFrame(aside, schema=MALFORMED, orient="row")]),
        files=(raw / users, *([raw / titles] if titles else [])),
    )


NAMED = {"item": pl.String, "title": pl.String}


def rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Read the fields of each line with its number."""
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        lines = csv.reader(file)
        yield from ((lines.line_num, row) for row in lines)
