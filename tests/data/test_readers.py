"""Each reader on a few lines whose rows are known, malformed ones among them."""

from __future__ import annotations

import gzip
import json
from importlib import import_module
from pathlib import Path

import polars as pl
import pytest

from recloop.data.prepare import prepare
from recloop.data.quarantine import MalformedError
from recloop.data.tables import write_tables

TIME = 1_396_868_709_277  # 2014-04-07T11:05:09.277Z


def _read(reader: str, raw: Path, files: dict[str, str], **settings):
    raw.mkdir(exist_ok=True)
    for name, text in files.items():
        (raw / name).parent.mkdir(exist_ok=True)
        opened = gzip.open if name.endswith(".gz") else open
        with opened(raw / name, "wt", encoding="utf-8", newline="") as file:
            file.write(text)
    reading = import_module(f"recloop.data.readers.{reader}").read(raw, **settings)
    write_tables(reading, raw / "tables")
    return pl.read_parquet(raw / "tables" / "interactions.parquet"), reading


def _rows(interactions: pl.DataFrame, *columns: str) -> list[tuple]:
    return interactions.select(columns).rows()


def _bad(reading) -> list[tuple]:
    return reading.malformed.select("file", "line", "reason").rows()


def test_yoochoose_joins_clicks_and_buys_in_time(tmp_path):
    clicks = (
        "1,2014-04-07T11:05:09.277Z,214536502,0\r\n"
        "1,2014-04-07T11:06:09.277Z,214536500,S\n"
        "2,2014-04-07T11:05:10Z,214536500,5\n"
        "2,2014-04-07T11:05:11Z,214536500,1234567890\n"
        "1,2014-04-07T11:06,214536500,S\n"
        "\n"
        "3,2014-04-07T11:05:09.277Z,,0\n"
        "3,2014-04-07T11:05:09.277Z,7\n"
        "3,2014-04-07T11:05:09.277Z,7,0,9"
    )
    buys = "1,2014-04-07T11:06:09.277Z,214536502,100,1\n1,2014-04-07T11:06:09.277Z,7,free,1\n"
    files = {"yoochoose-clicks.dat": clicks, "yoochoose-buys.dat": buys}
    events, reading = _read("yoochoose", tmp_path / "raw", files, max_malformed=0.9)
    assert _rows(events, "session", "item", "time", "event") == [
        ("1", "214536502", TIME, "click"),
        ("1", "214536500", TIME + 60_000, "click"),
        ("1", "214536502", TIME + 60_000, "purchase"),
        ("2", "214536500", TIME + 723, "click"),
        ("2", "214536500", TIME + 1_723, "click"),
    ]
    assert events["user"].null_count() == 5
    assert _bad(reading) == [
        ("yoochoose-clicks.dat", 5, "has no readable time"),
        ("yoochoose-clicks.dat", 6, "does not have 4 fields"),
        ("yoochoose-clicks.dat", 7, "has no item"),
        ("yoochoose-clicks.dat", 8, "does not have 4 fields"),
        ("yoochoose-clicks.dat", 9, "does not have 4 fields"),
        ("yoochoose-buys.dat", 2, "has no readable price or quantity"),
    ]
    named = reading.items.select("item", "category", "brand").rows()
    assert named == [("214536500", "5", "1234567890"), ("214536502", None, None)]


def test_session_rec_reads_seconds_with_fractions(tmp_path):
    header = "SessionId\tItemId\tTime\n"
    files = {
        "a_train.txt": header + "1\t5\t1396860669.277\n1\t6\t-4\n",
        "b_test.txt": header + "2\t5\t1396860886\n2\t5\tnoon\n",
    }
    events, reading = _read("session_rec", tmp_path / "raw", files, max_malformed=0.5)
    assert _rows(events, "session", "item", "time") == [
        ("1", "5", 1_396_860_669_277),
        ("2", "5", 1_396_860_886_000),
    ]
    assert _bad(reading) == [
        ("a_train.txt", 3, "has a time before 1970"),
        ("b_test.txt", 3, "has no readable time"),
    ]


def test_session_rec_puts_training_first_whatever_the_names(tmp_path):
    header = "SessionId\tItemId\tTime\n"
    files = {
        "clicks_test.txt": header + "1\t8\t1396860669\n",
        "clicks_train_full.txt": header + "1\t5\t1396860669\n1\t6\t1396860669\n",
    }
    events, reading = _read("session_rec", tmp_path / "raw", files)
    assert [path.name for path in reading.files] == ["clicks_train_full.txt", "clicks_test.txt"]
    assert events["item"].to_list() == ["5", "6", "8"]


