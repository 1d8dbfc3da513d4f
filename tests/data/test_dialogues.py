"""Posed dialogues: parts do not touch, everything asked for is there, and content decides the hash."""

import json

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recloop.data.captions import PARTS
from recloop.data.dialogues import SCHEMA, make_dialogues
from recloop.data.settings import check_dialogues
from recloop.storage.settings import SettingsError

ITEMS = 60
GRAMMAR = {"by": "grammar", "train": 40, "valid": 10, "test": 15}
BY_ITEM = {"by": "item", "shares": [0.6, 0.15, 0.25]}
BY_USER = {"by": "user", "shares": [0.6, 0.15, 0.25]}
BUYING = {"users": 40, "lengths": [3, 6], "cold": 3}


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    """Write sixty products with three attributes, released parts, captions and purchases."""
    folder = tmp_path_factory.mktemp("catalogue")
    number = list(range(ITEMS))
    text, whole = pl.String, pl.Int32
    tables = {
        "items": {
            "item": pl.Series(number, dtype=whole),
            "name": [f"p{item}" for item in number],
            "kind": [("Heels", "Boots", "Flats")[item % 3] for item in number],
            "part": ["train" if item < 45 else "test" for item in number],
        },
        "attributes": {
            "item": pl.Series(number * 3, dtype=whole),
            "attribute": ["colour"] * ITEMS + ["heel"] * ITEMS + ["toe"] * ITEMS,
            "value": [("red", "black", "navy blue", "white")[item % 4] for item in number]
            + [("flat", "low", "high")[item // 4 % 3] for item in number]
            + [("open", "round")[item // 12 % 2] for item in number],
        },
        "captions": {
            "target": pl.Series(number * 4, dtype=whole),
            "reference": pl.Series(
                [(i * 7 + 1 + k) % ITEMS for k in range(4) for i in number], dtype=whole
            ),
            "caption": ["is redder"] * (4 * ITEMS),
            "part": pl.Series([None] * (4 * ITEMS), dtype=text),
        },
        "sequences": {
            "user": [f"u{user}" for user in range(20) for _ in range(3 + user % 3)],
            "position": pl.Series([p for u in range(20) for p in range(3 + u % 3)], dtype=whole),
            "item": pl.Series(
                [(7 * u + p) % ITEMS for u in range(20) for p in range(3 + u % 3)], dtype=whole
            ),
            "part": ["train" if u < 15 else "test" for u in range(20) for _ in range(3 + u % 3)],
        },
    }
    for name, columns in tables.items():
        pl.DataFrame(columns).write_parquet(folder / f"{name}.parquet")
    (folder / "catalogue.json").write_text(json.dumps({"hash": "c0ffee", "items": ITEMS}))
    return folder


class Posed:
    """What one call of `make_dialogues` wrote."""

    def __init__(self, catalogue, output, prepare, split, seed=1):
        make_dialogues(catalogue, prepare, split, seed, output)
        self.items, self.dialogues, self.captions = (
            pl.read_parquet(output / f"{name}.parquet")
            for name in ("items", "dialogues", "captions")
        )
        self.record = json.loads((output / "split.json").read_text())

    def pool(self, part):
        return set(self.items.filter(pl.col("part").is_in([part, "all"]))["item"])

    def spoken(self, part):
        rows = self.captions.filter(pl.col("part") == part)
        return set(rows["target"]) | set(rows["reference"])


def test_by_item_every_item_of_a_pool_is_looked_for_once(catalogue, tmp_path):
    posed = Posed(catalogue, tmp_path, {"captions": GRAMMAR}, BY_ITEM)
    assert dict(posed.dialogues.schema) == SCHEMA
    for part in PARTS:
        rows = posed.dialogues.filter(pl.col("part") == part)
        assert sorted(rows["target"]) == sorted(posed.pool(part))
        assert posed.spoken(part) <= posed.pool(part)
    assert posed.dialogues["history"].list.len().sum() == 0
    assert set(posed.dialogues["group"]) == {"all"}
    assert (
        posed.record["pools"] == posed.record["sessions"] == {"train": 36, "valid": 9, "test": 15}
    )
    assert posed.record["histories"] is None
    assert posed.items["item"].to_list() == list(range(ITEMS))
    assert posed.items["count"].to_list() == [int(p == "train") for p in posed.items["part"]]


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    train=st.floats(0.4, 0.6),
    valid=st.floats(0.1, 0.2),
    aside=st.floats(0.35, 0.45),
    number=st.one_of(st.none(), st.integers(50, ITEMS)),
    by_user=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_parts_never_share_an_item(catalogue, tmp_path, train, valid, aside, number, by_user, seed):
    prepare = {"items": number, "simulator_share": aside, "captions": GRAMMAR}
    shares = [train, valid, 1 - train - valid]
    split = {"by": "user" if by_user else "item", "shares": shares}
    prepare |= {"histories": BUYING} if by_user else {}
    posed = Posed(catalogue, tmp_path, prepare, split, seed)
    shown = set().union(*(posed.pool(part) for part in PARTS))
    spoken = [posed.spoken(part) for part in PARTS]
    assert not shown & set().union(*spoken)
    assert sum(map(len, spoken)) == len(set().union(*spoken))
    assert len(shown) + posed.record["set_aside"] == (number or ITEMS)
    if not by_user:
        assert sum(len(posed.pool(part)) for part in PARTS) == len(shown)
    bought = posed.dialogues.select(pl.col("history").explode().drop_nulls())["history"]
    assert {*posed.dialogues["target"], *bought} <= shown
    assert all(
        target not in history
        for target, history in posed.dialogues["target", "history"].iter_rows()
    )
    assert not (posed.captions["target"] == posed.captions["reference"]).any()
    sessions = posed.dialogues.group_by("part").len().rows()
    assert dict(sessions) == posed.record["sessions"]


def test_by_user_everything_can_be_shown_and_users_are_of_one_part(catalogue, tmp_path):
    prepare = {"captions": GRAMMAR, "histories": BUYING}
    posed = Posed(catalogue, tmp_path, prepare, BY_USER)
    assert posed.dialogues["user"].n_unique() == posed.dialogues.height == 40
    assert posed.record["pools"] == dict.fromkeys(PARTS, ITEMS)
    assert posed.record["sessions"] == {"train": 24, "valid": 6, "test": 10}
    assert posed.record["histories"] == "simulated"
    assert posed.record["lengths"] == [3, posed.dialogues["history"].list.len().max() + 1]
    short = posed.dialogues["history"].list.len() == 2
    assert (short == (posed.dialogues["group"] == "cold")).all()
    train = posed.dialogues.filter(pl.col("part") == "train")
    interactions = train["history"].list.len().sum() + train.height
    assert (
        posed.items["count"].sum()
        == posed.record["counts"]["train"]["interactions"]
        == interactions
    )
    parts = [posed.spoken(part) for part in PARTS]
    assert sum(map(len, parts)) == len(set().union(*parts))


def test_published_purchases_keep_their_parts(catalogue, tmp_path):
    posed = Posed(catalogue, tmp_path, {}, BY_USER)
    assert posed.record["histories"] == "published"
    assert posed.record["sessions"] == {"train": 12, "valid": 3, "test": 5}
    assert posed.record["captions"] == dict.fromkeys(PARTS, 0)
    assert posed.captions.height == 0
    first = posed.dialogues.row(0, named=True)
    assert (first["history"], first["target"], first["group"]) == ([0, 1], 2, "cold")


def test_released_parts_are_kept_and_people_are_heard(catalogue, tmp_path):
    captions = {"by": "people", "train": 30}
    posed = Posed(catalogue, tmp_path, {"captions": captions}, {"by": "released", "valid": 0.2})
    assert posed.pool("test") == set(range(45, 60))
    assert len(posed.pool("valid")) == 9
    assert set(posed.captions["by"]) == {"people"}
    assert posed.record["captions"]["train"] == 30
    assert posed.spoken("train") <= posed.pool("train")
    assert posed.spoken("valid") <= posed.pool("train") | posed.pool("valid")
    targets = posed.captions.filter(pl.col("part") == "test")["target"]
    assert set(targets) <= posed.pool("test")


def test_composed_captions_cover_all_targets_alike(catalogue, tmp_path):
    posed = Posed(catalogue, tmp_path, {"captions": GRAMMAR | {"train": 72}}, BY_ITEM)
    train = posed.captions.filter(pl.col("part") == "train")
    assert set(train.group_by("target").len()["len"]) == {2}
    assert train["caption"].str.len_chars().min() > 3
    same = (train["target"] % 3 == train["reference"] % 3).mean()
    assert 0.45 < same < 0.9  # half on purpose, a third of the others by chance


def test_rates_reach_the_grammar(catalogue, tmp_path):
    rates = {"named": [1.0], "shared": 0.0, "vague": 1.0, "comparative": 0.0}
    posed = Posed(catalogue, tmp_path, {"captions": GRAMMAR | {"rates": rates}}, BY_ITEM)
    said = posed.captions.filter(pl.col("caption").str.contains("different (heel|toe|kind)"))
    assert said.height > 10


def test_the_share_of_unseen_targets_is_recorded(catalogue, tmp_path):
    parted = Posed(catalogue, tmp_path / "parted", {}, BY_ITEM).record["leakage"]
    assert parted == {"unseen_targets_valid": 1.0, "unseen_targets_test": 1.0}
    past = Posed(catalogue, tmp_path / "past", {"histories": BUYING}, BY_USER)
    train = past.dialogues.filter(pl.col("part") == "train")
    seen = {*train["target"], *train["history"].explode()}
    targets = past.dialogues.filter(pl.col("part") == "test")["target"].to_list()
    share = sum(target not in seen for target in targets) / len(targets)
    assert past.record["leakage"]["unseen_targets_test"] == pytest.approx(share)


def test_the_hash_tells_content_from_content(catalogue, tmp_path):
    def hashed(name, seed=1, captions=GRAMMAR):
        return Posed(catalogue, tmp_path / name, {"captions": captions}, BY_ITEM, seed).record[
            "hash"
        ]

    assert hashed("once") == hashed("again")
    others = hashed("seed", seed=2), hashed("fewer", captions=GRAMMAR | {"test": 14})
    assert len({hashed("once"), *others}) == 3


def test_one_draw_leaves_the_others_alone(catalogue, tmp_path):
    few = Posed(catalogue, tmp_path / "few", {"captions": GRAMMAR}, BY_ITEM)
    none = Posed(catalogue, tmp_path / "none", {}, BY_ITEM)
    assert few.dialogues.equals(none.dialogues)


@pytest.mark.parametrize(
    ("prepare", "split", "logged"),
    [
        ({"item": 3}, BY_ITEM, "did you mean 'items'"),
        ({"captions": {"by": "persons"}}, BY_ITEM, "prepare.captions.by: unknown 'persons'"),
        ({"histories": {"user": 3}}, BY_USER, "did you mean 'users'"),
        ({"histories": BUYING}, BY_ITEM, "split.by must be user"),
        ({}, {"by": "items"}, "did you mean 'item'"),
        ({}, {"by": "item"}, "three that sum to 1"),
        ({}, {"by": "item", "shares": [0.5, 0.5, 0.5]}, "three that sum to 1"),
    ],
)
def test_mistyped_and_contradictory_settings_stop(prepare, split, logged):
    with pytest.raises(SettingsError, match=logged):
        check_dialogues(prepare, split)


@pytest.mark.parametrize(
    ("prepare", "split", "logged"),
    [
        ({"items": 61}, BY_ITEM, "there are 60"),
        ({"items": 2}, BY_ITEM, "no item is left for the part"),
        ({"captions": {"by": "grammar", "train": 3, "valid": 3}}, BY_ITEM, "need a number"),
        ({"histories": BUYING | {"users": 3}}, BY_USER, "no user is left for the part"),
    ],
)
def test_what_the_catalogue_does_not_allow_stops_before_anything_is_written(
    catalogue, tmp_path, prepare, split, logged
):
    with pytest.raises(SettingsError, match=logged):
        make_dialogues(catalogue, prepare, split, 1, tmp_path / "dialogues")
    assert not (tmp_path / "dialogues").exists()
