"""The embedded worlds: always the same bytes, and as true as they claim to be."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recloop.data.sources import fetch, load_source
from recloop.data.tables import write_tables
from recloop.data.worlds import letters, radio, ring, shop
from recloop.data.worlds.conversion import CHANCES, Conversion
from recloop.data.worlds.radio_writing import FIRST_ALBUM
from recloop.data.worlds.shelves import Shelves, stock

SOURCES = Path(__file__).parents[2] / "sources"
SHOPS = ("shop_clicks", "shop_views", "shop_plays", "shop_baskets", "shop_carts")
RADIOS = ("radio_albums", "radio_stations")
CLICKS_OF_SEED_5 = "25b67bd3b65705aae3b0a84917c39a44d5043884de49821685f1a3e18f84e82c"
SOLD_OF_SEED_5 = "b842ce7fc1ec2c939796e0748133c90d5b265c53a83f24bff1301d9f9e72802c"
PLAYS_OF_SEED_5 = "40c9eab4f0bd67f6f127abab0f09b9e4bb7102224fa9ee89c5faa50ce6bd7352"
SMALL = {"items": 60, "users": 40, "sessions": 80, "clusters": 4}
SELLING = SMALL | {"conversion": 1}
FEW = {"items": 60, "users": 20, "genres": 4}


def _hashes(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
    }


def _truth(folder: Path) -> tuple[Shelves, dict[str, np.ndarray]]:
    arrays = dict(np.load(folder / "truth.npz", allow_pickle=False))
    shelves = Shelves(**{name: arrays[name] for name in Shelves.__dataclass_fields__})
    return shelves, arrays


@pytest.mark.parametrize(
    ("world", "writes", "sizes"),
    [
        (shop, "yoochoose", SMALL),
        (shop, "retailrocket", SELLING),
        (shop, "lfm1b", SMALL),
        (radio, "lfm1b", FEW),
        (letters, "letters", {"pairs": 20, "sentences": 20, "texts": 20}),
    ],
)
def test_the_same_seed_writes_the_same_bytes_in_another_process(tmp_path, world, writes, sizes):
    world.generate(tmp_path / "here", writes, 5, sizes)
    name = world.__name__.rpartition(".")[2]
    call = f"{name}.generate(Path({str(tmp_path / 'there')!r}), {writes!r}, 5, {sizes})"
    code = f"from pathlib import Path; from recloop.data.worlds import {name}; {call}"
    environment = {"PYTHONHASHSEED": "7", "PATH": "", "PYTHONPATH": str(SOURCES.parent)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert _hashes(tmp_path / "here") == _hashes(tmp_path / "there")
    world.generate(tmp_path / "other", writes, 6, sizes)
    assert _hashes(tmp_path / "here") != _hashes(tmp_path / "other")


@pytest.mark.parametrize(
    ("world", "writes", "sizes", "name", "expected"),
    [
        (shop, "yoochoose", SMALL, "yoochoose-clicks.dat", CLICKS_OF_SEED_5),
        (shop, "retailrocket", SELLING, "events.csv", SOLD_OF_SEED_5),
        (radio, "lfm1b", FEW, "LFM-1b_LEs.txt", PLAYS_OF_SEED_5),
    ],
)
def test_the_bytes_are_those_of_other_machines(tmp_path, world, writes, sizes, name, expected):
    world.generate(tmp_path, writes, 5, sizes)
    assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == expected


@pytest.mark.parametrize("name", [*SHOPS, *RADIOS, "ring"])
def test_every_line_of_a_world_is_read(name, tmp_path):
    source = load_source(SOURCES / f"{name}.yaml")
    fetch(source, tmp_path / "raw")
    reader = import_module(f"recloop.data.readers.{source['reader']}")
    counts = write_tables(reader.read(tmp_path / "raw"), tmp_path / "tables")
    assert counts["malformed"] == 0
    assert counts["rows"] > 3_000
    if name != "ring":
        items = pl.read_parquet(tmp_path / "tables" / "items.parquet")
        assert items.select("title", "brand", "category").null_count().row(0) == (0, 0, 0)


@pytest.fixture(scope="module")
def clicks(tmp_path_factory):
    """Return the default shop: its truth and the items of each session, as indices."""
    folder = tmp_path_factory.mktemp("shop")
    fetch(load_source(SOURCES / "shop_clicks.yaml"), folder)
    shelves, arrays = _truth(folder)
    columns = ["session", "time", "item", "category"]
    rows = pl.read_csv(folder / "yoochoose-clicks.dat", has_header=False, new_columns=columns)
    items = rows["item"].to_numpy() - arrays["id"][0]
    ends = np.flatnonzero(np.diff(rows["session"].to_numpy())) + 1
    return shelves, arrays, np.split(items, ends)


def test_popularity_has_a_long_tail(clicks):
    shelves, _, sessions = clicks
    counts = np.sort(np.bincount(np.concatenate(sessions), minlength=len(shelves.cluster)))[::-1]
    assert counts[:120].sum() > 0.35 * counts.sum()  # a tenth of the items
    assert counts[600:].sum() < 0.25 * counts.sum()  # the lower half


def test_what_follows_is_what_the_truth_says(clicks):
    shelves, _, sessions = clicks
    pairs = np.concatenate([np.stack([items[:-1], items[1:]], 1) for items in sessions])
    followers = np.concatenate([shelves.popular_next, shelves.novel_next], axis=1)[pairs[:, 0]]
    follows = (followers == pairs[:, 1:]).any(axis=1).mean()
    assert 0.6 < follows < 0.8  # the truth says 0.95 * 0.7, chance adds a little


def test_customers_differ_in_their_appetite(clicks):
    shelves, arrays, sessions = clicks
    appetite = arrays["appetite"][arrays["user"]]
    shares = [
        np.concatenate(
            [
                (shelves.novel_next[items[:-1]] == items[1:, None]).any(axis=1)
                for items, taken in zip(sessions, appetite == group, strict=True)
                if taken
            ]
        ).mean()
        for group in shop.APPETITES
    ]
    assert shares[0] + 0.15 < shares[1] < shares[2] - 0.15


def test_the_truth_ranks_far_better_than_popularity(clicks):
    shelves, arrays, sessions = clicks
    counts = np.bincount(np.concatenate(sessions), minlength=len(shelves.cluster))
    popular = set(np.argsort(-counts)[:10])
    asked = [(number, items) for number, items in enumerate(sessions[:600]) if len(items) > 1]
    best = np.mean([items[-1] in _top(shelves, arrays, number, items) for number, items in asked])
    chance = np.mean([items[-1] in popular for _, items in asked])
    assert best > 0.6  # Bayes-optimal HR@10 for one who knows user and shop
    assert best > 4 * chance


def _top(shelves: Shelves, arrays: dict, number: int, items: np.ndarray) -> set[int]:
    appetite = float(arrays["appetite"][arrays["user"][number]])
    taste = int(arrays["taste"][number])
    chance = shop.next_item_probabilities(shelves, items[:-1], taste, appetite, 0.05)
    assert chance.sum() == pytest.approx(1)
    return set(np.argsort(-chance)[:10])


def test_sessions_of_a_user_are_apart(tmp_path):
    shop.generate(tmp_path, "retailrocket", 1, SMALL)
    views = pl.read_csv(tmp_path / "events.csv").filter(event="view").sort("visitorid", "timestamp")
    gaps = views.select(pl.col("timestamp").diff().over("visitorid")).drop_nulls().to_series()
    hour = 3_600_000
    assert ((gaps < hour / 12 + 1) | (gaps >= 2 * hour)).all()
    assert (gaps >= 2 * hour).sum() == 80 - 40


def test_a_purchase_follows_a_click(tmp_path):
    shop.generate(tmp_path, "yoochoose", 1, SMALL)
    clicks, bought = (
        pl.read_csv(tmp_path / f"yoochoose-{name}.dat", has_header=False, new_columns=columns)
        for name, columns in (
            ("clicks", ["session", "time", "item", "category"]),
            ("buys", ["session", "time", "item", "price", "quantity"]),
        )
    )
    assert bought.height > 5
    assert bought.join(clicks, on=["session", "item"], how="anti").is_empty()


def test_the_ring_goes_round(tmp_path):
    ring.generate(tmp_path, "session_rec", 1, {"items": 5, "sessions": 30, "mean_length": 7})
    rows = pl.read_csv(tmp_path / "ring.txt", separator="\t")
    steps = rows.group_by("SessionId", maintain_order=True).agg(pl.col("ItemId").diff() % 5)
    assert set(steps["ItemId"].explode().drop_nulls()) == {1}
    assert rows["ItemId"].n_unique() == 5


@pytest.fixture(scope="module")
def selling():
    """Return a shop whose items sell differently, and its log."""
    random = np.random.Generator(np.random.PCG64(3))
    shelves = stock(90, 3, random)
    sizes = shop.SIZES | {"users": 600, "sessions": 1500, "clusters": 3, "conversion": 1}
    return shelves, shop.visit(shelves, 16_000, sizes, random)


def test_a_third_of_each_category_sells_well_popular_or_not(selling):
    shelves, log = selling
    for cluster in range(3):
        of_it = log.conversion.cart[shelves.cluster == cluster]
        assert [(of_it == chance).sum() for chance in CHANCES] == [10, 10, 10]
    assert abs(np.corrcoef(shelves.weight, log.conversion.cart)[0, 1]) < 0.3


def test_items_sell_as_the_truth_says(selling):
    _, log = selling
    chance = log.conversion.cart[log.item]
    for level in CHANCES:
        assert (log.bought[chance == level] > 0).mean() == pytest.approx(level, abs=0.03)
    bought = (log.bought == 2).sum() / (log.bought > 0).sum()
    assert bought == pytest.approx(shop.PURCHASE, abs=0.05)


def test_purposeful_customers_buy_more(selling):
    _, log = selling
    purposeful = log.conversion.purposeful[log.user[log.session]]
    assert purposeful.mean() == pytest.approx(1 / 3, abs=0.08)
    carts = log.bought > 0
    assert carts[purposeful].mean() > 1.4 * carts[~purposeful].mean()


def test_leaning_is_the_better_of_two_draws():
    conversion = Conversion(np.array([0.02, 0.6, 0.6, 0.15]), np.array([True, False]))
    chance = np.array([0.4, 0.1, 0.2, 0.3])
    expected = np.zeros(4)
    for one, other in np.ndindex(4, 4):
        chosen = conversion.prefer(np.array([0]), np.array([one]), np.array([other]))
        expected[chosen] += chance[one] * chance[other]
    np.testing.assert_allclose(conversion.leaning(chance), expected)
    assert conversion.prefer(np.array([1]), np.array([0]), np.array([1])) == 0  # has no purpose


def test_the_truth_knows_what_purposeful_customers_look_at(selling):
    shelves, log = selling
    events = np.split(log.item, np.flatnonzero(np.diff(log.session)) + 1)
    purposeful = log.conversion.purposeful[log.user]
    seen = [(n, items) for n, items in enumerate(events) if purposeful[n]][:400]
    logged = [
        shop.next_item_probabilities(
            shelves,
            items[:-1],
            int(log.taste[n]),
            float(log.appetite[log.user[n]]),
            0.05,
            log.conversion,
        )
        for n, items in seen
    ]
    _assert_calibrated(np.array(logged), np.array([items[-1] for _, items in seen]))


def _assert_calibrated(logged: np.ndarray, came: np.ndarray) -> None:
    """Check that the likeliest items come as often as they are said to."""
    np.testing.assert_allclose(logged.sum(1), 1)
    top = np.argsort(-logged, axis=1)[:, :5]
    rows = np.arange(len(logged))[:, None]
    chance = logged[rows, top].sum(1)
    spread = np.sqrt((chance * (1 - chance)).sum()) / len(logged)
    assert abs((top == came[:, None]).any(1).mean() - chance.mean()) < 3 * spread


@pytest.fixture(scope="module")
def plays(tmp_path_factory):
    """Return a radio: its folder, its albums and its truth."""
    folder = tmp_path_factory.mktemp("radio")
    fetch(load_source(SOURCES / "radio_albums.yaml"), folder)
    return folder, *_truth(folder)


def test_sessions_are_recovered_by_a_gap_of_an_hour(plays):
    folder, _, truth = plays
    columns = ["user", "artist", "album", "track", "time"]
    rows = pl.read_csv(
        folder / "LFM-1b_LEs.txt", separator="\t", has_header=False, new_columns=columns
    )
    again = (pl.col("album") == pl.col("album").shift()).over("user").fill_null(False)
    assert 0.4 < rows.select(again).to_series().mean() < 0.6  # two tracks of an album on average
    events = rows.filter(~again)
    assert (events["album"] - FIRST_ALBUM).to_list() == truth["item"].tolist()
    late = rows.select(pl.col("time").diff().over("user") > 3600).to_series().fill_null(True)
    starts = pl.DataFrame({"session": late.cum_sum()}).filter(~rows.select(again).to_series())
    assert starts.group_by("session").len().sort("session")["len"].to_list() == list(
        truth["length"]
    )


def test_listeners_have_many_short_sessions(plays):
    _, _, truth = plays
    assert np.bincount(truth["user"]).min() >= 5
    assert np.bincount(truth["user"]).mean() == pytest.approx(8, abs=0.4)
    assert truth["length"].min() == 3
    assert truth["length"].max() <= 12


def test_tastes_drift_and_are_followed(plays):
    _, shelves, truth = plays
    same = np.diff(truth["user"]) == 0
    moves = np.diff(truth["taste"])[same] % 12
    assert set(moves) == {0, 1}
    assert moves.mean() == pytest.approx(radio.SIZES["drift"], abs=0.03)
    genre = shelves.cluster[truth["item"]] == np.repeat(truth["taste"], truth["length"])
    assert genre.mean() > 0.5


def test_albums_of_an_artist_follow_each_other(plays):
    _, shelves, _ = plays
    assert set(np.bincount(shelves.brand)) == {3}
    following = radio.successors(shelves)
    assert (shelves.brand[following] == shelves.brand).all()
    assert (following[following[following]] == np.arange(900)).all()
    assert (following != np.arange(900)).all()
    alone = stock(30, 3, np.random.default_rng(1), per_brand=1)
    assert (np.bincount(alone.brand) == 1).all()
    assert (alone.cluster[radio.successors(alone)] == alone.cluster).all()


def _heard(truth: dict[str, np.ndarray], users: int):
    """Give early events of some users' last and first sessions: past, session so far, next, session number."""
    begin = np.cumsum(truth["length"]) - truth["length"]
    for user in range(users):
        own, last = np.flatnonzero(truth["user"] == user)[[0, -1]]
        for number, steps in ((last, (0, 1, 2)), (own, (0, 1))):
            past = truth["item"][begin[own] : begin[number]]
            for step in steps:
                session = truth["item"][begin[number] :][: step + 1]
                yield past, session[:-1], session[-1], number


