"""A file of one's own is understood or refused with one sentence, never silently misread."""

import csv
import gzip
import io
import itertools
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from recloop.data import log_times, own
from recloop.data.log_roles import LogError
from recloop.data.read import open_source

START = datetime(2020, 3, 14, 12, tzinfo=UTC)
WAYS = {  # how a moment may be written, and the option without which it is in doubt
    "s": lambda t: str(int(t.timestamp())),
    "ms": lambda t: str(int(t.timestamp() * 1000)),
    "us": lambda t: str(int(t.timestamp()) * 10**6),
    "float": lambda t: f"{t.timestamp():.3f}",
    "iso": lambda t: t.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "offset": lambda t: (t + timedelta(hours=2)).strftime("%Y-%m-%d %H:%M:%S+02:00"),
    "plain": lambda t: t.strftime("%Y-%m-%d %H:%M:%S"),
    "minutes": lambda t: t.strftime("%Y-%m-%d %H:%M"),
    "european": lambda t: t.strftime("%d/%m/%Y %H:%M:%S"),
    "american": lambda t: t.strftime("%m/%d/%Y %H:%M:%S"),
    "german": lambda t: t.strftime("%d.%m.%Y %H:%M"),
    "kaggle": lambda t: t.strftime("%Y-%m-%d %H:%M:%S UTC"),
    "apache": lambda t: t.strftime("%d/%b/%Y:%H:%M:%S +0000"),
}
NAMES = {
    "user": ["user_id", "userId", "visitorid", "reviewerID", "user_id:token"],
    "item": ["item_id", "movieId", "asin", "sku", "item_id:token"],
    "time": ["timestamp", "ts", "event_time", "date"],
    "event": ["event", "action_type", "behavior"],
    "rating": ["rating", "stars", "overall"],
}
EVENTS = [
    {"view": "view", "addtocart": "cart", "transaction": "purchase"},
    {"pv": "view", "buy": "purchase", "fav": "follow"},
]


def log_of(seed, days=200, number=60):
    """Make events with minutes between them, so that every way of writing keeps their order."""
    chance = random.Random(seed)
    start = START + timedelta(days=chance.randrange(days))
    steps = [chance.randrange(1, 60 * days) for _ in range(number)]
    moments = [start + timedelta(minutes=sum(steps[: n + 1])) for n in range(number)]
    return [
        {"user": f"{chance.randrange(8) + 10**9}", "item": f"i{chance.randrange(20)}", "time": moment,
         "event": chance.choice("abc"), "rating": str(chance.randrange(1, 6))}
        for moment in moments
    ]  # fmt: skip


def written(rows, columns, delimiter, header, ending="\n"):
    text = io.StringIO()
    table = csv.writer(text, delimiter=delimiter, lineterminator=ending)
    table.writerows(([list(columns)] if header else []) + rows)
    return text.getvalue()


