"""A marketplace whose customers look: the same bytes, what is read back, and what is planted."""

import json
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from recloop.data.pictures import read_pictures
from recloop.data.readers.item_sequences import read
from recloop.data.worlds import marketplace
from recloop.data.worlds.boutique_words import BRANDS, COLOURS

SMALL = {"items": 120, "users": 150}


def written(folder, seed=1, kinds=("shirts", "tops_tees"), **sizes):
    marketplace.generate(folder, "item_sequences", seed, SMALL | sizes, kinds)
    return folder


def test_a_seed_gives_the_same_bytes(tmp_path):
    first, again, other = (
        {file.name: file.read_bytes() for file in written(tmp_path / name, seed).iterdir()}
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first == again
    assert first != other


def test_titles_tell_brand_and_pattern_and_pictures_show_the_colour(tmp_path):
    folder = written(tmp_path)
    items = json.loads((folder / "truth.json").read_text())["items"]
    titles = dict(line.split("\t") for line in (folder / "items.tsv").read_text().splitlines())
    for one in items:
        words = titles[one["id"]].split(" women ")
        assert words[0] == one["brand"]
        assert one["brand"] in BRANDS
        assert one["pattern"] in titles[one["id"]]
        assert not any(f" {colour} " in f" {titles[one['id']]} " for colour in COLOURS)
    assert {name for name, _ in read_pictures(folder)} == set(titles)


def test_titles_and_pictures_can_tell_alike(tmp_path):
    """Titles tell colours too, and nobody cares for brands: who shares one with the last choice is at chance."""
    folder = written(tmp_path, colour_told=1, brand_liked=0)
    items = json.loads((folder / "truth.json").read_text())["items"]
    titles = dict(line.split("\t") for line in (folder / "items.tsv").read_text().splitlines())
    assert all(f" {one['colour']} " in titles[one["id"]] for one in items)
    assert {len(one["liked"]) for one in items} == {2}
    brands = {one["id"]: one["brand"] for one in items}
    lists = [
        line.split("\t")[1].split() for line in (folder / "users.tsv").read_text().splitlines()
    ]
    alike = np.mean([brands[a] == brands[b] for row in lists for a, b in pairwise(row)])
    assert alike == pytest.approx(1 / len(marketplace.SOLD["brand"]), abs=0.05)


def test_a_stronger_pull_and_a_steadier_mood_make_choices_alike(tmp_path):
    def alike(name, **sizes):
        folder = written(tmp_path / name, **sizes)
        items = json.loads((folder / "truth.json").read_text())["items"]
        liked = {one["id"]: one["liked"] for one in items}
        rows = (line.split("\t")[1] for line in (folder / "users.tsv").read_text().splitlines())
        pairs = [pair for row in rows for pair in pairwise(row.split())]
        return np.mean([np.equal(liked[a], liked[b]).mean() for a, b in pairs])

    assert alike("weak", pull=2) < alike("moody", mood=0.5) < alike("steady", mood=0.0)


@pytest.mark.parametrize(("worded", "pictured"), [(0.0, 1.0), (1.0, 0.0), (0.6, 0.6)])
def test_a_product_has_a_title_a_picture_or_both(tmp_path, worded, pictured):
    folder = written(tmp_path, worded=worded, pictured=pictured)
    found = read(folder)
    titled = found.items["title"].is_not_null()
    shown = found.items["item"].is_in([name for name, _ in read_pictures(folder)])
    assert (titled | shown).all()
    assert titled.mean() == pytest.approx(worded, abs=0.15)
    if pictured == 0:
        assert not shown.any()


@pytest.mark.parametrize("shared", [0, 1])
def test_customers_choose_what_is_alike_only_where_they_look(tmp_path, shared):
    folder = written(tmp_path, shared=shared)
    items = json.loads((folder / "truth.json").read_text())["items"]
    seen = {one["id"]: (one["colour"], one["pattern"], one["brand"]) for one in items}
    events = read(folder).interactions.collect().sort("user", "position")
    lists = events.group_by("user", maintain_order=True).agg("item")["item"].to_list()
    pairs = [pair for row in lists for pair in pairwise(row)]
    alike = np.mean([[a == b for a, b in zip(seen[x], seen[y], strict=True)] for x, y in pairs])
    everyone = np.array([seen[name] for name in seen])
    chance = np.mean(everyone[:, None] == everyone[None])
    assert (alike > 1.8 * chance) == bool(shared)
    assert min(map(len, lists)) >= marketplace.SHORTEST
    assert all(len(set(row)) == len(row) for row in lists)


def test_what_is_not_known_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no size \['wide'\]"):
        written(tmp_path, wide=1)
    with pytest.raises(ValueError, match=r"sells no \['hats'\]"):
        written(tmp_path, kinds=("hats",))
    with pytest.raises(ValueError, match="cannot write 'csv'"):
        marketplace.generate(tmp_path, "csv", 1, {})


def test_a_file_of_other_lines_is_set_aside_or_refused(tmp_path):
    (tmp_path / "users.tsv").write_text("u1\ta b a\nu2\t\nu1\tb\n")
    (tmp_path / "items.tsv").write_text("a\tNut &amp; Bolt\nb\t\n")
    found = read(tmp_path, max_malformed=0.9)
    assert found.interactions.collect()["item"].to_list() == ["a", "b", "a"]
    assert found.items.rows_by_key("item", named=True)["a"][0]["title"] == "Nut & Bolt"
    assert found.malformed["reason"].to_list() == [
        "has no items",
        "has the user of an earlier line",
        "has no title",
    ]
    with pytest.raises(ValueError, match="malformed"):
        read(tmp_path)
    assert found.items.select(pl.col("title").null_count()).item() == 1


def test_some_customers_look_at_titles_or_at_pictures_alone(tmp_path):
    folder = written(tmp_path, worded=0.5, pictured=0.0, single=0.6)
    titled = {line.split("\t")[0] for line in (folder / "items.tsv").read_text().splitlines()}
    lists = [
        line.split("\t")[1].split() for line in (folder / "users.tsv").read_text().splitlines()
    ]
    kinds = [frozenset(item in titled for item in row) for row in lists]
    alone = [sum(kind == {told} for kind in kinds) for told in (True, False)]
    assert min(alone) > 0.15 * len(kinds)
    assert sum(len(kind) == 2 for kind in kinds) > 0.2 * len(kinds)
