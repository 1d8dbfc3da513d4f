"""A cobbler's shop: shoes with six attributes that can be seen, and colours, patterns and soles that nobody asks for.

The attributes are those that UT-Zappos50K is asked about (category, subcategory, heel height, closure, gender, toe
style). Shoes are drawn as the boutique draws them; boots end at the ankle or below the knee, and men's shoes have a
welt, a light or dark seam above the sole. Written as `styles.csv` beside an archive of pictures, as the boutique is.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from recloop.data.worlds.boutique_canvas import Canvas, contrast, edge_of
from recloop.data.worlds.boutique_shoes import HEELS, draw_shoe, under
from recloop.data.worlds.boutique_words import BRANDS, COLOURS, PUMPS, Choice

SIZES = {
    "items": 1000,
    "named": 1,  # 0: titles and columns, hence attributes, are those of other shoes
}
FIRST_ID = 1000
GENDERS = ("women", "men")
WELT = 8.5  # how far above the underside the seam of men's shoes runs
ANKLE = 34.0  # height at which an ankle boot ends
UPPERS: Choice = {"pattern": PUMPS["pattern"], "sole": PUMPS["sole"]}
# Subcategory, then what may be chosen for it; `drawn` is what the boutique calls it.
SHOES: dict[str, Choice] = {
    "Heels": {
        "category": ("Shoes",),
        "drawn": ("heels",),
        "heel": ("low", "high"),
        "closure": ("slip on", "buckle"),
        "toe": PUMPS["toe"],
    },
    "Flats": {
        "category": ("Shoes",),
        "drawn": ("flats",),
        "heel": ("flat",),
        "closure": ("slip on", "buckle"),
        "toe": PUMPS["toe"],
    },
    "Sneakers": {
        "category": ("Shoes",),
        "drawn": ("sneakers",),
        "heel": ("flat",),
        "closure": ("slip on", "laces", "velcro"),
        "toe": ("round",),
    },
    "Ankle boots": {
        "category": ("Boots",),
        "drawn": ("boots",),
        "heel": ("flat", "low", "high"),
        "closure": ("slip on", "laces", "zip"),
        "toe": PUMPS["toe"],
    },
    "Tall boots": {
        "category": ("Boots",),
        "drawn": ("boots",),
        "heel": ("flat", "low", "high"),
        "closure": ("slip on", "laces", "zip"),
        "toe": PUMPS["toe"],
    },
    "Strappy sandals": {
        "category": ("Sandals",),
        "drawn": ("sandals",),
        "heel": ("flat", "low", "high"),
        "closure": ("slip on", "buckle"),
        "toe": ("open",),
    },
}


@dataclass(frozen=True)
class Shoe:
    """One pair for sale.

    Attributes:
        type: its subcategory.
        seen: everything about it that can be seen.
        brand: of the title; cannot be seen.
    """

    type: str
    seen: dict[str, str]
    brand: str

    def title(self) -> str:
        """Compose a title that names what its columns do not."""
        said = "{colour} {heel} heel {toe} toe {closure} closure".format_map(self.seen)
        return f"{self.brand} {said} {self.type.lower()}"


def generate(output: Path, writes: str, seed: int, sizes: Mapping[str, int | float]) -> list[Path]:
    """Write styles, pictures and the truth.

    Args:
        output: folder of the files.
        writes: must be `styles`.
        seed: the same seed gives the same bytes.
        sizes: see `SIZES`.
    """
    if unknown := sizes.keys() - SIZES.keys():
        raise ValueError(f"cobbler has no size {sorted(unknown)}. Known: {', '.join(SIZES)}.")
    if writes != "styles":
        raise ValueError(f"cobbler cannot write {writes!r}. Known: styles.")
    sizes = {**SIZES, **sizes}
    random = np.random.Generator(np.random.PCG64(seed))
    shoes = [make(random) for _ in range(int(sizes["items"]))]
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(shoes))
    told = shoes if sizes["named"] else [shoes[place] for place in order]
    output.mkdir(parents=True, exist_ok=True)
    return [
        _write_styles(output / "styles.csv", told),
        _write_pictures(output / "images_0.tar", shoes, random),
        _write_truth(output / "truth.json", shoes),
    ]


def make(random: np.random.Generator) -> Shoe:
    """Choose a subcategory and everything else, all alike likely."""

    def one(values: tuple[str, ...]) -> str:
        return values[int(random.integers(len(values)))]

    kind = one(tuple(SHOES))
    seen = {name: one(values) for name, values in (SHOES[kind] | UPPERS).items()}
    seen |= {"gender": one(GENDERS), "colour": one(tuple(COLOURS))}
    return Shoe(kind, seen, one(BRANDS))


def draw(shoe: Shoe, random: np.random.Generator) -> bytes:
    """Draw a shoe as a PNG picture."""
    seen = shoe.seen | {"kind": shoe.seen["drawn"], "fastening": shoe.seen["closure"]}
    canvas = Canvas(random, COLOURS[seen["colour"]])
    draw_shoe(canvas, seen)
    if shoe.type == "Ankle boots":
        canvas.cut_out([(40, 0), (100, 0), (100, ANKLE), (40, ANKLE)])
        canvas.line([(53, ANKLE), (87, ANKLE)], edge_of(canvas.colour), 1.3)
    if seen["gender"] == "men":
        _welt(canvas, seen["heel"])
    encoded = io.BytesIO()
    canvas.finished().save(encoded, "PNG")
    return encoded.getvalue()


def _welt(canvas: Canvas, heel: str) -> None:
    """Sew a seam along the sole."""
    seam = [(float(x), under(x, HEELS[heel]) - WELT) for x in range(14, 88, 6)]
    canvas.line(seam, contrast(canvas.colour), 2.6)


def _write_styles(path: Path, shoes: list[Shoe]) -> Path:
    rows = [
        {
            "id": FIRST_ID + item,
            "gender": shoe.seen["gender"].title(),
            "masterCategory": "Footwear",
            "subCategory": shoe.seen["category"],
            "articleType": shoe.type,
            "baseColour": shoe.seen["colour"].title(),
            "season": "Summer",
            "year": "2026",
            "usage": "Casual",
            "productDisplayName": shoe.title(),
        }
        for item, shoe in enumerate(shoes)
    ]
    pl.DataFrame(rows).write_csv(path)
    return path


def _write_pictures(path: Path, shoes: list[Shoe], random: np.random.Generator) -> Path:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as box:
        for item, shoe in enumerate(shoes):
            encoded = draw(shoe, random)
            entry = tarfile.TarInfo(f"{FIRST_ID + item}.png")
            entry.size = len(encoded)
            box.addfile(entry, io.BytesIO(encoded))
    return path


def _write_truth(path: Path, shoes: list[Shoe]) -> Path:
    items = [{"id": str(FIRST_ID + n), "type": one.type, **one.seen} for n, one in enumerate(shoes)]
    path.write_text(json.dumps({"items": items}, indent=1) + "\n")
    return path