TRAIN = "session_idx,position,item_id\n0,0,11\n0,1,12\n1,1,14\n1,0,13\n1,x,9\n"
PREFIXES = (
    "row,prefix_items,next_item\n"
    "0,1 2 3,4\n1,1 2,3\n2,1,2\n"  # 1 2 3 4
    "3,5,6\n"  # 5 6
    "4,5,6\n"  # 5 6 once more, another session
    "5,1 2 2,2\n6,1 2,\n7,1,2\n"  # 1 2 2 2, its middle row broken
)


@pytest.mark.parametrize(
    ("reader", "event"), [("session_release", "click"), ("session_release_views", "view")]
)
def test_session_release_counts_no_session_twice(tmp_path, reader, event):
    files = {"train_sessions.csv.gz": TRAIN, "test_prefixes.csv.gz": PREFIXES}
    events, reading = _read(reader, tmp_path / "raw", files, max_malformed=0.5)
    sessions = events.group_by("session", maintain_order=True).agg("item").rows()
    assert sessions == [
        ("1-train-0000000", ["11", "12"]),
        ("1-train-0000001", ["13", "14"]),
        ("2-test-0000000", ["1", "2", "3", "4"]),
        ("2-test-0000001", ["5", "6"]),
        ("2-test-0000002", ["5", "6"]),
        ("2-test-0000003", ["1", "2", "2", "2"]),
    ]
    assert events["event"].unique().to_list() == [event]
    assert events["time"].null_count() == events.height
    assert _bad(reading) == [
        ("train_sessions.csv.gz", 6, "has no readable position"),
        ("test_prefixes.csv.gz", 8, "has no next item"),
    ]


def test_a_release_is_parted_as_its_files_are(tmp_path):
    train = "session_idx,position,item_id\n" + "".join(
        f"{session},{place},{place}\n" for session in range(20) for place in range(2)
    )
    files = {"train_sessions.csv.gz": train, "test_prefixes.csv.gz": PREFIXES}
    events, _ = _read("session_release_parts", tmp_path / "raw", files, max_malformed=0.5)
    parts = dict(events.group_by("session").agg(pl.col("part").unique()).rows())
    tenth = {"1-train-0000009", "1-train-0000019"}
    for session, found in parts.items():
        assert found == [
            "test" if session.startswith("2") else "valid" if session in tenth else "train"
        ]
    assert len(parts) == 24


def test_retailrocket_takes_visitors_for_users(tmp_path):
    text = (
        "timestamp,visitorid,event,itemid,transactionid\n"
        "1433221332117,257597,view,355908,\n"
        "1433221332118,257597,addtocart,355908,\n"
        "1433221332119,257597,transaction,355908,4000\n"
        "1433221332117,1,VIEW,355908,\n"
        "tomorrow,1,view,355908,\n"
    )
    events, reading = _read(
        "retailrocket", tmp_path / "raw", {"events.csv": text}, max_malformed=0.5
    )
    assert _rows(events, "user", "session", "time", "event") == [
        ("257597", None, 1_433_221_332_117, "view"),
        ("257597", None, 1_433_221_332_118, "cart"),
        ("257597", None, 1_433_221_332_119, "purchase"),
    ]
    assert [line for _, line, _ in _bad(reading)] == [5, 6]


def test_lfm1b_takes_tracks_for_items_and_seconds_for_times(tmp_path):
    text = "31435\t2\t4\t4\t1385212958\n31435\t2\t4\t5\t1385212642\n31435\t2\t4\t4\n"
    events, reading = _read("lfm1b", tmp_path / "raw", {"LFM-1b_LEs.txt": text}, max_malformed=0.5)
    assert _rows(events, "user", "item", "time", "event") == [
        ("31435", "5", 1_385_212_642_000, "play"),
        ("31435", "4", 1_385_212_958_000, "play"),
    ]
    assert reading.items.select("item", "brand").rows() == [("4", "2"), ("5", "2")]
    assert _bad(reading) == [("LFM-1b_LEs.txt", 3, "does not have 5 fields")]


