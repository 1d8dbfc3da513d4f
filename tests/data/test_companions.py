"""Tables beside the events: what is wrong with them is named with path, line and expected columns."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recloop.data.catalogue import describe
from recloop.data.companions import read_companion
from recloop.data.quarantine import MalformedError
from recloop.data.readers import movielens

ITEMS = pl.DataFrame({"item": ["0", "1"], "brand": ["A", "B"]})
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)


def _describe(tmp_path: Path, content: str | bytes) -> pl.DataFrame:
    content = content.encode() if isinstance(content, str) else content
    (tmp_path / "items.csv").write_bytes(content)
    return describe(ITEMS, tmp_path)


def test_what_items_csv_says_goes_first(tmp_path):
    found = _describe(tmp_path, 'item,title,brand\n 0 ,"Zero, the first",\n9,Nine,C\n')
    assert found.select("item", "title", "brand").rows() == [
        ("0", "Zero, the first", "A"),
        ("1", None, "B"),
    ]


def test_attributes_are_parted_by_bars_and_a_byte_order_mark_is_no_text(tmp_path):
    found = _describe(tmp_path, "\ufeffitem,attributes\n0,red | new\n1,\n")
    assert found["attributes"].to_list() == [["red", "new"], None]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("itemid,title\n0,Zero\n", r"line 1 names the columns itemid, title, expected item and any of title"),
        ("item;title\n0;Zero\n", r"line 1 .* separated by semicolons\?"),
        ("item,titel\n0,Zero\n", "line 1 names the columns item, titel"),
        ("item,title,title\n0,Zero,One\n", "line 1"),
        (b"item,title\n1,One\n0,caf\xe9\n", r"line 3 is not UTF-8: b'0,caf\\xe9'. Save the file as UTF-8"),
        ("item,title\n0,A\n0,B\n", "line 3: item '0' stands on line 2 already"),
        ("item,title\n0,A\n 0,B\n", "line 3: item '0' stands on line 2 already"),
        ("item,title\n0,A,B\n", "line 2 has 3 fields, expected 2: item, title"),
        ("item,title\n,A\n", "line 2 has no item"),
        ('item,title\n0,"A\n', "line 2: unexpected end of data"),
        ("item,title\n7,A\n", r"none of its 1 items occurs .* '7'. Expected the ids of the events, such as '0'"),
        ("", "empty file"),
    ],
)  # fmt: skip
def test_a_fault_is_one_sentence_with_path_line_and_expected_columns(tmp_path, content, message):
    with pytest.raises(MalformedError, match=message) as stopped:
        _describe(tmp_path, content)
    assert str(stopped.value).startswith(str(tmp_path / "items.csv"))


@settings(max_examples=30)
@given(st.dictionaries(st.integers(0, 99), st.tuples(texts, texts), min_size=1, max_size=8))
def test_what_a_spreadsheet_writes_is_read_as_it_was(rows):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "items.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["item", "title", "brand"])
            writer.writerows([key, *row] for key, row in rows.items())
        found = read_companion(path, "item", ("title", "brand"))
    expected = [(str(key), title or None, brand or None) for key, (title, brand) in rows.items()]
    assert found.rows() == expected


def test_the_line_is_the_files_even_behind_a_text_of_several_lines(tmp_path):
    (tmp_path / "a.csv").write_text('item,title\n0,"two\nlines"\n\n0,again\n')
    with pytest.raises(MalformedError, match="line 5: item '0' stands on line 2"):
        read_companion(tmp_path / "a.csv", "item")


def test_movies_are_read_with_the_same_care(tmp_path):
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,31,2.5,1260759144\n")
    (tmp_path / "movies.csv").write_text("movieId,title\n31,A\n")
    with pytest.raises(
        MalformedError, match=r"movies\.csv: line 1 .* expected movieId, title, genres"
    ):
        movielens.read(tmp_path)
