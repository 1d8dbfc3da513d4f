"""Product photographs beside a table of styles: `styles.csv` and `images_*.tar` of pictures named by id.

Aggarwal. Fashion Product Images (Small), products of myntra.com. Kaggle 2019. The boutique world writes the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from recloop.data.catalogues import ATTRIBUTES, Catalogue
from recloop.data.pictures import read_pictures
from recloop.data.quarantine import missing, read_fields, separate

COLUMNS = (
    "id",
    "gender",
    "masterCategory",
    "subCategory",
    "articleType",
    "baseColour",
    "season",
    "year",
    "usage",
    "productDisplayName",
)
TITLE, KIND = "productDisplayName", "articleType"
UNKNOWN = ("", "na", "nan", "none")

Words = Mapping[str, Sequence[str] | Mapping[str, Sequence[str]]]


def read_catalogue(
    raw: Path,
    where: Mapping[str, Sequence[str]],
    attributes: Mapping[str, str],
    words: Words | None = None,
    share: Sequence[float] = (0.0, 1.0),
    max_malformed: float = 0.01,
) -> Catalogue:
    """Read the styles that some columns select.

    Args:
        raw: folder of `styles.csv` and the archives.
        where: column to the values that are kept.
        attributes: name of an attribute to the column that holds it.
        words: attribute to values that stand in the title; a value may be told by several phrases.
        share: items are kept whose place between 0 and 1, drawn from a hash of the id, lies in [low, high).
        max_malformed: largest tolerated share of malformed lines.
    """
    path = raw / "styles.csv"
    problems = {
        "has no number as id": ~pl.col("id").str.contains(r"^\d{1,12}$"),
        "has the id of an earlier line": ~pl.col("id").is_first_distinct(),
        "has no kind": missing(KIND),
        "has no title": missing(TITLE),
    }
    rows = read_fields(path, COLUMNS, ",", header=True)
    checked = separate(rows, path, problems, max_malformed, width=len(COLUMNS))
    kept = checked.rows
    for column, values in where.items():
        kept = kept.filter(pl.col(column).is_in(list(values)))
    styles = _tidy(kept.collect(), share)
    return Catalogue(
        items=styles.select("name", title=TITLE, kind=KIND, part=pl.lit(None, pl.String)),
        pictures=read_pictures(raw),
        attributes=pl.concat([_from_columns(styles, attributes), _from_title(styles, words or {})]),
        malformed=checked.malformed,
    )


def place(name: str) -> float:
    """Draw a number in [0, 1) that depends on nothing but the name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / 2**64


def plain(text: str) -> str:
    """Keep the lower-case words of a title with one space around each, so that phrases can be found whole."""
    return f" {' '.join(re.findall(r'[a-z0-9]+', text.lower()))} "


def _tidy(styles: pl.DataFrame, share: Sequence[float]) -> pl.DataFrame:
    low, high = share
    title = pl.col(TITLE).str.strip_chars('"').str.replace_all('""', '"', literal=True)
    styles = styles.with_columns(title.str.strip_chars(), name=pl.col("id"))
    here = pl.Series([low <= place(name) < high for name in styles["name"]], dtype=pl.Boolean)
    return styles.filter(here).sort(pl.col("name").cast(pl.Int64))


def _from_columns(styles: pl.DataFrame, attributes: Mapping[str, str]) -> pl.DataFrame:
    columns = [
        styles.select(
            "name",
            attribute=pl.lit(attribute),
            value=pl.col(column).str.strip_chars().str.to_lowercase(),
        )
        for attribute, column in attributes.items()
    ]
    values = pl.concat(columns) if columns else pl.DataFrame(schema=ATTRIBUTES)
    return values.filter(pl.col("value").is_not_null() & ~pl.col("value").is_in(UNKNOWN))


def _from_title(styles: pl.DataFrame, words: Words) -> pl.DataFrame:
    titles = styles.select("name", text=pl.col(TITLE).map_elements(plain, pl.String))
    found = [pl.DataFrame(schema=ATTRIBUTES)]
    for attribute, values in words.items():
        phrases = values if isinstance(values, Mapping) else {value: [value] for value in values}
        for value, ways in phrases.items():
            mentioned = pl.any_horizontal(
                pl.col("text").str.contains(plain(way), literal=True) for way in ways
            )
            found.append(
                titles.filter(mentioned).select(
                    "name", attribute=pl.lit(attribute), value=pl.lit(value)
                )
            )
    return pl.concat(found)