@some.composite
def files(draw):
    """Draw a file of events: its bytes, its name, what a person may say of it, and what is in it."""
    events = log_of(draw(some.integers(0, 10**6)))
    way, words = draw(some.sampled_from(sorted(WAYS))), draw(some.sampled_from(EVENTS))
    kinds = dict(zip("abc", words, strict=True))
    used = [
        "user",
        "item",
        "time",
        *draw(some.lists(some.sampled_from(["event", "rating"]), unique=True)),
    ]
    order = draw(some.permutations(used))
    names = {role: draw(some.sampled_from(NAMES[role])) for role in used}
    write = {role: str for role in used} | {"time": WAYS[way], "event": kinds.get}
    rows = [[write[role](event[role]) for role in order] for event in events]
    truth = [
        (
            e["user"],
            e["item"],
            e["time"].replace(tzinfo=UTC),
            words[kinds[e["event"]]] if "event" in used else None,
        )
        for e in events
    ]
    header = draw(some.booleans())
    options = {} if header else {"columns": list(order)}
    if draw(some.booleans()):
        lines = [dict(zip([names[role] for role in order], row, strict=True)) for row in rows]
        return "\n".join(map(json.dumps, lines)).encode(), "log.jsonl", {}, truth, way
    delimiter = draw(some.sampled_from([",", "\t", ";", "|"]))
    text = written(
        rows,
        [names[role] for role in order],
        delimiter,
        header,
        draw(some.sampled_from(["\n", "\r\n"])),
    )
    data = text.encode(draw(some.sampled_from(["utf-8", "utf-8-sig", "utf-16"])))
    zipped = draw(some.booleans())
    return gzip.compress(data) if zipped else data, "log.csv" + ".gz" * zipped, options, truth, way


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(file=files())
def test_a_file_is_understood_as_it_is_meant_or_refused(tmp_path, file):
    data, name, options, truth, way = file
    path = tmp_path / name
    path.write_bytes(data)
    try:
        found = own.understand({"all": path}, options, "mine")
    except LogError as refusal:
        assert way in ("european", "american", "german"), str(refusal)
        assert "--time-format" in str(refusal)
        return
    rows = open_source(found.manifest, tmp_path)[0].interactions.collect().sort("time")
    exact = 60 if way in ("minutes", "german") else 1
    for row, (user, item, moment, event) in zip(rows.iter_rows(named=True), truth, strict=True):
        assert (row["user"], row["item"]) == (user, item)
        assert abs(row["time"] / 1000 - moment.timestamp()) < exact
        assert event is None or row["event"] == event


def refusal(folder, text, name="log.csv", **options):
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(LogError) as fault:
        own.understand({"all": folder / name}, options, "mine")
    assert "\n" not in str(fault.value)
    return str(fault.value)


def understood(folder, text, name="log.csv", **options):
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return own.understand({"all": folder / name}, options, "mine")


EVENT = "user,item,ts\n" + "".join(
    f"u{n % 3},i{(n * 7) % 5},{1_400_000_000 + n}\n" for n in range(30)
)


def test_a_day_that_may_be_a_month_is_asked_for(tmp_path):
    text = "user,item,date\nann,a,03/04/2020\nann,b,05/04/2020\n"
    assert "--time-format '%d/%m/%Y'" in refusal(tmp_path, text)
    found = understood(tmp_path, text, time_format="%d/%m/%Y")
    assert found.counts["first"] == int(datetime(2020, 4, 3, tzinfo=UTC).timestamp() * 1000)


def test_one_late_day_settles_it_wherever_it_is(tmp_path):
    lines = [f"ann,i{n % 7},{n % 12 + 1:02d}/01/2020" for n in range(6000)] + ["ann,z,25/01/2020"]
    found = understood(tmp_path, "user,item,date\n" + "\n".join(lines))
    assert found.manifest["reading"]["time"]["format"] == "%d/%m/%Y"


def test_names_of_items_that_look_like_times_are_no_times(tmp_path):
    lines = [f"u{n % 3},{1_400_000_000 + n * 37 % 100}" for n in range(40)]
    assert "time" not in understood(tmp_path, "user,item\n" + "\n".join(lines)).manifest["reading"]
    other = "user,item,code\n" + "\n".join(
        f"u{n % 3},i{n * 7 % 5},{1_400_000_000 + n}" for n in range(40)
    )
    assert "--time code, or --time none" in refusal(tmp_path, other)


def test_columns_without_names_are_asked_for_with_a_guess(tmp_path):
    lines = [f"{n % 30}\t{n * 13 % 50}\t{n % 5 + 1}\t{880_000_000 + n}" for n in range(100)]
    assert "--columns user,item,rating,time" in refusal(tmp_path, "\n".join(lines))


