"""FashionIQ: dresses, shirts, tops and T-shirts with relative captions written by people.

Wu et al. Fashion IQ: A New Dataset Towards Retrieving Images by Natural Language Feedback. CVPR 2021.
The lists of pictures that are still to be had, and what serves as test, are those released with GOMMIR.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import polars as pl

from recloop.data.catalogues import ATTRIBUTES, CAPTIONS, ITEMS, Catalogue
from recloop.data.entries import lacks_text, part, read_json
from recloop.data.pictures import read_pictures

CATEGORIES = {"dress": "Dresses", "shirt": "Shirts", "toptee": "Tops and T-shirts"}
# The captions of the real test are not public, so that the papers test on the validation part.
PARTS = {"train": "train", "val": "test"}
# Released as six unnamed lists per item; the names are ours.
GROUPS = ("kind", "pattern", "material", "shape", "detail", "style")
NAME = re.compile(r"^[A-Za-z0-9]{10}\.jpg$")


def read_catalogue(raw: Path, category: str, max_malformed: float = 0.01) -> Catalogue:
    """Read one category.

    Empty captions and those of pairs of which a picture is not listed are left out, as GOMMIR does.

    Args:
        raw: folder of the text files and of the pictures.
        category: dress, shirt or toptee.
        max_malformed: largest tolerated share of malformed entries of a file.
    """
    parts, names_aside = _parts(raw, category, max_malformed)
    tags, tags_aside = _tags(raw, category, parts, max_malformed)
    captions, captions_aside = _captions(raw, category, parts, max_malformed)
    items = [
        {
            "name": name,
            "title": _title(tags.get(name, {})),
            "kind": CATEGORIES[category],
            "part": where,
        }
        for name, where in sorted(parts.items())
    ]
    attributes = [
        {"name": name, "attribute": attribute, "value": value}
        for name in sorted(tags)
        for attribute, values in tags[name].items()
        for value in values
    ]
    return Catalogue(
        items=pl.DataFrame(items, schema=ITEMS),
        pictures=read_pictures(raw),
        attributes=pl.DataFrame(attributes, schema=ATTRIBUTES),
        captions=captions,
        malformed=pl.concat([names_aside, captions_aside, tags_aside]),
    )


def picture_names(raw: Path, category: str) -> list[str]:
    """List the pictures that the catalogue needs."""
    return sorted(_parts(raw, category, 1.0)[0])


def _parts(raw: Path, category: str, max_malformed: float) -> tuple[dict[str, str], pl.DataFrame]:
    """Look up the part of each picture; a name in both lists belongs to the test."""
    parts, aside = {}, []
    for released, where in PARTS.items():
        path = raw / f"split.{category}.{released}.filter.json"
        names, malformed = part(read_json(path), path, _fault_of_name, max_malformed)
        parts |= dict.fromkeys((name.removesuffix(".jpg") for name in names), where)
        aside.append(malformed)
    return parts, pl.concat(aside)


def _fault_of_name(name: Any) -> str | None:
    return None if isinstance(name, str) and NAME.match(name) else "is no name of a picture"


def _captions(
    raw: Path, category: str, parts: dict[str, str], max_malformed: float
) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows, aside = [], []
    for released in PARTS:
        path = raw / f"cap.{category}.{released}.json"
        entries, malformed = part(read_json(path), path, _fault_of_caption, max_malformed)
        aside.append(malformed)
        rows += [
            {
                "target": entry["target"],
                "reference": entry["candidate"],
                "caption": " ".join(caption.split()),
                "part": PARTS[released],
            }
            for entry in entries
            for caption in entry["captions"]
            if caption.strip()
        ]
    known = pl.col("target").is_in(list(parts)) & pl.col("reference").is_in(list(parts))
    return pl.DataFrame(rows, schema=CAPTIONS).filter(known), pl.concat(aside)


def _fault_of_caption(entry: Any) -> str | None:
    fault = lacks_text(entry, "target", "candidate")
    if fault is not None:
        return fault
    captions = entry.get("captions")
    are_texts = isinstance(captions, list) and all(isinstance(one, str) for one in captions)
    return None if are_texts and captions else "has no captions"


def _tags(
    raw: Path, category: str, parts: dict[str, str], max_malformed: float
) -> tuple[dict[str, dict[str, list[str]]], pl.DataFrame]:
    """Read the tags of the listed items that have any, under the names of their groups."""
    found, aside = {}, []
    for released in PARTS:
        path = raw / f"asin2attr.{category}.{released}.json"
        entries, malformed = part(
            read_json(path, dict).items(), path, _fault_of_tags, max_malformed
        )
        aside.append(malformed)
        for name, groups in entries:
            if name in parts:
                found[name] = {
                    attribute: sorted({str(value).lower() for value in values})
                    for attribute, values in zip(GROUPS, groups, strict=False)
                }
    return found, pl.concat(aside)


def _fault_of_tags(entry: tuple[str, Any]) -> str | None:
    groups = entry[1]
    lists = isinstance(groups, list) and all(isinstance(values, list) for values in groups)
    return None if lists else "has no lists of tags"


def _title(tags: dict[str, list[str]]) -> str:
    """Put pattern, material and shape before the kind, as a shop would."""
    order = ("pattern", "material", "shape", "detail", "kind")
    return " ".join(value for group in order for value in tags.get(group, ()))
