"""The boutique: the same bytes for a seed, all that a title tells, and attributes that can be seen in the picture."""

from __future__ import annotations

import hashlib
import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from recloop.data.catalogues import build_catalogue
from recloop.data.pictures import Pictures, decode
from recloop.data.sources import fetch, load_source
from recloop.data.worlds import boutique
from recloop.data.worlds.boutique_words import COLOURS, TYPES, Product, draw_product

SOURCES = Path(__file__).parents[2] / "sources"
STUDIES = SOURCES.parent / "studies"
KINDS = tuple(TYPES)
SHIRT = {
    "kind": "shirts",
    "colour": "red",
    "pattern": "solid",
    "sleeve": "long",
    "collar": "band",
    "fit": "slim",
    "pocket": "no",
}
SHOE = {
    "kind": "boots",
    "colour": "red",
    "pattern": "solid",
    "toe": "round",
    "sole": "black",
    "heel": "high",
    "fastening": "zip",
}


def drawn(product: Product, seed: int = 1) -> np.ndarray:
    picture = decode(boutique.draw(product, np.random.default_rng(seed)))
    return np.asarray(picture, float)


def hashes(folder: Path) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())]


def test_a_seed_gives_the_same_bytes(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        boutique.generate(tmp_path / name, "styles", seed, {"items": 12}, KINDS)
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b")
    assert not set(hashes(tmp_path / "a")) & set(hashes(tmp_path / "c"))


def test_wrong_wishes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="has no size"):
        boutique.generate(tmp_path, "styles", 1, {"users": 3})
    with pytest.raises(ValueError, match="cannot write"):
        boutique.generate(tmp_path, "lfm1b", 1, {})
    with pytest.raises(ValueError, match="sells no"):
        boutique.generate(tmp_path, "styles", 1, {}, ["hats"])


@pytest.mark.parametrize("kind", [*KINDS, "wardrobe"])
def test_the_reader_finds_all_that_is_true(tmp_path, kind):
    source = load_source(SOURCES / f"boutique_{kind}.yaml")
    fetch({**source, "sizes": {"items": 60}}, tmp_path / "raw")
    build_catalogue(source, tmp_path / "raw", tmp_path / "out")
    items = pl.read_parquet(tmp_path / "out" / "items.parquet")
    logged = pl.read_parquet(tmp_path / "out" / "attributes.parquet")
    found = logged.join(items.select("item", "name"), on="item").select(
        "name", "attribute", "value"
    )
    truth = json.loads((tmp_path / "raw" / "truth.json").read_text())["items"]
    expected = {
        (one["id"], name, value)
        for one in truth
        for name, value in one.items()
        if name != "id" and value != "no"  # no belt, no pocket: nothing to tell
    }
    assert set(found.rows()) == expected
    assert len(Pictures.open(tmp_path / "out")) == 60


def test_no_two_products_have_the_same_attributes_until_a_kind_is_sold_out():
    random = np.random.default_rng(5)
    products = boutique.assortment(("shirts",), 700, random)
    assert len({frozenset(one.attributes.items()) for one in products}) == 700
    choices = TYPES["shirts"]["Shirts"].values()
    there = len(COLOURS) * math.prod(len(set(values)) for values in choices)
    sold_out = boutique.assortment(("shirts",), there + 40, random)
    assert len({frozenset(one.attributes.items()) for one in sold_out}) > 0.99 * there


@pytest.mark.parametrize("study", ["pmmir", "gommir"])
def test_no_two_items_of_a_study_have_the_same_attributes(study):
    tiers = yaml.safe_load((STUDIES / study / "tiers.yaml").read_text())
    shops = [entry for tier in tiers.values() for entry in tier["datasets"].values()]
    shops = [entry for entry in shops if entry.get("source", "").startswith("boutique")]
    assert len(shops) >= 6
    for entry in shops:
        source = load_source(SOURCES / f"{entry['source']}.yaml")
        items = (source["sizes"] | entry["sizes"])["items"]
        random = np.random.Generator(np.random.PCG64(source["seed"]))
        sold = boutique.assortment(source["kinds"], items, random)
        assert len({frozenset(one.attributes.items()) for one in sold}) == items


@pytest.mark.parametrize("kind", KINDS)
def test_equal_attributes_do_not_make_equal_pictures(kind):
    product = draw_product(kind, np.random.default_rng(3))
    first, second = drawn(product, 1), drawn(product, 2)
    assert first.shape == (64, 64, 3)
    assert 1 < np.abs(first - second).mean() < 60


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(("kind", "base"), [("shirts", SHIRT), ("shoes", SHOE)])
def test_the_nearest_colour_is_the_named_one(kind, base, colour):
    picture = drawn(Product(kind, "", {**base, "colour": colour}, "Acme"), seed=4)
    middle = picture[30:44, 23:29] if kind == "shirts" else picture[36:44, 34:40]
    seen = np.median(middle.reshape(-1, 3), axis=0)
    assert min(COLOURS, key=lambda name: np.abs(seen - COLOURS[name]).sum()) == colour


@pytest.mark.parametrize(
    ("kind", "base", "attribute", "values"),
    [
        ("shirts", SHIRT, "sleeve", ("short", "long")),
        ("shirts", SHIRT, "pattern", ("solid", "striped", "checked", "dotted")),
        ("shirts", SHIRT, "collar", ("pointed", "band")),
        ("shirts", SHIRT, "fit", ("slim", "loose")),
        ("shirts", SHIRT, "pocket", ("no", "yes")),
        ("shoes", SHOE, "heel", ("flat", "low", "high")),
        ("shoes", SHOE, "toe", ("round", "pointed")),
        ("shoes", SHOE, "sole", ("white", "black", "brown")),
        ("shoes", SHOE, "fastening", ("slip on", "laces", "zip")),
    ],
)
def test_every_value_can_be_seen(kind, base, attribute, values):
    """With pose and shade equal, some region of more than a few pixels differs clearly."""
    pictures = [drawn(Product(kind, "", {**base, attribute: value}, "Acme")) for value in values]
    for first, second in pairwise(pictures):
        assert (np.abs(first - second).max(axis=2) > 40).sum() >= 12
