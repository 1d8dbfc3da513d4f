"""Sentences are encoded once, by whichever job says them first."""

import numpy as np
import pytest
import torch


class Encoder:
    """Counts letters; remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def texts(self, sentences):
        self.asked += sentences
        return torch.tensor([[len(s), s.count("a")] for s in sentences], dtype=torch.float32)


@pytest.fixture
def remembered(tmp_path):
    from recloop.simulators.sentences import Sentences

    def remembered(encoder):
        opened = []
        return Sentences(
            tmp_path / "x" / "s.parquet", lambda: (opened.append(1), encoder)[1], 2
        ), opened

    return remembered


def test_a_sentence_is_encoded_once_in_all_jobs(remembered):
    encoder = Encoder()
    texts, opened = remembered(encoder)
    assert texts(["a", "bba", "a"]).tolist() == [[1, 1], [3, 1], [1, 1]]
    texts.save()
    again, reopened = remembered(encoder)
    assert again(["bba"]).tolist() == [[3, 1]]
    assert encoder.asked == ["a", "bba"]
    assert opened and not reopened
    assert again([]).shape == (0, 2)


def test_jobs_side_by_side_keep_each_other(remembered):
    one, other = remembered(Encoder())[0], remembered(Encoder())[0]
    one(["a"])
    other(["b"])
    one.save()
    other.save()
    assert set(remembered(None)[0].known) == {"a", "b"}


def test_nothing_is_written_if_nothing_is_new(remembered):
    texts, _ = remembered(Encoder())
    texts.save()
    assert not texts.path.exists()
    texts(["a"])
    texts.save()
    before = texts.path.stat().st_mtime_ns
    texts(["a"])
    texts.save()
    assert texts.path.stat().st_mtime_ns == before
    assert np.array_equal(texts.known["a"], [1, 1])
    assert not list(texts.path.parent.glob("*.part"))
