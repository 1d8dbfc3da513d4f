"""The shop of supplies: what titles say of items, and talk that repeats what it lists."""

import polars as pl
import pytest

from recloop.data.catalogue import CATALOGUE
from recloop.data.worlds.supplies import LICENSED, RECYCLED, generate
from recloop.language.attributes import labels

SIZES = {"items": 60, "users": 30, "sessions": 60, "clusters": 5, "talk": 100}


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


def test_talk_says_a_title_again_and_is_true(shop):
    lines = (shop / "talk-train.txt").read_text().splitlines()
    assert len(lines) == 80
    for line in lines:
        before, _, title = line.rpartition(" Title: ")
        assert title in before
        if "recyclable" in line:
            assert ("none-" in line) == (title.split()[1] not in RECYCLED)
        if "restrictions" in line:
            assert ("without" in line) == ("licence" not in title)


def test_an_unknown_size_is_told(tmp_path):
    with pytest.raises(ValueError, match="no size"):
        generate(tmp_path, "retailrocket", 1, {"colours": 3})
