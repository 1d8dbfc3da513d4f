"""Shoes with relative captions written by people.

Pictures: Berg, Berg, Shih. Automatic Attribute Discovery and Characterization from Noisy Web Data. ECCV 2010.
Captions and split: Guo et al. Dialog-based Interactive Image Retrieval. NeurIPS 2018.
"""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from recloop.data.catalogues import CAPTIONS, ITEMS, Catalogue
from recloop.data.companions import read_text
from recloop.data.entries import lacks_text, part, read_json
from recloop.data.pictures import read_pictures

PARTS = {"train": "train_im_names.txt", "test": "eval_im_names.txt"}
RELATIVE, SINGLE = "relative_captions_shoes.json", "captions_shoes.json"
NAME = re.compile(r"^img_womens_([a-z_]+)_\d+\.jpg$")


def read_catalogue(raw: Path, max_malformed: float = 0.01) -> Catalogue:
    """Read names, split and captions; a caption for one picture alone becomes its title.

    Args:
        raw: folder of the text files and of the pictures or their archive.
        max_malformed: largest tolerated share of malformed names and captions.
    """
    parts, malformed = _parts(raw, max_malformed)
    single, titles_aside = part(
        read_json(raw / SINGLE),
        raw / SINGLE,
        lambda entry: lacks_text(entry, "ImageName", "Caption"),
        max_malformed,
    )
    titles = {_stem(entry["ImageName"]): entry["Caption"].strip() for entry in single}
    captions, captions_aside = _captions(raw / RELATIVE, parts, max_malformed)
    kinds = {name: _kind(name) for name in parts}
    items = [
        {"name": name, "title": titles.get(name, kinds[name]), "kind": kinds[name], "part": where}
        for name, where in sorted(parts.items())
    ]
    frame = pl.DataFrame(items, schema=ITEMS)
    return Catalogue(
        items=frame,
        pictures=read_pictures(raw),
        attributes=frame.select(
            "name", attribute=pl.lit("kind"), value=pl.col("kind").str.to_lowercase()
        ),
        captions=captions,
        malformed=pl.concat([malformed, titles_aside, captions_aside]),
    )


def picture_names(raw: Path) -> list[str]:
    """List the pictures that the catalogue needs."""
    return sorted(_parts(raw, 1.0)[0])


def _parts(raw: Path, max_malformed: float) -> tuple[dict[str, str], pl.DataFrame]:
    """Look up the part of each picture; a name in both lists belongs to the test."""
    parts, aside = {}, []
    for where, file in PARTS.items():
        lines = read_text(raw / file).split("\n")
        names, malformed = part(
            [line.strip() for line in lines if line.strip()],
            raw / file,
            lambda line: None if NAME.match(line) else "is no name of a picture of shoes",
            max_malformed,
        )
        parts |= dict.fromkeys(map(_stem, names), where)
        aside.append(malformed)
    return parts, pl.concat(aside)


def _captions(
    path: Path, parts: dict[str, str], max_malformed: float
) -> tuple[pl.DataFrame, pl.DataFrame]:
    def fault_of(entry: object) -> str | None:
        fault = lacks_text(entry, "ImageName", "ReferenceImageName", "RelativeCaption")
        if fault is not None:
            return fault
        names = (entry["ImageName"], entry["ReferenceImageName"])
        return None if all(_stem(name) in parts for name in names) else "names an unknown picture"

    entries, aside = part(read_json(path), path, fault_of, max_malformed)
    rows = [
        {
            "target": _stem(entry["ImageName"]),
            "reference": _stem(entry["ReferenceImageName"]),
            "caption": entry["RelativeCaption"].strip(),
            "part": parts[_stem(entry["ImageName"])],
        }
        for entry in entries
    ]
    return pl.DataFrame(rows, schema=CAPTIONS), aside


def _stem(name: str) -> str:
    return name.removesuffix(".jpg")


def _kind(name: str) -> str:
    return NAME.match(f"{name}.jpg").group(1).replace("_", " ").capitalize()