@pytest.mark.parametrize(
    ("reader", "items"),
    [("lfm1b_albums", [("7", "2"), ("8", "3")]), ("lfm1b_artists", [("2", None), ("3", None)])],
)
def test_lfm1b_takes_albums_or_artists_for_items(tmp_path, reader, items):
    text = "5\t2\t7\t4\t11\n5\t3\t8\t5\t12\n5\t2\t7\t\t13\n5\t\t\t6\t14\n"
    events, reading = _read(reader, tmp_path / "raw", {"LFM-1b_LEs.txt": text}, max_malformed=0.5)
    first, second = (item for item, _ in items)
    assert _rows(events, "item", "time") == [(first, 11_000), (second, 12_000), (first, 13_000)]
    assert reading.items.select("item", "brand").rows() == items
    kind = reader.removeprefix("lfm1b_").removesuffix("s")
    assert _bad(reading) == [("LFM-1b_LEs.txt", 4, f"has no {kind}")]


def test_reddit_log_reads_comments_with_times(tmp_path):
    text = (
        "username,subreddit,utc\n"
        "ann,nfl,1482748113.0\nann,aww,1482748000\n"
        ",nfl,1482748113.0\nbob,nfl,today\nbob,,1\nbob,nfl,-1.0\nbob,nfl\n"
    )
    files = {"reddit_data.csv": text}
    events, reading = _read("reddit_log", tmp_path / "raw", files, max_malformed=0.9)
    assert _rows(events, "user", "item", "time", "event") == [
        ("ann", "aww", 1_482_748_000_000, "comment"),
        ("ann", "nfl", 1_482_748_113_000, "comment"),
    ]
    assert reading.items.select("item", "title").rows() == [("aww", "aww"), ("nfl", "nfl")]
    assert [line for _, line, _ in _bad(reading)] == [4, 5, 6, 7, 8]


PIECES = (
    "row,seq_length,next_id,seq_ids\r\n"
    "0,14,99,1 50 1 50 1 50 1 50 1 50 1 50 1 50\r\n"  # no gap tells where 99 was
    "1,5,51,1 1 50 1 1\r\n"  # too short for 15: the last piece of this user
    "2,0,52,\r\n"  # 52 alone
    "3,13,53,1 60 1 60 1 60 1 60 1 60 1 60 60\r\n"
    "4,8,54,70 1 70 1 70 1 70 1\r\n"  # shares nothing but the common 1
    "5,2,55,1 70\r\n"
    "6,3,55,1 70\r\nx,1,55,1\r\n6,1,y,1\r\n6,2,55,1 b\r\n"
)


def test_reddit_sequences_puts_back_what_it_can_and_parts_users(tmp_path, monkeypatch):
    from recloop.data.readers import reddit_sequences

    monkeypatch.setattr(reddit_sequences, "COMMON", 1)
    files = {"sequences.csv.gz": PIECES}
    events, reading = _read("reddit_sequences", tmp_path / "raw", files, max_malformed=0.9)
    pieces = events.group_by("user", "session", maintain_order=True).agg("item")
    assert [" ".join(items) for items in pieces["item"]] == [
        "1 50 1 50 1 50 1 50 1 50 1 50 1 50",
        "1 51 1 50 1 51 1",
        "52",
        "1 60 1 60 1 60 1 60 1 60 1 60 53 60",
        "70 1 70 1 70 1 70 1",
        "1 70",
    ]
    assert [int(user[-1]) for user in pieces["user"]] == [1, 1, 2, 3, 4, 4]
    assert events["time"].null_count() == events.height
    assert [line for _, line, _ in _bad(reading)] == [8, 9, 10, 11]


def test_amazon_scientific_joins_brand_by_title(tmp_path):
    texts = {
        "0": {"title": "Nut & bolt", "description": "['Strong.', 'Cheap.']", "brand": "Acme"},
        "1": {"title": "Twin", "description": "[]", "brand": "A"},
        "2": {"title": "Twin", "description": "[]", "brand": "B"},
    }
    files = {
        "am_Industrial_and_Scientific_users.tsv": "u1\tB2 B1 B2\nu2\t\n",
        "Industrial_and_Scientific_items.tsv": "B1\tNut &amp; Bolt \nB2\tTwin\n",
        "Industrial_and_Scientific.item.json": json.dumps(texts),
    }
    events, reading = _read("amazon_scientific", tmp_path / "raw", files, max_malformed=0.5)
    assert _rows(events, "user", "item", "position") == [
        ("u1", "B2", 0),
        ("u1", "B1", 1),
        ("u1", "B2", 2),
    ]
    described = reading.items.select("item", "brand", "description").rows()
    assert described == [("B1", "Acme", "Strong. Cheap."), ("B2", None, None)]
    assert _bad(reading) == [("am_Industrial_and_Scientific_users.tsv", 2, "has no items")]


