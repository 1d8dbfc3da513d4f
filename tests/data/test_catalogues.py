"""Catalogues: numbered in order, without what has no picture, the same content from the same files."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import polars as pl
import pytest
from PIL import Image

from recloop.data.catalogues import (
    Catalogue,
    CatalogueError,
    _with_target,
    build_catalogue,
    check,
)
from recloop.data.pictures import PictureError, Pictures, decode
from recloop.data.quarantine import MalformedError
from recloop.data.readers import berg_shoes, fashion_iq, pmmir, styles

HEADER = ",".join(styles.COLUMNS)
READING = {
    "where": {"articleType": ["Heels", "Flats"]},
    "attributes": {"colour": "baseColour", "kind": "articleType"},
    "words": {
        "pattern": ["striped"],
        "heel": {"high": ["high heel", "stiletto"], "flat": ["flats"]},
    },
}
SOURCE = {"reader": "styles", "reading": READING, "pictures": {"max_missing": 0.5}}


def picture(colour, form="PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 16), colour).save(file, form)
    return file.getvalue()


def row(number, type_="Heels", colour="Navy Blue", title="Acme Striped High-Heel"):
    return f"{number},Women,Footwear,Shoes,{type_},{colour},Summer,2026,Casual,{title}"


def shelve(raw: Path, lines: list[str], pictures: dict[str, bytes]) -> Path:
    raw.mkdir(exist_ok=True)
    (raw / "styles.csv").write_text("\n".join([HEADER, *lines]) + "\n")
    with tarfile.open(raw / "images_0.tar", "w") as box:
        for name, content in pictures.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            box.addfile(entry, io.BytesIO(content))
    return raw


@pytest.fixture
def raw(tmp_path) -> Path:
    lines = [
        row(20, "Flats", title='"Acme 3.5"" Flats"'),
        row(3),
        row(100, "Shirts"),
        row(7, colour="NA", title="Acme Stiletto"),
        row(9),
        row(11),
    ]
    red = picture("red")
    pictures = {"20.png": picture("blue"), "3.jpg": picture("red", "JPEG"), "7.png": red}
    return shelve(tmp_path / "raw", lines, {**pictures, "9.png": red[:50], "100.png": red})


def tables(folder: Path) -> dict[str, pl.DataFrame]:
    return {path.stem: pl.read_parquet(path) for path in folder.glob("*.parquet")}


def test_a_catalogue_is_what_the_styles_say(raw, tmp_path):
    build_catalogue(SOURCE, raw, tmp_path / "out")
    found = tables(tmp_path / "out")
    assert found["items"].rows() == [
        (0, "3", "Acme Striped High-Heel", "Heels", None),
        (1, "7", "Acme Stiletto", "Heels", None),
        (2, "20", 'Acme 3.5" Flats', "Flats", None),
    ]
    assert found["items"].schema["item"] == pl.Int32
    assert set(found["attributes"].rows()) == {
        (0, "colour", "navy blue"),
        (0, "kind", "heels"),
        (0, "pattern", "striped"),
        (0, "heel", "high"),
        (1, "kind", "heels"),
        (1, "heel", "high"),
        (2, "colour", "navy blue"),
        (2, "kind", "flats"),
        (2, "heel", "flat"),
    }
    assert found["captions"].height == found["sequences"].height == 0
    pictures = Pictures.open(tmp_path / "out")
    assert len(pictures) == 3
    assert pictures.decoded(2).getpixel((1, 1)) == (0, 0, 255)


def test_what_has_no_sound_picture_is_dropped_and_listed(raw, tmp_path):
    build_catalogue(SOURCE, raw, tmp_path / "out")
    record = json.loads((tmp_path / "out" / "catalogue.json").read_text())
    assert record["missing"] == ["9", "11"]
    assert record["items"] == 3
    aside = pl.read_parquet(tmp_path / "out" / "quarantine.parquet")
    assert aside.select("file", "text").rows() == [("pictures", "9")]
    with pytest.raises(CatalogueError, match="2 of 5 items have no sound picture"):
        build_catalogue({**SOURCE, "pictures": {}}, raw, tmp_path / "strict")


def test_the_hash_is_that_of_the_content(raw, tmp_path):
    def hashed(name: str) -> str:
        build_catalogue(SOURCE, raw, tmp_path / name)
        return json.loads((tmp_path / name / "catalogue.json").read_text())["hash"]

    first = hashed("a")
    assert hashed("b") == first
    shelve(raw, [row(3), row(20, "Flats")], {"3.png": picture("red"), "20.png": picture("blue")})
    assert hashed("c") != first


def test_malformed_styles_are_set_aside(raw, tmp_path):
    lines = [row(number) for number in range(300)] + ["x,y", row("../1"), row(500, title="")]
    shelve(raw, lines, {f"{number}.png": picture("red") for number in range(300)})
    build_catalogue(SOURCE, raw, tmp_path / "out")
    aside = pl.read_parquet(tmp_path / "out" / "quarantine.parquet")
    assert aside["line"].to_list() == [302, 303, 304]
    shelve(raw, lines[-10:], {})
    with pytest.raises(MalformedError, match="3 of 10 lines"):
        build_catalogue(SOURCE, raw, tmp_path / "out")


def test_shares_part_the_items(raw):
    shelve(raw, [row(number) for number in range(400)], {})
    low, high = (
        set(styles.read_catalogue(raw, **READING, share=share).items["name"])
        for share in ((0.0, 0.4), (0.4, 1.0))
    )
    assert low.isdisjoint(high)
    assert len(low | high) == 400
    assert 120 < len(low) < 200


def test_phrases_are_whole_words():
    assert styles.plain("Men's T-Shirt, V-neck") == " men s t shirt v neck "
    assert styles.plain("striped") not in styles.plain("Pinstriped shirt")


def test_other_tables_than_declared_are_told():
    items = pl.DataFrame({"name": ["a", "a"], "title": "", "kind": "", "part": "train"})
    with pytest.raises(CatalogueError, match="twice"):
        check(Catalogue(items, iter(())))
    with pytest.raises(CatalogueError, match="gave items as"):
        check(Catalogue(items.drop("part"), iter(())))


def test_a_broken_archive_is_told(raw, tmp_path):
    whole = (raw / "images_0.tar").read_bytes()
    (raw / "images_0.tar").write_bytes(b"no archive" + whole)
    with pytest.raises(PictureError, match="fetch the source again"):
        build_catalogue(SOURCE, raw, tmp_path / "out")


@pytest.fixture
def shoes(tmp_path) -> Path:
    names = [f"img_womens_rain_boots_{number}.jpg" for number in range(4)]
    (tmp_path / "train_im_names.txt").write_text("\n".join(names[:2]) + "\n")
    (tmp_path / "eval_im_names.txt").write_text("\n".join(names[2:]) + "\n")
    single = [{"ImageName": names[1], "Caption": " red boots "}]
    (tmp_path / "captions_shoes.json").write_text(json.dumps(single))
    pairs = [
        {"ImageName": names[a], "ReferenceImageName": names[b], "RelativeCaption": "is red"}
        for a, b in ((0, 1), (3, 2))
    ]
    (tmp_path / "relative_captions_shoes.json").write_text(json.dumps(pairs))
    (tmp_path / "images" / "womens_boots").mkdir(parents=True)
    for name in names:
        (tmp_path / "images" / "womens_boots" / name).write_bytes(picture("red", "JPEG"))
    return tmp_path


def test_shoes_keep_captions_and_split(shoes, tmp_path):
    build_catalogue({"reader": "berg_shoes"}, shoes, tmp_path / "out")
    found = tables(tmp_path / "out")
    assert found["captions"].rows() == [(0, 1, "is red", "train"), (3, 2, "is red", "test")]
    assert found["items"]["part"].to_list() == ["train", "train", "test", "test"]
    assert found["items"]["title"].to_list()[:2] == ["Rain boots", "red boots"]
    assert found["attributes"].row(0) == (0, "kind", "rain boots")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("[", "not JSON"),
        ("{}", "expected a list"),
        ('[{"ImageName": 3}]', "1 of 1 entries are malformed"),
        ('[{"ImageName": "a", "ReferenceImageName": "b", "RelativeCaption": "c"}]', "unknown"),
    ],
)
def test_broken_captions_are_told(shoes, content, match):
    (shoes / "relative_captions_shoes.json").write_text(content)
    with pytest.raises(MalformedError, match=match):
        berg_shoes.read_catalogue(shoes)


def test_fashion_iq_leaves_out_pairs_without_pictures(tmp_path):
    parts = {"train": ["B000000001", "B000000002"], "val": ["B000000003"]}
    for part, names in parts.items():
        (tmp_path / f"split.dress.{part}.filter.json").write_text(
            json.dumps([f"{name}.jpg" for name in names])
        )
        pair = {"target": names[0], "candidate": names[-1], "captions": ["is  red", "longer"]}
        gone = {**pair, "candidate": "B999999999"}
        (tmp_path / f"cap.dress.{part}.json").write_text(json.dumps([pair, gone]))
        tags = {names[0]: [["dress"], ["Floral"], [], [], [], []]}
        (tmp_path / f"asin2attr.dress.{part}.json").write_text(json.dumps(tags))
    found = fashion_iq.read_catalogue(tmp_path, "dress")
    assert found.items["part"].to_list() == ["train", "train", "test"]
    assert found.captions.height == 4
    assert found.captions.row(0) == ("B000000001", "B000000002", "is red", "train")
    assert found.items["title"][0] == "floral dress"
    assert ("B000000001", "pattern", "floral") in found.attributes.rows()


def test_purchases_end_with_the_target(tmp_path):
    names = [f"B00000000{number}" for number in range(5)]
    (tmp_path / "docnos.json").write_text(json.dumps(names[::-1]))
    users = [
        {"customer_id": "A", "item_log": names[:2], "item_target": names[number]}
        for number in (2, 3, 4, 2, 3)
    ]
    (tmp_path / "u_i_seq.json").write_text(json.dumps(users))
    found = pmmir.read_catalogue(tmp_path, "Shoes")
    check(found)
    assert found.items["name"].to_list() == names[::-1]
    assert found.sequences.height == 15
    assert found.sequences["user"].n_unique() == 5
    assert found.sequences.row(2)[1:3] == (2, names[2])
    parts = found.sequences.group_by("user").agg(pl.col("part").first())["part"]
    assert sorted(parts) == ["test", "train", "train", "train", "train"]
    users[0]["item_target"] = "B999999999"
    (tmp_path / "u_i_seq.json").write_text(json.dumps(users))
    with pytest.raises(MalformedError, match="unknown item B999999999"):
        pmmir.read_catalogue(tmp_path, "Shoes")


def test_decoding_survives_collecting(raw, tmp_path):
    build_catalogue(SOURCE, raw, tmp_path / "out")
    assert decode(Pictures.open(tmp_path / "out").encoded([0])[0]).size == (16, 16)


def test_nobody_looks_for_an_earlier_purchase_when_the_last_has_no_picture():
    rows = [("a", 0, "x"), ("a", 1, "gone"), ("b", 0, "gone"), ("b", 1, "x")]
    sequences = pl.DataFrame(rows, ["user", "position", "item"], orient="row")
    kept = _with_target(sequences, pl.col("item").is_in(["x"]))
    assert kept["user"].to_list() == ["b", "b"]
