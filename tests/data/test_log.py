"""A log as its manifest describes it: the general reader."""

import gzip
import json
from datetime import datetime

import polars as pl
import pytest

from recloop.data.quarantine import MalformedError
from recloop.data.readers import log
from recloop.data.tables import check_columns, write_tables

LAYOUT = {
    "format": "delimited",
    "delimiter": ",",
    "header": True,
    "columns": ["user", "item", "ts"],
}
ROLES = {"user": "user", "item": "item", "time": {"column": "ts", "unit": "s"}}


def read(folder, text, name="log.csv", written="utf-8", **settings):
    data = text if isinstance(text, bytes) else text.encode(written)
    (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    layout = LAYOUT | {
        key: settings.pop(key) for key in (*LAYOUT, "quoted", "encoding") if key in settings
    }
    found = log.read(folder, {name: None}, layout, **ROLES | {"max_malformed": 0.9} | settings)
    check_columns(found)
    return found, found.interactions.collect().sort("position")


def reasons(found):
    return {row["line"]: row["reason"] for row in found.malformed.iter_rows(named=True)}


def test_columns_units_and_events(tmp_path):
    text = "user,item,ts\nann,a,1400000000\nbob,b,1400000001.5\n"
    found, rows = read(tmp_path, text)
    assert rows["user"].to_list() == ["ann", "bob"]
    assert rows["time"].to_list() == [1400000000000, 1400000001500]
    assert rows["event"].to_list() == ["click", "click"]
    assert found.items["item"].to_list() == ["a", "b"]
    counts = write_tables(found, tmp_path / "tables")
    assert counts["rows"] == 2 and counts["malformed"] == 0


@pytest.mark.parametrize(
    "unit, text",
    [
        ("s", "1400000000"),
        ("ms", "1400000000000"),
        ("us", "1400000000000000"),
        ("ns", "1400000000000000000"),
    ],
)
def test_every_unit_gives_the_same_moment(tmp_path, unit, text):
    _, rows = read(tmp_path, f"user,item,ts\nann,a,{text}\n", time={"column": "ts", "unit": unit})
    assert rows["time"].to_list() == [1400000000000]


def test_lines_that_are_no_events_are_set_aside_with_the_reason(tmp_path):
    lines = [
        "user,item,ts",
        "ann,a,1",
        ",b,2",
        "ann,,3",
        "ann,NULL,3",
        "ann,c,soon",
        "ann,c",
        "ann,c,-5",
        "ann,c,inf",
        "",
        "ann,d,9999999999",
    ]
    found, rows = read(tmp_path, "\n".join(lines))
    assert rows["item"].to_list() == ["a"]
    assert reasons(found) == {
        3: "has no user", 4: "has no item", 5: "has no item", 6: "has no readable time", 7: "does not have 3 fields",
        8: "has a time before 1970", 9: "has no readable time", 10: "is empty", 11: "has a time after 2100",
    }  # fmt: skip


def test_quoted_fields_hold_delimiters_and_quotation_marks(tmp_path):
    text = 'user,item,ts\n"ann, the first","a ""b""",1\nbob,,2\n"open,c,3\n'
    found, rows = read(tmp_path, text, quoted=True)
    assert rows.select("user", "item").row(0) == ("ann, the first", 'a "b"')
    assert reasons(found) == {3: "has no item", 4: "has an open quotation mark"}


@pytest.mark.parametrize("delimiter", ["\t", ";", "|", "::", " "])
@pytest.mark.parametrize("quoted", [False, True])
def test_delimiters(tmp_path, delimiter, quoted):
    if quoted and len(delimiter) > 1:
        return
    text = "\n".join(delimiter.join(row) for row in (("user", "item", "ts"), ("ann", "a", "5")))
    _, rows = read(tmp_path, text, delimiter=delimiter, quoted=quoted)
    assert rows.select("user", "item", "time").rows() == [("ann", "a", 5000)]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz"])
def test_encodings(tmp_path, encoding, name):
    settings = {} if encoding == "utf-8-sig" else {"encoding": encoding}
    _, rows = read(tmp_path, "user,item,ts\r\nJosé,é,1\r\n", name, encoding, **settings)
    assert rows.select("user", "item", "time").rows() == [("José", "é", 1000)]


def test_a_mark_before_a_file_without_header(tmp_path):
    _, rows = read(tmp_path, "ann,a,1\n", written="utf-8-sig", header=False)
    assert rows["user"].to_list() == ["ann"]


def test_json_lines(tmp_path):
    lines = [{"user": 7, "item": "a", "ts": 1.5}, {"user": 8, "item": None, "ts": 2}, {"user": 9}]
    text = "\n".join(map(json.dumps, lines)) + "\nno object\n"
    found, rows = read(tmp_path, text, "log.jsonl", format="jsonl", header=False)
    assert rows.select("user", "item", "time").rows() == [("7", "a", 1500)]
    assert reasons(found) == {2: "has no item", 3: "has no item", 4: "is no JSON object"}


def test_parquet_with_times_of_its_own(tmp_path):
    moments = [datetime(2020, 1, 1, 12), None]
    pl.DataFrame({"user": [7, 8], "item": ["a", "b"], "ts": moments}).write_parquet(
        tmp_path / "log.parquet"
    )
    time = {"column": "ts", "format": "%Y-%m-%dT%H:%M:%S%.f", "zone": "Europe/Paris"}
    layout = {"format": "parquet", "columns": ["user", "item", "ts"]}
    found = log.read(
        tmp_path, {"log.parquet": None}, layout, **ROLES | {"time": time}, max_malformed=0.5
    )
    rows = found.interactions.collect()
    assert rows.select("user", "item", "time").rows() == [("7", "a", 1577876400000)]
    assert reasons(found) == {2: "has no readable time"}


def test_words_of_an_event_column(tmp_path):
    text = "user,item,ts,do\nann,a,1,pv\nann,b,2,buy\nann,c,3,ad\nann,d,4,huh\n"
    event = {"column": "do", "values": {"pv": "view", "buy": "purchase", "ad": None}}
    found, rows = read(tmp_path, text, event=event, columns=["user", "item", "ts", "do"])
    assert rows["event"].to_list() == ["view", "purchase"]
    assert reasons(found) == {5: "has an unknown event"}


def test_files_of_a_given_split_follow_one_another(tmp_path):
    for name in ("train", "valid", "test"):
        (tmp_path / f"{name}.csv").write_text(f"user,item,ts\nann,{name}1,1\nann,{name}2,1\n")
    found = log.read(
        tmp_path, {f"{name}.csv": name for name in ("train", "valid", "test")}, LAYOUT, **ROLES
    )
    rows = found.interactions.collect().sort("time", "position")
    assert rows["part"].to_list() == ["train"] * 2 + ["valid"] * 2 + ["test"] * 2
    assert rows["item"].to_list()[-1] == "test2"


def test_shuffled_ties_are_always_alike(tmp_path):
    text = "user,item,ts\n" + "".join(f"ann,{n:03d},1\n" for n in range(100))
    _, first = read(tmp_path, text, ties="shuffle")
    _, second = read(tmp_path, text, ties="shuffle")
    assert first.equals(second)
    assert first["item"].to_list() != sorted(first["item"].to_list())


def test_another_file_under_the_same_name(tmp_path):
    with pytest.raises(MalformedError, match="expected the names user, item, ts"):
        read(tmp_path, "user,thing,ts\nann,a,1\n")
    with pytest.raises(MalformedError, match="no such file"):
        log.read(tmp_path, {"gone.csv": None}, LAYOUT, **ROLES)