def test_two_columns_for_one_role(tmp_path):
    text = "user,customer,item\n" + "".join(f"u{n % 3},c{n % 4},i{n * 7 % 5}\n" for n in range(20))
    assert "--user user" in refusal(tmp_path, text)
    alike = "user,customer,item\n" + "".join(f"u{n % 3},c{n % 3},i{n * 7 % 5}\n" for n in range(20))
    assert understood(tmp_path, alike).manifest["reading"]["user"] == "user"


def test_unknown_words_of_events_are_asked_for(tmp_path):
    text = "user,item,type\n" + "".join(f"u{n % 3},i{n * 7 % 5},{n % 2 + 1}\n" for n in range(20))
    assert "--events 1=?,2=?" in refusal(tmp_path, text)
    found = understood(tmp_path, text, events={"1": "view", "2": None})
    assert found.counts["events"] == {"view": 10}
    assert "no such event; did you mean 'purchase'?" in refusal(
        tmp_path, text, events={"1": "purchas"}
    )


def test_decimal_commas_do_not_part_fields(tmp_path):
    text = "user;item;rating;ts\n" + "".join(
        f"u{n % 3};i{n * 7 % 5};{n % 5},5;{1_400_000_000 + n}\n" for n in range(20)
    )
    assert "expected a number" in refusal(tmp_path, text)


def test_two_delimiters_that_both_would_do(tmp_path):
    text = "".join(f"a{n};b,c{n};d\n" for n in range(20))
    assert "--delimiter" in refusal(tmp_path, text)


def test_headers_in_doubt(tmp_path):
    assert "--header yes or --header no" in refusal(tmp_path, "ann,apple\nbob,pear\n")


def test_latin_1_keeps_names_apart(tmp_path):
    text = "user,item\n" + "".join(f"Ren{'éèê'[n % 3]},i{n * 7 % 5}\n" for n in range(20))
    found = understood(tmp_path, text.encode("latin-1"))
    assert found.counts["users"] == 3 and "Latin-1" in found.note


def test_a_broken_byte_among_utf_8_spoils_its_line_only(tmp_path):
    text = "user,item\n" + "".join(f"Ren{'éèê'[n % 3]},i{n * 7 % 5}\n" for n in range(300))
    found = understood(tmp_path, text.encode() + b"Ren\xe9,i1\n")
    assert found.malformed["reason"].to_list() == ["is not UTF-8"]