def test_item_sequences_keep_their_order_and_unescape_titles(tmp_path):
    files = {
        "users.tsv": "u1\tB2 B1 B2\nu2\tB3\nu1\tB1\n",
        "items.tsv": "B1\tBow &amp; rosin\nB2\t Plain \n",
    }
    events, reading = _read("item_sequences", tmp_path / "raw", files, max_malformed=0.5)
    assert _rows(events, "user", "item", "position") == [
        ("u1", "B2", 0),
        ("u1", "B1", 1),
        ("u1", "B2", 2),
        ("u2", "B3", 0),
    ]
    titles = reading.items.select("item", "title").rows()
    assert titles == [("B1", "Bow & rosin"), ("B2", " Plain "), ("B3", None)]
    assert _bad(reading) == [("users.tsv", 3, "has the user of an earlier line")]


def test_nine_rec_reads_one_of_two_titles_or_none(tmp_path):
    files = {
        "b.tsv": "u1\tv2 v1\nu2\tv3\n",
        "i.csv": 'v1,一,"one, and more"\nv2,二,two\nv3\nv1,三,three\n',
    }
    given = {"users": "b.tsv", "titles": "i.csv", "max_malformed": 0.5}
    events, reading = _read("nine_rec", tmp_path / "raw", files, language="english", **given)
    assert _rows(events, "user", "item", "event") == [
        ("u1", "v2", "view"),
        ("u1", "v1", "view"),
        ("u2", "v3", "view"),
    ]
    titles = reading.items.select("item", "title").rows()
    assert titles == [("v1", "one, and more"), ("v2", "two"), ("v3", None)]
    assert [line for _, line, _ in _bad(reading)] == [3, 4]
    _, bare = _read("nine_rec", tmp_path / "raw", files, users="b.tsv")
    assert bare.items["title"].to_list() == [None] * 3
    with pytest.raises(MalformedError, match=r"2 of 4 lines are no item .* the first is line 3"):
        _read("nine_rec", tmp_path / "raw", files, **(given | {"max_malformed": 0.1}))
    with pytest.raises(MalformedError, match="language='french': expected one of chinese"):
        _read("nine_rec", tmp_path / "raw", files, language="french", **given)


STYLES = (
    "id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage,"
    "productDisplayName\n"
)


def test_customers_of_styles_choose_by_attributes_and_read_some_titles(tmp_path):
    colours = ["Red", "Blue"]
    rows = [
        f"{n},Men,Apparel,Topwear,Shirts,{colours[n % 2]},Fall,2011,Casual,Shirt {n}\n"
        for n in range(40)
    ]
    files = {"styles.csv": STYLES + "".join(rows)}
    files |= {f"images/{n}.jpg": "any" for n in range(39)}
    given = {"where": {"articleType": ["Shirts"]}, "attributes": {"colour": "baseColour"}}
    given |= {"users": 60, "lengths": [4, 8], "taste": 50.0, "drift": 0.0, "titled": 0.5}
    events, reading = _read("styles_customers", tmp_path / "raw", files, **given)
    per_user = events.group_by("user").agg(pl.col("item").cast(pl.Int64) % 2, pl.len())
    assert per_user["len"].min() >= 4
    assert events.select("user", "item").n_unique() == events.height  # nothing is bought twice
    alike = per_user.select((pl.col("item").list.mean() - 0.5).abs())
    assert alike["item"].mean() > 0.27  # mostly one colour; by chance 0.18
    told = reading.items["title"].is_not_null().mean()
    assert 0.25 < told < 0.75
    assert "39" not in {*reading.items["item"], *events["item"]}  # it has no picture
    again, _ = _read("styles_customers", tmp_path / "raw", files, **given)
    assert again.equals(events)
    parted, reading = _read("styles_customers", tmp_path / "raw", files, **given, single=1.0)
    titles = reading.items.select("item", told=pl.col("title").is_not_null())
    kinds = parted.join(titles, on="item").group_by("user").agg(pl.col("told").n_unique())
    assert kinds["told"].max() == 1


def _beauty(counts: dict[str, int]) -> dict[str, str]:
    names = {"1": "Makeup", "2": "Rare", "3": "Hair"}
    return {
        "Beauty.txt": "1 1 2 3\n2 4 5 4\n3\n4  5\n",
        "Beauty_item2attributes.json": json.dumps({str(item): [1, 2] for item in range(1, 6)}),
        "beauty_datamaps.json": json.dumps({"id2attribute": names, "attributeid2num": counts}),
    }


