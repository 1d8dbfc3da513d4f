"""The racks and the reader of a completed matrix: what they write and read, and what is planted."""

import polars as pl
import pytest
from numpy.random import PCG64, Generator

from recloop.data.quarantine import MalformedError
from recloop.data.readers import coat_environment
from recloop.data.worlds import racks


def rated(**sizes):
    return racks.rate(**(racks.SIZES | sizes), random=Generator(PCG64(5)))


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    files = [racks.generate(tmp_path / name, "coat_environment", 5, {}) for name in ("a", "b")]
    for one, other in zip(*files, strict=True):
        assert one.read_bytes() == other.read_bytes()
    other = racks.generate(tmp_path / "c", "coat_environment", 6, {})
    assert other[0].read_bytes() != files[0][0].read_bytes()


def test_every_rating_is_read(tmp_path):
    racks.generate(tmp_path, "coat_environment", 5, {"users": 3, "items": 4, "clusters": 2})
    found = coat_environment.read(tmp_path)
    rows = found.interactions.collect()
    lines = (tmp_path / coat_environment.FILE).read_text().splitlines()
    assert rows["rating"].to_list() == [float(one) for line in lines for one in line.split()]
    assert rows["user"].to_list() == [user for user in "012" for _ in range(4)]
    assert rows["item"].to_list() == ["0", "1", "2", "3"] * 3
    assert found.items["item"].to_list() == ["0", "1", "2", "3"]


def test_a_line_that_is_not_whole_stops(tmp_path):
    (tmp_path / coat_environment.FILE).write_text("1 2 3\n4 5\n")
    with pytest.raises(MalformedError, match="has not 3 ratings"):
        coat_environment.read(tmp_path)


def test_items_differ_in_quality_unless_they_are_dealt():
    spread = {graded: rated(users=400, graded=graded).mean(0).std() for graded in (0, 1)}
    assert spread[1] > 0.5 > 0.1 > spread[0]
    assert rated(graded=0).sum(1).tolist() == rated(graded=1).sum(1).tolist()
    assert 1 <= rated().min() <= rated().max() <= 5


def test_a_customer_likes_one_rack():
    ratings = pl.DataFrame(rated(users=300, items=24, clusters=6).T)
    assert (
        ratings.group_by(pl.int_range(24) % 6).mean().select(pl.all().std()).mean_horizontal()[0]
        > 0.3
    )


@pytest.mark.parametrize(("writes", "sizes"), [("coat", {}), ("coat_environment", {"colours": 3})])
def test_what_is_not_known_is_named(tmp_path, writes, sizes):
    with pytest.raises(ValueError, match="Known:"):
        racks.generate(tmp_path, writes, 1, sizes)
