"""The shop whose titles say what customers like: the same bytes, and as true as it claims to be."""

import hashlib
import json

import numpy as np
import polars as pl
import pytest

from recloop.data.worlds import worded

LOG_OF_SEED_5 = "1c2c99ef20b23152e01d62ddd68fc2d222513bee8a289bb035b36e51b01949d3"


def made(folder, writes="retailrocket", **sizes):
    worded.generate(folder, writes, 5, sizes)
    return folder


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    files = [(made(tmp_path / name) / "events.csv").read_bytes() for name in "ab"]
    assert files[0] == files[1]
    assert hashlib.sha256(files[0]).hexdigest() == LOG_OF_SEED_5


@pytest.mark.parametrize("named", [1, 0])
def test_titles_tell_the_material_that_is_liked_or_another(tmp_path, named):
    made(tmp_path, named=named, users=600)
    truth = np.load(tmp_path / "truth.npz")
    titles = pl.read_csv(tmp_path / "items.csv")["title"]
    assert titles.n_unique() == len(titles)
    told = np.array([worded.MATERIALS.index(one.split()[0]) for one in titles])
    agree = (told == truth["material"]).mean()
    assert agree == 1 if named else agree < 0.4
    events = pl.read_csv(tmp_path / "events.csv").sort("visitorid", maintain_order=True)
    item, user = events["itemid"].to_numpy() - worded.FIRST_ID, events["visitorid"].to_numpy() - 1
    liked = (truth["material"][item] == truth["liked"][user]).mean()
    assert liked == pytest.approx(0.85 + 0.15 / 8, abs=0.02)


def test_customers_elsewhere_tell_of_their_purchases(tmp_path):
    (file,) = worded.generate(tmp_path, "talk", 5, {"users": 20, "items": 40, "loyal": 1.0})
    lines = [json.loads(line)["text"] for line in file.read_text().splitlines()]
    assert len(lines) == 60
    for line in lines[:20]:
        words = line.replace(".", "").replace(",", "").split()
        assert len({word for word in words if word in worded.MATERIALS}) == 1


@pytest.mark.parametrize(
    ("writes", "sizes", "message"),
    [
        ("csv", {}, "cannot write 'csv'"),
        ("talk", {"shops": 1}, "has no size"),
        ("talk", {"clusters": 99}, "12 materials"),
    ],
)
def test_what_it_cannot_do_is_said(tmp_path, writes, sizes, message):
    with pytest.raises(ValueError, match=message):
        worded.generate(tmp_path, writes, 5, sizes)