def test_amazon_beauty_names_attributes_that_are_numbered_anew(tmp_path):
    files = _beauty({"1": 5, "2": 1, "3": 5})
    events, reading = _read("amazon_beauty", tmp_path / "raw", files, max_malformed=0.5)
    assert _rows(events, "user", "item")[3:] == [("2", "4"), ("2", "5"), ("2", "4")]
    assert reading.items["attributes"].to_list() == [["Makeup", "Hair"]] * 5
    assert [line for _, line, _ in _bad(reading)] == [3, 4]


def test_amazon_beauty_stops_where_the_two_files_disagree(tmp_path):
    with pytest.raises(MalformedError, match=r"files of one release\?"):
        _read("amazon_beauty", tmp_path / "raw", _beauty({"1": 5, "3": 9}), max_malformed=0.5)


def test_jdata_reads_all_kinds_of_events(tmp_path):
    header = "action_time,user_id,sku_id,type,sessionId,index\n"
    day = "2018-03-01 00:00:0"
    rows = "".join(f"{day}{kind},8,{kind}0,{kind},42,1519862406.0\n" for kind in range(1, 7))
    files = {"train.csv": header + rows, "test_new_item.csv": header + f"{day}9,9,1,2,43,0\n"}
    events, reading = _read("jdata", tmp_path / "raw", files, max_malformed=0.5)
    kinds = ["click", "order", "follow", "comment", "cart", "order"]
    assert events["event"].to_list() == kinds
    assert events["time"][0] == 1_519_862_401_000
    assert _bad(reading) == [("train.csv", 7, "has an unknown type")]


def test_coat_numbers_users_and_items_by_their_place(tmp_path):
    files = {
        "train.ascii": "0 5\n1 0\n7 1\n",
        "test.ascii": "3 0 \n0 0\n0\n",
        "item_features.ascii": "1 0 1\n0 1 1\n",
        "item_features_map.txt": "gender:men\njackettype:rain\ncolor:red",
    }
    events, reading = _read("coat", tmp_path / "raw", files, max_malformed=0.5)
    assert _rows(events, "user", "item", "position", "rating") == [
        ("0", "1", 1, 5.0),
        ("0", "0", 2, 3.0),
        ("1", "0", 0, 1.0),
    ]
    assert [(file, line) for file, line, _ in _bad(reading)] == [
        ("train.ascii", 3),
        ("test.ascii", 3),
    ]
    assert reading.items["category"].to_list() == [None, "rain"]
    assert reading.items["attributes"][0].to_list() == ["gender:men", "color:red"]


def test_movielens_reads_quoted_titles(tmp_path):
    files = {
        "ratings.csv": "userId,movieId,rating,timestamp\n1,31,2.5,1260759144\n1,32,9,1260759144\n",
        "movies.csv": 'movieId,title,genres\n31,"Miserables, Les (1995)",Drama|War\n',
    }
    events, reading = _read("movielens", tmp_path / "raw", files, max_malformed=0.5)
    assert _rows(events, "user", "item", "time", "rating") == [("1", "31", 1_260_759_144_000, 2.5)]
    assert reading.items.select("title", "category").rows() == [("Miserables, Les (1995)", "Drama")]
    assert _bad(reading) == [("ratings.csv", 3, "has a rating other than 0.5 to 5")]


def test_lastfm_tags_are_one_event_a_day_and_artist(tmp_path):
    files = {
        "user_taggedartists.dat": "userID\tartistID\ttagID\tday\tmonth\tyear\n2\t52\t13\t1\t4\t2009\n"
        "2\t52\t15\t1\t4\t2009\n2\t52\t13\t2\t4\t2009\n3\t9\t1\t31\t2\t2009\n3\t9\t1\t1\t1\t1956\n",
        "artists.dat": "id\tname\turl\tpictureURL\n52\tGrup Yorum\thttp://x\thttp://y\n",
    }
    events, reading = _read("lastfm_tags", tmp_path / "raw", files, max_malformed=0.5)
    days = [1_238_544_000_000, 1_238_630_400_000]
    assert _rows(events, "user", "item", "time", "event") == [
        ("2", "52", day, "tag") for day in days
    ]
    assert reading.items.select("item", "title").rows() == [("52", "Grup Yorum")]
    assert _bad(reading) == [
        ("user_taggedartists.dat", 5, "has no day of a calendar"),
        ("user_taggedartists.dat", 6, "has a day before 2002"),
    ]


