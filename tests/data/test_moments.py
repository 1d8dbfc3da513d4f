"""Moments of events: context that is known when an event is asked for, behaviour that is not."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from recloop.data.moments import BEHAVIOUR, CONTEXT, Moments, item_kinds
from recloop.data.worlds import errands
from recloop.storage.settings import SettingsError

ASKED = {"moment": "request", "horizon": 2, "most_kinds": 8}
HOUR = 3_600_000
MONDAY = int(datetime(2015, 5, 4, 9, 30, tzinfo=UTC).timestamp() * 1000)
VISITS = {  # user, start in hours after Monday half past nine, items, purchases
    "train": [("a", 0, [0, 1, 0], [0, 0, 1]), ("b", 1, [2, 3], [0, 0])],
    "valid": [("a", 40, [2, 2], [0, 1])],
    "test": [("a", 45, [3, 0, 1], [0, 0, 0])],
}


@pytest.fixture
def folder(tmp_path):
    """A split of four visits by two users, a minute between events."""
    number = 0
    for part, visits in VISITS.items():
        rows = []
        for user, start, items, bought in visits:
            time = [MONDAY + start * HOUR + 60_000 * step for step in range(len(items))]
            rows.append(
                {
                    "session": number,
                    "user": user,
                    "item": items,
                    "event": bought,
                    "time": time,
                    "first_target": 1,
                }
            )
            number += 1
        pl.DataFrame(rows).write_parquet(tmp_path / f"{part}.parquet")
    kinds = {
        "item": [0, 1, 2, 3],
        "category": ["x", "x", "y", None],
        "attributes": [None, None, ["u", "x"], None],
    }
    schema = {"item": pl.Int32, "category": pl.String, "attributes": pl.List(pl.String)}
    pl.DataFrame(kinds, schema=schema).write_parquet(tmp_path / "items.parquet")
    return tmp_path


def column(moments, name):
    names = CONTEXT if name in CONTEXT else BEHAVIOUR
    rows = moments.context if name in CONTEXT else moments.behaviour
    return rows[:, names.index(name)]


def test_context_knows_hour_weekday_gap_absence_and_position(folder):
    it = Moments.read(folder, "test", ASKED)
    assert column(it, "hour 6").tolist() == [1, 1, 1]  # 45 hours after half past nine
    assert it.context[:, :24].sum(1).tolist() == [1, 1, 1]
    assert column(it, "wednesday").tolist() == [1, 1, 1]
    assert column(it, "away 1 h").tolist() == [1, 1, 1]  # since the validation part's visit
    assert column(it, "gap") == pytest.approx([0, np.log(61) / 5, np.log(61) / 5])
    assert column(it, "position") == pytest.approx(np.log([1, 2, 3]) / np.log(11))


def test_a_first_visit_was_away_from_nothing(folder):
    it = Moments.read(folder, "train", ASKED)
    away = [CONTEXT.index(name) for name in CONTEXT if name.startswith("away")]
    assert not it.context[:, away].any()
    later = Moments.read(folder, "valid", ASKED)
    assert column(later, "away 24 h").tolist() == [1, 1]


def test_the_last_event_s_clock_knows_nothing_of_the_next(folder):
    asked = ASKED | {"moment": "last"}
    before = Moments.read(folder, "test", asked).context
    table = pl.read_parquet(folder / "test.parquet")
    last = pl.col("time").list
    moved = pl.concat_list(last.head(2), last.last() + 7 * HOUR)
    table.with_columns(time=moved).write_parquet(folder / "test.parquet")
    after = Moments.read(folder, "test", asked).context
    assert np.array_equal(before, after)
    assert not np.array_equal(after, Moments.read(folder, "test", ASKED).context)


def test_without_times_only_positions_are_known(folder):
    for part in VISITS:
        table = pl.read_parquet(folder / f"{part}.parquet")
        nothing = pl.lit(None, pl.List(pl.Int64))
        table.with_columns(time=nothing).write_parquet(folder / f"{part}.parquet")
    context = Moments.read(folder, "test", ASKED).context
    assert not context[:, :-1].any()
    assert context[1:, -1].all()


def test_behaviour_is_kinds_and_never_items(folder):
    it = Moments.read(folder, "train", ASKED)
    assert column(it, "purchase").tolist() == [0, 0, 1, 0, 0]
    assert (column(it, "click") == 1 - column(it, "purchase")).all()
    assert column(it, "repeated").tolist() == [0, 0, 1, 0, 0]
    assert column(it, "alike").tolist() == [0, 1, 1, 0, 0]
    kinds = item_kinds(folder, 8)
    assert kinds.tolist() == [[1, 0], [1, 0], [1, 1], [0, 0]]  # x, u: genres before category
    assert it.behaviour[:, len(BEHAVIOUR) :].tolist() == [[2, 0], [2, 0], [1, 0], [1, 1], [0, 0]]
    assert item_kinds(folder, 1).shape == (4, 1)
    bare = Moments.read(folder, "train", ASKED | {"horizon": 0})
    assert bare.behaviour.shape[1] == len(BEHAVIOUR)


def test_windows_say_which_event_each_action_is(folder):
    it = Moments.read(folder, "train", ASKED)
    windows, places = it.windows(length=2, padding=9)
    real = windows.following != 9
    assert places[real].tolist() == [1, 2, 4]
    assert set(places[~real].tolist()) == {len(it.sessions.items)}
    about, did = it.tensors()
    assert not about[-1].any()
    assert not did[-1].any()


def test_there_are_two_moments(folder):
    with pytest.raises(SettingsError, match="did you mean 'last'"):
        Moments.read(folder, "train", ASKED | {"moment": "lst"})


# -- the world ---------------------------------------------------------------------------------------------------------

FEW = {"users": 60}


def truth_of(folder):
    return dict(np.load(folder / "truth.npz", allow_pickle=False))


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("errands")
    errands.generate(folder, "retailrocket", 1, FEW)
    return pl.read_csv(folder / "events.csv"), truth_of(folder)


def test_the_same_seed_writes_the_same_bytes(tmp_path):
    files = [errands.generate(tmp_path / name, "retailrocket", 5, FEW) for name in ("a", "b")]
    for one, other in zip(*files, strict=True):
        assert one.read_bytes() == other.read_bytes() or one.suffix == ".npz"


def test_intents_hang_on_context(shop):
    _, truth = shop
    assert (truth["intent"] == truth["wants"]).mean() == pytest.approx(0.95 + 0.05 / 4, abs=0.03)
    assert np.bincount(truth["intent"], minlength=4).min() > len(truth["intent"]) / 10


def test_what_is_looked_at_hangs_on_the_intent(shop):
    events, truth = shop
    of_visit = pl.DataFrame(
        {"visitorid": truth["user"] + 1, "timestamp": truth["start"], "intent": truth["intent"]}
    )
    events = events.sort("timestamp").join_asof(
        of_visit.sort("timestamp"), on="timestamp", by="visitorid", check_sortedness=False
    )
    carts = events.group_by("intent").agg((pl.col("event") == "addtocart").mean()).sort("intent")
    assert carts["event"].arg_max() == errands.BUY
    events = events.sort("visitorid", "timestamp")
    same = events["itemid"].is_in(events["itemid"].shift(1).implode()) & (
        events["itemid"] == events["itemid"].shift(1)
    )
    again = (
        events.with_columns(same=same).group_by("intent").agg(pl.col("same").mean()).sort("intent")
    )
    assert again["same"].arg_max() == errands.REVISIT


def test_dealt_intents_are_as_many_and_hang_on_nothing(tmp_path, shop):
    errands.generate(tmp_path, "retailrocket", 1, FEW | {"context": 0})
    dealt = truth_of(tmp_path)
    assert np.bincount(dealt["wants"]).tolist() == np.bincount(shop[1]["wants"]).tolist()
    agree = (dealt["wants"] == shop[1]["wants"]).mean()
    assert agree == pytest.approx(
        (np.bincount(dealt["wants"]) ** 2).sum() / len(dealt["wants"]) ** 2, abs=0.06
    )


def test_it_tells_what_it_cannot_do(tmp_path):
    with pytest.raises(ValueError, match="has no size"):
        errands.generate(tmp_path, "retailrocket", 1, {"colours": 3})
    with pytest.raises(ValueError, match="cannot write 'xml'"):
        errands.generate(tmp_path, "xml", 1, {})
