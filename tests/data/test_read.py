"""Readers held to the manifest: which files they take, which settings reach them, what their keys hold."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from recloop.data.downloads import SourceError
from recloop.data.quarantine import MalformedError
from recloop.data.read import build_catalogue, read
from recloop.data.settings import SettingError
from recloop.data.sources import fetch, reading_inputs
from recloop.data.tables import TableError

HEADER = "timestamp,visitorid,event,itemid,transactionid\n"
DAY = 86_400_000
TIME = 1_433_221_332_117


@pytest.fixture
def raw(tmp_path) -> Path:
    return tmp_path / "data" / "raw" / "shop"


def _source(raw: Path, lines: list[str], header: str = HEADER, **changes) -> dict:
    """Write a log, fetch it and give its manifest."""
    mirror = raw.parents[2] / "mirror"
    (mirror / "shop").mkdir(parents=True, exist_ok=True)
    (mirror / "shop" / "events.csv").write_text(header + "".join(f"{line}\n" for line in lines))
    file = {"bytes": None, "sha256": None, "addresses": [], "mirror": "shop/events.csv"}
    source = {"title": "Shop", "reader": "retailrocket", "instructions": "Ask."} | changes
    source = {"files": {"events.csv": file}} | source
    fetch(source, raw, mirror)
    return source


def _views(times: list[int]) -> list[str]:
    return [f"{time},{number % 3},view,{number % 2}," for number, time in enumerate(times)]


def test_what_was_read_and_set_aside_is_counted(raw, tmp_path, capsys):
    lines = [*_views([TIME, TIME + 1, TIME + 2]), f"{TIME},0,view,0,", "noon,1,view,1,"]
    source = _source(raw, lines, reading={"max_malformed": 0.2})
    read(source, raw, tmp_path / "tables")
    counts = json.loads((tmp_path / "tables" / "read.json").read_text())
    assert (counts["rows"], counts["malformed"], counts["duplicates"]) == (4, 1, 1)
    assert counts["reasons"] == {"has no readable time": 1}
    assert counts["times"]["first"] == "2015-06-02T05:02:12+00:00"
    assert list(counts["files"]) == ["events.csv"]
    assert (
        "1 malformed lines set aside, 1 events repeat another one exactly"
        in capsys.readouterr().out
    )


def test_too_many_malformed_lines_name_the_place_where_more_are_allowed(raw, tmp_path):
    source = _source(raw, [*_views([TIME] * 49), "noon,1,view,1,"])
    message = r"1 of 50 lines .* sources/shop\.yaml: reading: \{max_malformed: 0\.02\}"
    with pytest.raises(MalformedError, match=message):
        read(source, raw, tmp_path / "tables")
    assert (
        read(source | {"reading": {"max_malformed": 0.02}}, raw, tmp_path / "tables")["rows"] == 49
    )


def test_an_unknown_keyword_stops_with_the_nearest(raw, tmp_path):
    source = _source(raw, _views([TIME]), reading={"max_malformd": 0.1})
    with pytest.raises(
        SettingError, match=r"sources/shop\.yaml: reading: .* did you mean 'max_malformed'"
    ):
        read(source, raw, tmp_path / "tables")
    with pytest.raises(SettingError, match=r"reading: unknown 'wher'; did you mean 'where'"):
        build_catalogue(source | {"reader": "styles", "reading": {"wher": {}}}, raw, tmp_path)


@pytest.mark.parametrize("times", [[TIME // 1000 + n for n in range(4)], [TIME * 1000] * 4])
def test_times_in_another_unit_stop(raw, tmp_path, times):
    source = _source(raw, _views(times))
    message = (
        r"4 of 4 times are implausible, the first is .* and the last .*, expected between "
        r"1990-01-01 and tomorrow\. The reader takes them for milliseconds"
    )
    with pytest.raises(TableError, match=message):
        read(source, raw, tmp_path / "tables")
    assert list((tmp_path / "tables").iterdir()) == []
    allowed = source | {"reading": {"max_implausible_times": 1}}
    assert read(allowed, raw, tmp_path / "tables")["times"]["implausible"] == 4


def test_a_few_implausible_times_are_counted_and_warned_of(raw, tmp_path, capsys):
    source = _source(raw, _views([TIME] * 199 + [12]))
    assert read(source, raw, tmp_path / "tables")["times"]["implausible"] == 1
    assert "warning: interactions: 1 of 200 times are implausible" in capsys.readouterr().err


JDATA = "action_time,user_id,sku_id,type,sessionId,index\n"


def _jdata(raw: Path, **changes) -> dict:
    """Give every user sessions 1 and 9."""
    days = {1: "2018-03-01", 9: "2018-03-02"}
    for name, sessions in {"train.csv": [1], "test_new_item.csv": [9]}.items():
        lines = [
            f"{days[session]} 10:00:0{place},{user},{user}{place},1,{session},{place}\n"
            for session in sessions
            for user in ("ann", "bob")
            for place in range(2)
        ]
        (raw.parents[2] / "mirror" / "shop").mkdir(parents=True, exist_ok=True)
        (raw.parents[2] / "mirror" / "shop" / name).write_text(JDATA + "".join(lines))
    file = {"bytes": None, "sha256": None, "addresses": []}
    names = ("train.csv", "test_new_item.csv")
    files = {name: file | {"mirror": f"shop/{name}"} for name in names}
    source = {"title": "J", "reader": "jdata", "instructions": "Ask.", "files": files} | changes
    fetch(source, raw, raw.parents[2] / "mirror")
    return source


def test_sessions_that_users_share_stop_or_are_numbered_per_user(raw, tmp_path):
    source = _jdata(raw)
    message = r"session 1 has events of 2 users.*sessions_per_user: true\} in sources/shop\.yaml"
    with pytest.raises(TableError, match=message):
        read(source, raw, tmp_path / "tables")
    counts = read(source | {"reading": {"sessions_per_user": True}}, raw, tmp_path / "tables")
    assert (counts["sessions"], counts["users"]) == (4, 2)
    rows = pl.read_parquet(tmp_path / "tables" / "interactions.parquet")
    assert rows["session"].unique().sort().to_list() == ["ann/1", "ann/9", "bob/1", "bob/9"]


def test_sessions_per_user_need_both(raw, tmp_path):
    source = _source(raw, _views([TIME]), reading={"sessions_per_user": True})
    with pytest.raises(TableError, match="the source has no session"):
        read(source, raw, tmp_path / "tables")


def test_ids_that_differ_by_blanks_are_one(raw, tmp_path):
    source = _source(raw, [f"{TIME},7,view,5,", f"{TIME + 1}, 7,view,5 ,"])
    counts = read(source, raw, tmp_path / "tables")
    assert (counts["users"], counts["items"]) == (1, 1)


def test_a_file_that_changed_after_the_fetch_is_not_read(raw, tmp_path):
    source = _source(raw, _views([TIME]))
    (raw / "events.csv").write_text(HEADER + "x")
    with pytest.raises(SourceError, match=r"not those of the manifest.*snakemake .*fetched\.json"):
        read(source, raw, tmp_path / "tables")


def test_a_file_that_the_manifest_does_not_name_is_not_read(raw, tmp_path):
    header = "SessionId\tItemId\tTime\n"
    source = _source(
        raw, [f"1\t{n}\t{TIME // 1000}" for n in range(2)], header, reader="session_rec"
    )
    (raw / "events.csv").rename(raw / "a_train.txt")
    record = json.loads((raw / "fetched.json").read_text())
    (raw / "fetched.json").write_text(json.dumps({"a_train.txt": record["events.csv"]}))
    source["files"] = {"a_train.txt": source["files"]["events.csv"]}
    assert read(source, raw, tmp_path / "tables")["rows"] == 2
    (raw / "b_test.txt").write_text(header + f"2\t1\t{TIME // 1000}\n")
    with pytest.raises(
        SourceError, match=r"b_test\.txt: was read, but sources/shop\.yaml does not name it"
    ):
        read(source, raw, tmp_path / "tables")


def test_a_catalogue_added_later_is_another_key_and_a_world_has_its_own(raw):
    source = _source(raw, _views([TIME]))
    before = reading_inputs(raw, source)
    (raw / "items.csv").write_text("item,title\n0,Zero\n")
    after = reading_inputs(raw, source)
    assert before != after
    (raw / "items.csv").write_text("item,title\n0,One\n")
    assert reading_inputs(raw, source) not in (before, after)
    assert reading_inputs(raw, source | {"world": "shop"})["items.csv"] is None
    assert reading_inputs(raw, source | {"reading": {"max_malformed": 0.05}}) != reading_inputs(
        raw, source
    )


def test_titles_of_a_catalogue_reach_the_items_and_the_record(raw, tmp_path):
    source = _source(raw, _views([TIME, TIME + 1]))
    (raw / "items.csv").write_text("item,title\n0,Zero\n1,One\n")
    assert sorted(read(source, raw, tmp_path / "tables")["files"]) == ["events.csv", "items.csv"]
    assert pl.read_parquet(tmp_path / "tables" / "items.parquet")["title"].to_list() == [
        "Zero",
        "One",
    ]
