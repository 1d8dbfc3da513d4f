"""What the boutique sells: which attributes a kind of product has, and the title that tells them.

Every attribute can be seen in the picture, and every title names all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

COLOURS = {
    "black": (38, 38, 42),
    "white": (246, 246, 242),
    "grey": (146, 148, 152),
    "red": (208, 36, 40),
    "pink": (246, 150, 184),
    "orange": (242, 132, 30),
    "yellow": (248, 214, 50),
    "green": (44, 142, 70),
    "blue": (58, 126, 220),
    "navy blue": (28, 40, 98),
    "purple": (126, 62, 164),
    "brown": (120, 74, 42),
    "beige": (222, 200, 164),
}
BRANDS = ("Acme", "Bellweather", "Corvo", "Dapple", "Elmsley", "Fennimore", "Garland", "Hobbs Lane")

Values = tuple[str, ...]
Choice = Mapping[str, Values]

DRESSES: Choice = {
    "pattern": ("solid", "solid", "striped", "checked", "dotted", "floral"),
    "sleeve": ("sleeveless", "short", "long"),
    "neckline": ("round", "v", "square"),
    "length": ("mini", "knee", "maxi"),
    "shape": ("straight", "flared"),
    "belt": ("no", "no", "yes"),
}
SHIRTS: Choice = {
    "pattern": ("solid", "solid", "striped", "checked", "dotted"),
    "sleeve": ("short", "long"),
    "collar": ("pointed", "band"),
    "fit": ("slim", "loose"),
    "pocket": ("no", "yes"),
}
TOPS: Choice = {
    "pattern": ("solid", "striped", "dotted", "star print", "heart print"),
    "length": ("short", "long"),
    "fit": ("slim", "loose"),
}
TEES: Choice = {"sleeve": ("short", "long"), "neckline": ("round", "v", "polo"), **TOPS}
TANKS: Choice = {"sleeve": ("sleeveless",), "neckline": ("round", "v", "square"), **TOPS}
PUMPS: Choice = {
    "pattern": ("solid", "solid", "striped", "dotted"),
    "toe": ("round", "pointed"),
    "sole": ("white", "black", "brown"),
}
# Kind of product, then its types as the column articleType calls them: what may be chosen for each.
TYPES: dict[str, dict[str, Choice]] = {
    "shoes": {
        "Heels": {**PUMPS, "heel": ("low", "high"), "fastening": ("slip on", "buckle")},
        "Flats": {**PUMPS, "heel": ("flat",), "fastening": ("slip on", "buckle")},
        "Boots": {
            **PUMPS,
            "heel": ("flat", "low", "high"),
            "fastening": ("slip on", "laces", "zip"),
        },
        "Sneakers": {
            "pattern": PUMPS["pattern"],
            "toe": ("round",),
            "sole": PUMPS["sole"],
            "heel": ("flat",),
            "fastening": ("slip on", "laces", "velcro"),
        },
        "Sandals": {
            "pattern": ("solid",),
            "toe": ("open",),
            "sole": PUMPS["sole"],
            "heel": ("flat", "low", "high"),
            "fastening": ("slip on", "buckle"),
        },
    },
    "dresses": {"Dresses": DRESSES},
    "shirts": {"Shirts": SHIRTS},
    "tops_tees": {"Tshirts": TEES, "Tops": TANKS},
}
CATEGORIES = {
    "shoes": ("Footwear", "Shoes"),
    "dresses": ("Apparel", "Dress"),
    "shirts": ("Apparel", "Topwear"),
    "tops_tees": ("Apparel", "Topwear"),
}
NOUNS = {"Tshirts": "T-shirt", "Tops": "top", "Dresses": "dress", "Shirts": "shirt"}
PHRASES = {
    "pattern": "{}",
    "sleeve": "{} sleeve",
    "neckline": "{} neck",
    "collar": "{} collar",
    "heel": "{} heel",
    "toe": "{} toe",
    "sole": "{} sole",
    "length": "{} length",
    "shape": "{} cut",
    "fit": "{} fit",
    "fastening": "{}",
}
SPECIAL = {
    ("sleeve", "sleeveless"): "sleeveless",
    ("neckline", "polo"): "polo neck",
    ("belt", "yes"): "belted",
    ("belt", "no"): "",
    ("pocket", "yes"): "pocket",
    ("pocket", "no"): "",
}


@dataclass(frozen=True)
class Product:
    """One thing for sale.

    Args:
        kind: shoes, dresses, shirts or tops_tees.
        type: what articleType calls it.
        attributes: everything about it that can be seen.
        brand: of the title; cannot be seen.
    """

    kind: str
    type: str
    attributes: dict[str, str]
    brand: str

    def title(self) -> str:
        """Compose a title of the product and all that can be seen of it."""
        phrases = [
            SPECIAL.get((name, value), PHRASES.get(name, "").format(value))
            for name, value in self.attributes.items()
            if name not in ("kind", "colour")
        ]
        noun = NOUNS.get(self.type, self.type.lower())
        words = [self.brand, "women", self.attributes["colour"], *filter(None, phrases), noun]
        return " ".join(words)


def draw_product(kind: str, random: np.random.Generator) -> Product:
    """Choose a type of a kind and each of its attributes, all alike likely."""
    kind_of = TYPES[kind]
    type_ = _one(tuple(kind_of), random)
    chosen = {name: _one(values, random) for name, values in kind_of[type_].items()}
    attributes = {"kind": type_.lower(), "colour": _one(tuple(COLOURS), random), **chosen}
    return Product(kind, type_, attributes, _one(BRANDS, random))


def _one(values: Values, random: np.random.Generator) -> str:
    return values[int(random.integers(len(values)))]