@pytest.mark.parametrize(
    "data, part",
    [
        (b"", "an empty file"),
        (b"\n\n", "only empty lines"),
        (b"user,item\n", "only a header"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\x1f\x8b\x08\x00", "gzipped"),
        (b'[{"user": 1, "item": 2}]', "a JSON list"),
        (b'{\n"user": 1\n}\n', "one object a line"),
        (b"u\0s\0e\0r\0,\0i\0\n", "zero bytes"),
        (b"PAR1 and no more", "a damaged Parquet file"),
        (b"1 2 3\n1 2\n1 2 3 4 5\n6\n", "no delimiter"),
        (b"user,user,item\n1,2,3\n", "names 'user' twice"),
        (b"user,item,day,month,year\n1,2,3,4,2020\n", "a date in several columns"),
        (b"user,item,date,time\n1,2,2020-01-01,12:30:00\n", "without its date"),
        (b"user,item,ts\n1,2,7\n1,3,8\n", "no time that is known"),
        (b"title,genre\n1,2\n", "--user"),
    ],
)
def test_what_is_no_log_is_refused_in_one_line(tmp_path, data, part):
    assert part in refusal(tmp_path, data)


def test_lines_sorted_by_item_are_no_order(tmp_path):
    text = "user,item\n" + "".join(
        f"u{user},{item}\n" for user in range(5) for item in range(10, 40)
    )
    assert "--order none" in refusal(tmp_path, text)
    assert understood(tmp_path, text, order="none").manifest["reading"]["ties"] == "shuffle"


def test_lines_that_do_not_follow_the_time_do_not_order_ties(tmp_path):
    lines = [f"u1,i{n},{1_400_000_000 + n * 7919 % 50}" for n in range(50)]
    assert (
        understood(tmp_path, "user,item,ts\n" + "\n".join(lines)).manifest["reading"]["ties"]
        == "shuffle"
    )
    assert "ties" not in understood(tmp_path, EVENT).manifest["reading"]


def test_too_many_lines_that_are_no_events(tmp_path):
    text = EVENT + "u1,,1400000000\n" * 10
    assert "10 of 40 lines would be set aside" in refusal(tmp_path, text)
    assert understood(tmp_path, text, max_malformed=0.3).malformed.height == 10


def test_two_units_in_one_column(tmp_path):
    text = EVENT + "".join(f"u{n % 3},i1,{1_400_000_000_000 + n}\n" for n in range(3))
    assert "time" in refusal(tmp_path, text)


def test_sessions_numbered_for_each_user(tmp_path):
    text = "user,session,item\n" + "".join(f"u{n % 3},{n // 10},i{n * 7 % 5}\n" for n in range(30))
    found = understood(tmp_path, text)
    assert found.manifest["reading"]["sessions_per_user"]
    assert found.counts["sessions"] == 9


def test_a_column_that_holds_the_split(tmp_path):
    parts = ["train"] * 20 + ["dev"] * 5 + ["test"] * 5
    text = "user,item,split\n" + "".join(
        f"u{n % 3},i{n * 7 % 5},{part}\n" for n, part in enumerate(parts)
    )
    found = understood(tmp_path, text)
    assert found.manifest["reading"]["part"]["values"]["dev"] == "valid"
    assert found.manifest["defaults"]["split"] == {"by": "given"}
    assert "no valid" in refusal(tmp_path, text.replace("dev", "train"))


def test_files_of_a_given_split(tmp_path):
    folders = {}
    for part in ("train", "valid", "test"):
        (tmp_path / part).mkdir()
        folders[part] = tmp_path / part / "events.csv"
        folders[part].write_text(EVENT)
    found = own.understand(folders, {}, "mine")
    assert found.manifest["reading"]["files"] == {
        "events.csv": "train",
        "valid_events.csv": "valid",
        "test_events.csv": "test",
    }
    folders["test"].write_text(EVENT.replace(",", ";"))
    with pytest.raises(LogError, match="Expected files alike"):
        own.understand(folders, {}, "mine")


def test_sessions_and_split_need_their_columns(tmp_path):
    text = "session,item\n" + "".join(f"s{n % 3},i{n * 7 % 5}\n" for n in range(20))
    assert "needs the user" in refusal(tmp_path, text, sessions={"by": "user"})
    assert "needs the time" in refusal(tmp_path, text, split={"by": "time", "shares": own.SHARES})
    assert "--split-column" in refusal(tmp_path, text, split={"by": "given"})


def test_parquet(tmp_path):
    moments = [datetime(2020, 1, 1) + timedelta(hours=n) for n in range(30)]
    rows = {
        "user_id": [n % 3 for n in range(30)],
        "product": [n * 7 % 5 for n in range(30)],
        "at": moments,
    }
    pl.DataFrame(rows).write_parquet(tmp_path / "log.parquet")
    found = own.understand({"all": tmp_path / "log.parquet"}, {}, "mine")
    assert found.counts["first"] == int(datetime(2020, 1, 1, tzinfo=UTC).timestamp() * 1000)
    assert found.manifest["reading"]["layout"]["columns"] == ["user_id", "product", "at"]


def test_a_name_for_the_data_set():
    assert own.name_of(Path("/x/My Clicks.csv.gz")) == "my_clicks"
    assert own.name_of(Path("2020.tsv")) == "data_2020"
    with pytest.raises(LogError, match="already"):
        own.check_names(["mine"], "mine", replace=False)


def test_every_unit_has_its_own_range():
    spans = sorted(log_times.UNITS.values())
    assert all(before[1] < after[0] for before, after in itertools.pairwise(spans))
