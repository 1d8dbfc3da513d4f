"""A boutique of drawn products: every attribute in the title can be seen in the picture.

Written as `styles.csv` beside an archive of pictures, the layout of the published product photographs.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recloop.data.worlds.boutique_canvas import Canvas
from recloop.data.worlds.boutique_garments import draw_dress, draw_shirt, draw_top
from recloop.data.worlds.boutique_shoes import draw_shoe
from recloop.data.worlds.boutique_words import CATEGORIES, COLOURS, TYPES, Product, draw_product

SIZES = {
    "items": 1000,
    "named": 1,  # 0: every title tells of another product, so that words say nothing about pictures
}
FIRST_ID = 1000
TRIES = 200  # draws after which a kind counts as sold out, and a product may be there twice
YEAR = "2026"
DRAWN = {"shoes": draw_shoe, "dresses": draw_dress, "shirts": draw_shirt, "tops_tees": draw_top}


def generate(
    output: Path,
    writes: str,
    seed: int,
    sizes: Mapping[str, int | float],
    kinds: Sequence[str] = tuple(TYPES),
) -> list[Path]:
    """Write styles, pictures and the truth; the kinds take turns.

    Args:
        output: folder of the files.
        writes: must be `styles`.
        seed: the same seed gives the same bytes.
        sizes: see `SIZES`.
        kinds: which of shoes, dresses, shirts and tops_tees are sold.
    """
    if unknown := sizes.keys() - SIZES.keys():
        raise ValueError(f"boutique has no size {sorted(unknown)}. Known: {', '.join(SIZES)}.")
    if writes != "styles":
        raise ValueError(f"boutique cannot write {writes!r}. Known: styles.")
    if unknown := set(kinds) - TYPES.keys():
        raise ValueError(f"boutique sells no {sorted(unknown)}. Known: {', '.join(TYPES)}.")
    sizes = {**SIZES, **sizes}
    items = int(sizes["items"])
    random = np.random.Generator(np.random.PCG64(seed))
    products = assortment(kinds, items, random)
    output.mkdir(parents=True, exist_ok=True)
    return [
        _write_styles(
            output / "styles.csv", products if sizes["named"] else shuffled(products, seed)
        ),
        write_pictures(output / "images_0.tar", products, random),
        _write_truth(output / "truth.json", products),
    ]


def assortment(kinds: Sequence[str], items: int, random: np.random.Generator) -> list[Product]:
    """Draw products, none of which has the attributes of another as long as there are others."""
    products, known = [], set()
    for item in range(items):
        for _ in range(TRIES):
            product = draw_product(kinds[item % len(kinds)], random)
            if (seen := frozenset(product.attributes.items())) not in known:
                break
        known.add(seen)
        products.append(product)
    return products


def shuffled(products: Sequence[Product], seed: int) -> list[Product]:
    """Permute the products, by a generator of its own so that the pictures stay as they are."""
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(products))
    return [products[place] for place in order]


def draw(product: Product, random: np.random.Generator) -> bytes:
    """Draw a product as a PNG picture."""
    canvas = Canvas(random, COLOURS[product.attributes["colour"]])
    DRAWN[product.kind](canvas, product.attributes)
    encoded = io.BytesIO()
    canvas.finished().save(encoded, "PNG")
    return encoded.getvalue()


def _write_styles(path: Path, products: Sequence[Product]) -> Path:
    rows = [
        {
            "id": FIRST_ID + item,
            "gender": "Women",
            "masterCategory": CATEGORIES[product.kind][0],
            "subCategory": CATEGORIES[product.kind][1],
            "articleType": product.type,
            "baseColour": product.attributes["colour"].title(),
            "season": "Summer",
            "year": YEAR,
            "usage": "Casual",
            "productDisplayName": product.title(),
        }
        for item, product in enumerate(products)
    ]
    pl.DataFrame(rows).write_csv(path)
    return path


def write_pictures(
    path: Path,
    products: Sequence[Product],
    random: np.random.Generator,
    first: int = FIRST_ID,
    pictured: NDArray[np.bool_] | None = None,
) -> Path:
    """Draw products into an archive, named by numbers from `first` on; all, or those that are `pictured`."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as box:
        for item, product in enumerate(products):
            if pictured is not None and not pictured[item]:
                continue
            encoded = draw(product, random)
            entry = tarfile.TarInfo(f"{first + item}.png")
            entry.size = len(encoded)
            box.addfile(entry, io.BytesIO(encoded))
    return path


def _write_truth(path: Path, products: Sequence[Product]) -> Path:
    items = [{"id": str(FIRST_ID + n), **one.attributes} for n, one in enumerate(products)]
    path.write_text(json.dumps({"items": items}, indent=1) + "\n")
    return path
