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
from recloop.data.worlds import ring, shop
from recloop.data.worlds.shelves import Shelves

SOURCES = Path(__file__).parents[2] / "sources"
SHOPS = ("shop_clicks", "shop_views", "shop_plays")
CLICKS_OF_SEED_5 = "25b67bd3b65705aae3b0a84917c39a44d5043884de49821685f1a3e18f84e82c"
SMALL = {"items": 60, "users": 40, "sessions": 80, "clusters": 4}


def _hashes(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
    }


def _truth(folder: Path) -> tuple[Shelves, dict[str, np.ndarray]]:
    arrays = dict(np.load(folder / "truth.npz", allow_pickle=False))
    shelves = Shelves(**{name: arrays[name] for name in Shelves.__dataclass_fields__})
    return shelves, arrays


@pytest.mark.parametrize("writes", ["yoochoose", "retailrocket", "lfm1b"])
def test_the_same_seed_writes_the_same_bytes_in_another_process(tmp_path, writes):
    shop.generate(tmp_path / "here", writes, 5, SMALL)
    call = f"shop.generate(Path({str(tmp_path / 'there')!r}), {writes!r}, 5, {SMALL})"
    code = f"from pathlib import Path; from recloop.data.worlds import shop; {call}"
    environment = {"PYTHONHASHSEED": "7", "PATH": "", "PYTHONPATH": str(SOURCES.parent)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert _hashes(tmp_path / "here") == _hashes(tmp_path / "there")
    shop.generate(tmp_path / "other", writes, 6, SMALL)
    assert _hashes(tmp_path / "here") != _hashes(tmp_path / "other")


def test_the_bytes_are_those_of_other_machines(tmp_path):
    shop.generate(tmp_path, "yoochoose", 5, SMALL)
    written = (tmp_path / "yoochoose-clicks.dat").read_bytes()
    assert hashlib.sha256(written).hexdigest() == CLICKS_OF_SEED_5


@pytest.mark.parametrize("name", [*SHOPS, "ring"])
def test_every_line_of_a_world_is_read(name, tmp_path):
    source = load_source(SOURCES / f"{name}.yaml")
    fetch(source, tmp_path / "raw")
    reader = import_module(f"recloop.data.readers.{source['reader']}")
    counts = write_tables(reader.read(tmp_path / "raw"), tmp_path / "tables")
    assert counts["malformed"] == 0
    assert counts["rows"] > 3_000
    if name in SHOPS:
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


@pytest.mark.parametrize("world", [shop, ring])
def test_worlds_tell_what_they_cannot_do(tmp_path, world):
    with pytest.raises(ValueError, match="has no size"):
        world.generate(tmp_path, "yoochoose", 1, {"colours": 3})
    with pytest.raises(ValueError, match="cannot write 'xml'"):
        world.generate(tmp_path, "xml", 1, {})
