"""UT-Zappos50K: shoes with what the shop says of them.

Yu, Grauman. Fine-Grained Visual Comparisons with Local Learning. CVPR 2014.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recloop.data.catalogues import Catalogue
from recloop.data.pictures import read_pictures
from recloop.data.quarantine import missing, read_fields, separate

COLUMNS = (
    "CID",
    "Category",
    "SubCategory",
    "HeelHeight",
    "Insole",
    "Closure",
    "Gender",
    "Material",
    "ToeStyle",
)
ATTRIBUTES = {
    "category": "Category",
    "subcategory": "SubCategory",
    "heel": "HeelHeight",
    "closure": "Closure",
    "gender": "Gender",
    "toe": "ToeStyle",
}
SEVERAL = ";"  # between several values; the first one is taken


def read_catalogue(raw: Path, max_malformed: float = 0.01) -> Catalogue:
    """Read six attributes of every shoe; a picture is named as its shoe, with a dot for the dash.

    Args:
        raw: folder of `meta-data.csv` and of the pictures.
        max_malformed: largest tolerated share of malformed lines.
    """
    path = raw / "meta-data.csv"
    problems = {
        "has no number-number as CID": ~pl.col("CID").str.contains(r"^\d{1,12}-\d{1,12}$"),
        "has the CID of an earlier line": ~pl.col("CID").is_first_distinct(),
        "has no category": missing("Category"),
        "has no subcategory": missing("SubCategory"),
    }
    rows = read_fields(path, COLUMNS, ",", header=True)
    checked = separate(rows, path, problems, max_malformed, width=len(COLUMNS))
    name = pl.col("CID").str.replace("-", ".", literal=True)
    shoes = checked.rows.with_columns(name=name).collect().sort("name")
    stated = [
        shoes.select(
            "name",
            attribute=pl.lit(attribute),
            value=pl.col(column)
            .str.split(SEVERAL)
            .list.first()
            .str.strip_chars()
            .str.to_lowercase(),
        )
        for attribute, column in ATTRIBUTES.items()
    ]
    title = pl.concat_str(["SubCategory", "Category"], separator=", ")
    return Catalogue(
        items=shoes.select("name", title=title, kind="Category", part=pl.lit(None, pl.String)),
        pictures=read_pictures(raw),
        attributes=pl.concat(stated).filter(pl.col("value").str.len_chars() > 0),
        malformed=checked.malformed,
    )


def picture_names(raw: Path) -> list[str]:
    """List the pictures that the catalogue needs."""
    return read_catalogue(raw, 1.0).items["name"].to_list()
