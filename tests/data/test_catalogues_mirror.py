"""Catalogues from the real files, where RECLOOP_MIRROR names a folder that holds them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import polars as pl
import pytest

from recloop.data.catalogues import build_catalogue
from recloop.data.pictures import Pictures
from recloop.data.readers import berg_shoes, fashion_iq
from recloop.data.sources import fetch, load_source

SOURCES = Path(__file__).parents[2] / "sources"
MIRROR = os.environ.get("RECLOOP_MIRROR")
pytestmark = pytest.mark.skipif(not MIRROR, reason="RECLOOP_MIRROR names no folder")

# Items of train and test as printed in GOMMIR, Table 1; captions of listed pairs as counted by hand,
# two a pair without the empty ones.
RELEASED = {
    "berg_shoes": (10_000, 4_658, 10_751),
    "fashion_iq_dresses": (7_182, 2_454, 2 * (5_478 + 1_869)),
    "fashion_iq_shirts": (8_555, 2_966, 2 * (5_663 + 1_948) - 1),
    "fashion_iq_tops_tees": (8_387, 2_808, 2 * (5_782 + 1_877) - 12),
}
PHOTOGRAPHED = {"myntra_shoes": 5_528, "myntra_dresses": 1_770, "myntra_shirts": 1_914}


@pytest.mark.parametrize("name", RELEASED)
def test_released_texts_have_the_known_counts(name, tmp_path):
    source = load_source(SOURCES / f"{name}.yaml")
    fetch({**source, "pictures": {"mirror": "no/images"}}, tmp_path, Path(MIRROR))
    reader = {"berg_shoes": berg_shoes, "fashion_iq": fashion_iq}[source["reader"]]
    found = reader.read_catalogue(tmp_path, **source.get("reading", {}))
    train, test, captions = RELEASED[name]
    parts = dict(found.items["part"].value_counts().rows())
    assert parts == {"train": train, "test": test}
    assert found.captions.height == captions
    assert found.malformed.height == 0
    gone = json.loads((tmp_path / "pictures.json").read_text())["gone"]
    assert len(gone) == train + test


@pytest.mark.parametrize("name", PHOTOGRAPHED)
def test_photographs_become_catalogues(name, tmp_path):
    source = load_source(SOURCES / f"{name}.yaml")
    fetch(source, tmp_path / "raw", Path(MIRROR))
    build_catalogue(source, tmp_path / "raw", tmp_path / "out")
    record = json.loads((tmp_path / "out" / "catalogue.json").read_text())
    assert record["items"] == PHOTOGRAPHED[name]
    assert len(record["missing"]) <= 1
    assert record["quarantine"] == 0
    attributes = pl.read_parquet(tmp_path / "out" / "attributes.parquet")
    for attribute in ("colour", "kind", "gender", "usage"):
        items = attributes.filter(pl.col("attribute") == attribute)["item"].n_unique()
        assert items > 0.99 * record["items"]
    assert Pictures.open(tmp_path / "out").decoded(0).size == (60, 80)