def _told(
    shelves: Shelves, truth: dict, past: np.ndarray, now: np.ndarray, number: int
) -> np.ndarray:
    taste, appetite = truth["taste"][number], truth["appetite"][truth["user"][number]]
    return radio.next_item_probabilities(shelves, past, now, int(taste), float(appetite), 0.3)


def test_the_truth_of_the_radio_is_true_and_beats_popularity(plays):
    _, shelves, truth = plays
    heard = list(_heard(truth, 200))
    logged = np.array([_told(shelves, truth, past, now, n) for past, now, _, n in heard])
    came = np.array([item for *_, item, _ in heard])
    _assert_calibrated(logged, came)
    popular = np.argsort(-np.bincount(truth["item"]))[:10]
    best = (np.argsort(-logged, axis=1)[:, :10] == came[:, None]).any(1).mean()
    assert best > 3 * np.isin(came, popular).mean()


def test_without_revisits_the_past_comes_back_less(plays, tmp_path):
    radio.generate(tmp_path, "lfm1b", 1, {"users": 60, "revisits": 0})
    shares = []
    for truth in (_truth(tmp_path)[1], plays[2]):
        found = [came in past for past, _, came, _ in _heard(truth, 60) if len(past)]
        shares.append(np.mean(found))
    assert shares[0] + 0.1 < shares[1]


def test_the_radio_tells_what_it_cannot_do(tmp_path):
    with pytest.raises(ValueError, match="needs mean_length of at least 3, got 2"):
        radio.generate(tmp_path, "lfm1b", 1, {"mean_length": 2})


@pytest.mark.parametrize("world", [shop, radio, ring])
def test_worlds_tell_what_they_cannot_do(tmp_path, world):
    with pytest.raises(ValueError, match="has no size"):
        world.generate(tmp_path, "yoochoose", 1, {"colours": 3})
    with pytest.raises(ValueError, match="cannot write 'xml'"):
        world.generate(tmp_path, "xml", 1, {})
