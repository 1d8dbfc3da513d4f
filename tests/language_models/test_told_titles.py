"""Titles as sentences in a study's words: what stands in them, and that parts share no title."""

import polars as pl
import pytest

from recloop.language_models import texts
from recloop.language_models.corpora import make_corpus
from recloop.language_models.parts import part_of

PROMPTS = {
    "product": "a product titled {title}",
    "products": "Ordered products: {items}",
    "recyclable": "A product made with recyclable materials",
    "no_recyclable": "A product made with none-recyclable materials",
    "next": "Title:",
}
TOLD = {"kind": "product", "attributes": ["recyclable"], "sentences": 400, "words": 3}
MATERIALS = ("steel", "vinyl")


@pytest.fixture
def items(tmp_path):
    titles = [f"{MATERIALS[n % 2]} peg {n} in a bag" for n in range(60)] + [
        None,
        "steel peg 0 twice",
    ]
    pl.DataFrame({"title": titles}).write_parquet(tmp_path / "items.parquet")
    return tmp_path


def rows(items, output):
    make_corpus(output, items=items, told=TOLD, prompts=PROMPTS)
    found = texts.read(output)
    return list(zip(found["text"], found["part"], strict=True))


def test_a_title_is_said_again_behind_what_is_asked_and_a_list(items, tmp_path):
    found = rows(items, tmp_path / "told")
    assert len(found) == pytest.approx(TOLD["sentences"], abs=2)
    listed = asked = 0
    for text, part in found:
        head, said = text.rsplit("Title: ", 1)
        assert part_of(said) == part
        assert len(said.split()) == TOLD["words"]
        assert said in head  # in the list, or alone before
        listed += "Ordered products: a product titled" in head
        if "materials" in head:
            asked += 1
            assert ("none-recyclable" in head) == said.startswith("vinyl")
    assert 0.6 < listed / len(found) < 0.8
    assert 0.4 < asked / len(found) < 0.6


def test_it_is_the_same_each_time(items, tmp_path):
    assert rows(items, tmp_path / "one") == rows(items, tmp_path / "two")


def test_too_few_titles_are_one_clear_line(tmp_path):
    pl.DataFrame({"title": ["steel peg"]}).write_parquet(tmp_path / "items.parquet")
    with pytest.raises(ValueError, match="expected at least 2 titles to"):
        make_corpus(tmp_path / "told", items=tmp_path, told=TOLD, prompts=PROMPTS)
