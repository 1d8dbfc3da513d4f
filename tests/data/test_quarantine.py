"""Malformed lines never touch the good ones, and too many of them stop the reading."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recloop.data.quarantine import MalformedError
from recloop.data.readers import lfm1b, movielens, retailrocket, session_rec, session_release
from recloop.data.tables import INTERACTIONS, write_tables

HEADER = "timestamp,visitorid,event,itemid,transactionid"
numbers = st.integers(1, 10**6)
good_lines = st.tuples(st.integers(0, 2**42), numbers, numbers)
# Text that cannot be a listening event: no tab, or no number where the time should be.
bad_lines = st.one_of(
    st.text(st.characters(exclude_characters="\t\n\r", exclude_categories=["Cs"]), max_size=20),
    st.just("1\t2\t3\t4\tnoon"),
    st.just("1\t2\t3\t4\t-5"),
    st.just("1\t2\t3\t\t5"),
    st.just("1\t2\t3\t4\t5\t6"),
)


def _table(reader, raw: Path, **settings) -> tuple[pl.DataFrame, pl.DataFrame]:
    reading = reader.read(raw, **settings)
    write_tables(reading, raw / "tables")
    return pl.read_parquet(raw / "tables" / "interactions.parquet"), reading.malformed


@settings(max_examples=25)
@given(st.lists(good_lines, min_size=1, max_size=30))
def test_rows_survive_the_round_trip(rows):
    with tempfile.TemporaryDirectory() as folder:
        lines = [f"{time},{user},view,{item}," for time, user, item in rows]
        (Path(folder) / "events.csv").write_text("\n".join([HEADER, *lines]))
        events, malformed = _table(retailrocket, Path(folder))
    assert dict(events.schema) == INTERACTIONS
    assert malformed.is_empty()
    read = events.sort("position").select("time", "user", "item").rows()
    assert read == [(time, str(user), str(item)) for time, user, item in rows]


@settings(max_examples=40)
@given(st.lists(st.one_of(good_lines, bad_lines), min_size=1, max_size=30), good_lines)
def test_malformed_lines_change_no_good_row(lines, last):
    lines = [*lines, last]
    good = [line for line in lines if isinstance(line, tuple)]
    with tempfile.TemporaryDirectory() as folder:
        texts = [
            line if isinstance(line, str) else f"{line[1]}\t1\t1\t{line[2]}\t{line[0]}"
            for line in lines
        ]
        (Path(folder) / "LFM-1b_LEs.txt").write_text("\n".join(texts), encoding="utf-8")
        events, malformed = _table(lfm1b, Path(folder), max_malformed=1.0)
    read = events.sort("position").select("time", "user", "item").rows()
    assert read == [(time * 1000, str(user), str(item)) for time, user, item in good]
    expected = [place for place, line in enumerate(lines, start=1) if isinstance(line, str)]
    assert malformed["line"].to_list() == expected
    assert malformed["text"].to_list() == [line for line in lines if isinstance(line, str)]


def test_a_broken_byte_spoils_its_own_line_only(tmp_path):
    (tmp_path / "LFM-1b_LEs.txt").write_bytes(b"1\t1\t1\t\xff\xfe\t5\n1\t1\t1\t7\t5\n")
    events, malformed = _table(lfm1b, tmp_path, max_malformed=0.5)
    assert events["item"].to_list() == ["7"]
    assert malformed.select("line", "reason").rows() == [(1, "is not UTF-8")]


def test_too_many_malformed_lines_stop_with_examples(tmp_path):
    (tmp_path / "LFM-1b_LEs.txt").write_text("1\t1\t1\t7\t5\n" * 90 + "<html>\n" * 10)
    with pytest.raises(MalformedError, match=r"10 of 100 lines.*0\.01.*line 91 .*<html>"):
        lfm1b.read(tmp_path)
    assert lfm1b.read(tmp_path, max_malformed=0.1).malformed.height == 10


def test_the_file_of_another_data_set_stops(tmp_path):
    (tmp_path / "events.csv").write_text("userId,movieId\n1,2\n")
    with pytest.raises(MalformedError, match=r"first line is 'userId,movieId', expected 'timest"):
        retailrocket.read(tmp_path)


@pytest.mark.parametrize(("text", "logged"), [(None, "no such file"), ("", "empty file")])
def test_a_missing_or_empty_file_stops(tmp_path, text, logged):
    if text is not None:
        (tmp_path / "events.csv").write_text(text)
    with pytest.raises(MalformedError, match=logged):
        retailrocket.read(tmp_path)


def test_a_header_alone_stops(tmp_path):
    (tmp_path / "events.csv").write_text(HEADER + "\n")
    with pytest.raises(MalformedError, match="no rows"):
        retailrocket.read(tmp_path)


def _gz(path: Path, damage) -> None:
    sessions = "".join(f"{number},0,{number % 7}\n" for number in range(100))
    packed = gzip.compress(f"session_idx,position,item_id\n{sessions}".encode())
    path.write_bytes(damage(packed))


@pytest.mark.parametrize(
    "damage",
    [
        lambda packed: packed[:-20],
        lambda packed: packed[:-4],
        lambda packed: packed[:5],
        lambda packed: packed + b"and more",
        lambda packed: packed[:-8] + bytes(8),
        lambda packed: b"session_idx,position,item_id\n0,0,1\n",
    ],
    ids=["truncated", "no end", "beginning", "trailing", "checksum", "no gz"],
)
def test_a_damaged_gz_is_named(tmp_path, damage):
    _gz(tmp_path / "train_sessions.csv.gz", damage)
    message = r"train_sessions\.csv\.gz: truncated or damaged, or other bytes .*fetch again"
    with pytest.raises(MalformedError, match=message):
        session_release.read(tmp_path)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e400", "NaN", ""])
def test_numbers_that_are_none_are_set_aside(tmp_path, value):
    lines = f"userId,movieId,rating,timestamp\n1,31,2.5,1260759144\n1,31,{value},1260759144\n"
    (tmp_path / "ratings.csv").write_text(lines)
    (tmp_path / "movies.csv").write_text("movieId,title,genres\n31,A,Drama\n")
    assert movielens.read(tmp_path, 0.5).malformed["line"].to_list() == [3]
    lines = f"SessionId\tItemId\tTime\n1\t2\t1260759144\n1\t2\t{value}\n"
    (tmp_path / "clicks.txt").write_text(lines)
    assert session_rec.read(tmp_path, 0.5).malformed["line"].to_list() == [3]


blanks = st.text(st.sampled_from(" \t\u00a0\u2003"), max_size=3)


@settings(max_examples=25)
@given(st.lists(st.tuples(blanks, numbers, blanks), min_size=1, max_size=10))
def test_blanks_around_an_id_are_no_part_of_it(ids):
    with tempfile.TemporaryDirectory() as folder:
        lines = [f"1,7,view,{before}{item}{after}," for before, item, after in ids]
        (Path(folder) / "events.csv").write_text("\n".join([HEADER, *lines]), encoding="utf-8")
        events, _ = _table(retailrocket, Path(folder))
    assert events.sort("position")["item"].to_list() == [str(item) for _, item, _ in ids]
