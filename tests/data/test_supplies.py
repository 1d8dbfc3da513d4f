"""The shop of supplies: what titles say of items, and sentences that repeat the titles they list."""

import polars as pl
import pytest

from recloop.data.catalogue import CATALOGUE
from recloop.data.worlds.supplies import LICENSED, RECYCLED, generate
from recloop.language.attributes import labels
from recloop.language_models import texts
from recloop.language_models.corpora import make_corpus
from recloop.tasks import generation

SIZES = {"items": 60, "users": 30, "sessions": 60, "clusters": 5}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("supplies")
    generate(folder, "retailrocket", 1, SIZES)
    return folder


def test_titles_are_words_and_name_both_attributes(shop):
    titles = pl.read_csv(shop / CATALOGUE)["title"].to_list()
    assert len({*titles}) == len(titles) == SIZES["items"]
    for title in titles:
        found = labels(title, ("recyclable", "restricted"))
        assert ("recyclable" in found) == (title.split()[1] in RECYCLED)
        assert ("restricted" in found) == title.endswith("licence required")
    assert sum("licence" in title for title in titles) == SIZES["items"] // LICENSED


def test_titles_told_are_said_again_and_true(shop, plan, tmp_path):
    """In the words of the study whose language model reads them."""
    pl.read_csv(shop / CATALOGUE).write_parquet(tmp_path / "items.parquet")
    told = {
        "kind": "product",
        "attributes": ["recyclable", "restricted"],
        "sentences": 100,
        "words": 24,
    }
    prompts = generation.prompts(plan(studies=["pdit_gim"]), "pdit_gim")
    make_corpus(tmp_path / "told", items=tmp_path, told=told, prompts=prompts)
    rows = texts.read(tmp_path / "told")
    assert len(rows) == pytest.approx(told["sentences"], abs=1)
    assert {*rows["part"]} == {"train", "valid", "test"}
    for line in rows["text"]:
        before, _, title = line.rpartition(" Title: ")
        assert title in before
        if "recyclable" in line:
            assert ("none-" in line) == (title.split()[1] not in RECYCLED)
        if "restrictions" in line:
            assert ("without" in line) == ("licence" not in title)


def test_an_unknown_size_is_told(tmp_path):
    with pytest.raises(ValueError, match="no size"):
        generate(tmp_path, "retailrocket", 1, {"colours": 3})
