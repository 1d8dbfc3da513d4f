"""A pair is spoken about once, by whichever job meets it first."""

import numpy as np
import pytest


class Talker:
    """Counts; remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def critique(self, target, liked):
        pairs = list(zip(target.tolist(), liked.tolist(), strict=True))
        self.asked += pairs
        return [f"{one} not {other}" for one, other in pairs]


@pytest.fixture
def remembered(tmp_path):
    from recloop.simulators.utterances import Utterances

    return lambda talker: Utterances(tmp_path / "x" / "said.parquet", lambda: talker)


def pairs(*rows):
    return tuple(np.array(column) for column in zip(*rows, strict=True))


def test_a_pair_is_said_once_in_all_jobs(remembered):
    talker = Talker()
    one = remembered(talker)
    assert one.critique(*pairs((1, 2), (2, 1))) == ["1 not 2", "2 not 1"]
    assert one.critique(*pairs((2, 1), (3, 1))) == ["2 not 1", "3 not 1"]
    one.save()
    again = remembered(talker)
    assert again.critique(*pairs((3, 1), (4, 4), (1, 2))) == ["3 not 1", "4 not 4", "1 not 2"]
    assert talker.asked == [(1, 2), (2, 1), (3, 1), (4, 4)]
    again.save()
    assert remembered(None).critique(*pairs((4, 4), (2, 1))) == ["4 not 4", "2 not 1"]


def test_jobs_side_by_side_keep_each_other(remembered):
    one, other = remembered(Talker()), remembered(Talker())
    one.critique(*pairs((1, 2)))
    other.critique(*pairs((3, 4), (1, 2)))
    one.save()
    other.save()
    assert len(remembered(None).keys) == 2
    assert not list(one.path.parent.glob("*.part"))


def test_nothing_said_writes_nothing(remembered):
    one = remembered(Talker())
    one.save()
    assert not one.path.exists()
