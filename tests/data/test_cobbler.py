"""The cobbler's shop and the reader of Zappos: what they write and read, and what is refused."""

import json

import polars as pl
import pytest

from recloop.data.attribute_codes import read_codes
from recloop.data.catalogues import build_catalogue
from recloop.data.quarantine import MalformedError
from recloop.data.readers import zappos
from recloop.data.sources import fetch, load_source
from recloop.data.worlds import cobbler
from recloop.language.wishes import ATTRIBUTES
from recloop.storage.fingerprint import ROOT

HEAD = ",".join(zappos.COLUMNS)
LINE = "100586-72,Shoes,Oxfords,1in - 1 3/4in,Leather,Lace up;Zipper,Men,Suede,Capped Toe;Round Toe"
BARE = "7965990-1,Boots,Ankle,,,,Women,,"


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    files = [cobbler.generate(tmp_path / name, "styles", 5, {"items": 12}) for name in ("a", "b")]
    for one, other in zip(*files, strict=True):
        assert one.read_bytes() == other.read_bytes()
    other = cobbler.generate(tmp_path / "c", "styles", 6, {"items": 12})
    assert other[0].read_bytes() != files[0][0].read_bytes()


def catalogue(tmp_path, **sizes):
    source = load_source(ROOT / "sources/cobbler_shoes.yaml")
    source |= {"sizes": source["sizes"] | {"items": 40} | sizes}
    fetch(source, tmp_path / "raw")
    build_catalogue(source, tmp_path / "raw", tmp_path / "catalogue")
    truth = json.loads((tmp_path / "raw/truth.json").read_text())["items"]
    return read_codes(tmp_path / "catalogue", ATTRIBUTES), truth


def told(codes, item):
    """What a catalogue says of an item."""
    row = codes.table[item].tolist()
    return {name: codes.values[n][row[n]] for n, name in enumerate(codes.names)}


def test_six_attributes_are_read_as_they_were_drawn(tmp_path):
    codes, truth = catalogue(tmp_path)
    for item, one in enumerate(truth):
        drawn = {name: one[name] for name in ("heel", "closure", "gender", "toe")}
        drawn |= {"category": one["category"].lower(), "subcategory": one["type"].lower()}
        assert told(codes, item) == drawn


def test_labels_can_be_dealt_to_other_shoes_and_pictures_stay(tmp_path):
    codes, truth = catalogue(tmp_path / "dealt", named=0)
    right = [told(codes, item)["heel"] == one["heel"] for item, one in enumerate(truth)]
    assert sum(right) < 0.8 * len(right)
    cobbler.generate(tmp_path / "plain", "styles", 901, {"items": 40})
    one, other = (tmp_path / f"{name}/images_0.tar" for name in ("dealt/raw", "plain"))
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    "words", [{"writes": "csv", "sizes": {}}, {"writes": "styles", "sizes": {"shoes": 1}}]
)
def test_what_it_cannot_is_refused(tmp_path, words):
    with pytest.raises(ValueError, match="Known: "):
        cobbler.generate(tmp_path, seed=1, **words)


# -- Zappos ------------------------------------------------------------------------------------------------------------


def test_zappos_is_read_with_the_first_of_several_values(tmp_path):
    (tmp_path / "meta-data.csv").write_text(f"{HEAD}\n{LINE}\n{BARE}\n")
    found = zappos.read_catalogue(tmp_path)
    assert (
        found.items["name"].to_list()
        == ["100586.72", "7965990.1"]
        == zappos.picture_names(tmp_path)
    )
    rows = found.attributes.filter(pl.col("name") == "100586.72")
    assert dict(rows.select("attribute", "value").iter_rows()) == {
        "category": "shoes",
        "subcategory": "oxfords",
        "heel": "1in - 1 3/4in",
        "closure": "lace up",
        "gender": "men",
        "toe": "capped toe",
    }
    bare = found.attributes.filter(pl.col("name") == "7965990.1")
    assert set(bare["attribute"]) == {"category", "subcategory", "gender"}


def test_lines_of_zappos_that_are_none_are_set_aside_or_stop(tmp_path):
    lines = [HEAD, LINE, LINE, "x,Shoes,Oxfords,,,,Men,,", BARE]
    (tmp_path / "meta-data.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(MalformedError):
        zappos.read_catalogue(tmp_path)
    found = zappos.read_catalogue(tmp_path, max_malformed=0.6)
    reasons = found.malformed["reason"].to_list()
    assert found.items.height == 2
    assert reasons == ["has the CID of an earlier line", "has no number-number as CID"]


def test_an_attribute_that_nobody_states_is_explained(tmp_path):
    catalogue(tmp_path)
    with pytest.raises(
        ValueError, match="no item has the attribute 'insole'; expected heel, insole"
    ):
        read_codes(tmp_path / "catalogue", ("heel", "insole"))