RELEASE = {
    "train_input.txt": "1 2 3\n4 5\n2 6 1\n",
    "val_input.txt": "4 5 6\n",
    "val_output.txt": "2\n",
    "test_output.txt": "9\n3\n8\n",
}


def test_movielens_sequences_keep_the_parts_of_the_release(tmp_path):
    events, reading = _read("movielens_sequences", tmp_path / "raw", RELEASE)
    second = events.filter(user="user-0002")
    assert _rows(second, "item", "part", "position") == [
        ("4", "train", 0),
        ("5", "train", 1),
        ("6", "train", 2),  # known before validation
        ("2", "valid", 3),
        ("3", "test", 4),
    ]
    others = events.filter(pl.col("user") != "user-0002")
    assert _rows(others, "item") == [("1",), ("2",), ("3",), ("2",), ("6",), ("1",)]
    assert others["part"].unique().to_list() == [
        "train"
    ]  # what came before their last item is not known
    assert reading.items["item"].to_list() == ["1", "2", "3", "4", "5", "6"]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("val_input.txt", "4 6 5\n", "go on for one item after just one line"),
        ("val_output.txt", "2\n3\n", "1 good lines, val_output.txt 2"),
        ("test_output.txt", "9\n3\n", "3 good lines, test_output.txt 2"),
        ("train_input.txt", "1 2 3\n4 5\n4 5\n", "go on for one item after just one line"),
    ],
)
def test_movielens_sequences_of_different_releases_are_refused(tmp_path, name, text, says):
    with pytest.raises(MalformedError, match=says):
        _read("movielens_sequences", tmp_path / "raw", RELEASE | {name: text})


WHOLE = {
    "train_input.txt": "1 2 3\n4 5\n2 6 1\n",
    "val_output.txt": "2\n",
    "test_input.txt": "1 2 3 7\n4 5 6 2\n2 6 1 5\n",
    "test_output.txt": "9\n3\n8\n",
}


def test_movielens_release_tests_every_user_and_learns_nothing_else(tmp_path):
    events, reading = _read("movielens_release", tmp_path / "raw", WHOLE)
    rows = events.sort("user", "position").group_by("user", maintain_order=True).agg("item", "part")
    assert rows["item"].to_list() == [list("12379"), list("45623"), list("26158")]
    train, held = ["train"], ["test", "test"]
    validated = [*train * 2, "valid", "valid", "test"]
    assert rows["part"].to_list() == [[*train * 3, *held], validated, [*train * 3, *held]]
    assert reading.items["item"].to_list() == list("123456789")
    kept = {"events": ["rating"], "purchases": [], "sessions": {"by": "user"}, "order": []}
    tables, split = tmp_path / "raw" / "tables", {"by": "given", "targets": "last"}
    record = prepare(tables, tmp_path / "split", kept, split, 1, {"title": "a release"})
    targets = {part: count["targets"] for part, count in record["counts"].items()}
    assert targets == {"train": 2 + 1 + 2, "valid": 1, "test": 3}
    asked = pl.read_parquet(tmp_path / "split" / "test.parquet")
    assert (
        asked.select(pl.col("item").list.len() - pl.col("first_target")).to_series().to_list()
        == [1] * 3
    )


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        (
            "test_input.txt",
            "1 2 3\n4 5 6 2\n2 6 1 5\n",
            "line 1 does not go on for one item or two",
        ),
        (
            "test_input.txt",
            "1 2 3 7\n4 9 6 2\n2 6 1 5\n",
            "line 2 does not go on for one item or two",
        ),
        ("test_input.txt", "1 2 3 7\n4 5 6 2\n", "not all good lines go together"),
        ("val_output.txt", "6\n", "last items of the 1 lines"),
    ],
)
def test_movielens_release_takes_files_of_one_release_alone(tmp_path, name, text, says):
    with pytest.raises(MalformedError, match=says):
        _read("movielens_release", tmp_path / "raw", WHOLE | {name: text})


def test_movielens_sequences_set_a_line_aside_with_its_counterpart_missing(tmp_path):
    files = RELEASE | {"train_input.txt": "1 2 x\n4 5\n2 6 1\n"}
    with pytest.raises(MalformedError, match="not all go together"):
        _read("movielens_sequences", tmp_path / "raw", files, max_malformed=0.5)
