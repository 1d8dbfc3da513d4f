"""Words of a text in one tokenisation and in another, by hand and against slower ways."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recloop.language_models import alignment as align

NONE = align.NO_WORD
NUMBERS = st.lists(st.integers(0, 3), max_size=7)


@pytest.mark.parametrize(
    ("text", "spans", "words"),
    [
        (
            "It's 3.14, isn't it?",
            [(0, 2), (2, 4), (4, 6), (6, 7), (7, 10), (10, 13), (13, 16), (16, 19), (19, 20)],
            [0, 0, 1, 1, 1, 2, 2, 3, 3],
        ),
        (
            "a 👩‍👧 b",
            [(0, 1), (1, 3), (2, 3), (2, 3), (3, 4), (4, 5), (5, 7)],
            [0, 1, 1, 1, 1, 1, 2],
        ),
        ("naïve\u00a0café", [(0, 3), (3, 5), (5, 6), (6, 10)], [0, 0, NONE, 1]),
        ("  two\n\n words ", [(0, 2), (2, 5), (5, 7), (7, 13), (13, 14)], [NONE, 0, NONE, 1, NONE]),
        ("", [(0, 0)], [NONE]),
    ],
    ids=[
        "contractions and numbers",
        "emoji of several bytes",
        "no-break space",
        "white space",
        "nothing",
    ],
)
def test_a_token_belongs_to_the_word_of_its_first_mark(text, spans, words):
    assert align.words_of_tokens(text, spans).tolist() == words


@given(st.text(max_size=40))
def test_every_word_of_any_text_has_a_token(words, text):
    ids, of_tokens = align.tokenised(words, text)
    assert len(ids) == len(of_tokens)
    assert sorted({*of_tokens.tolist()} - {NONE}) == list(range(len(align.WORD.findall(text))))


def test_sums_of_words_are_kept_from_one_tokenisation_to_another():
    values = np.array([[2.0], [4.0], [9.0], [1.0], [3.0]], dtype=np.float32)
    words = align.summed(values, np.array([0, 0, NONE, 1, 1]), 2)
    assert words.tolist() == [[6.0], [4.0]]
    spread = align.spread(words, np.array([0, 0, 0, NONE, 1]), evenly=True)
    assert spread.ravel().tolist() == [2.0, 2.0, 2.0, 0.0, 4.0]
    first = align.spread(words, np.array([NONE, 0, 0, 1, 1]), evenly=False)
    assert first.ravel().tolist() == [0.0, 6.0, 0.0, 4.0, 0.0]


def test_first_and_last_tokens_of_words():
    words = np.array([NONE, 0, 0, 1, NONE, 2, 2, NONE])
    assert np.flatnonzero(align.firsts(words)).tolist() == [1, 3, 5]
    assert np.flatnonzero(align.lasts(words)).tolist() == [2, 3, 6]
    assert not align.firsts(np.array([NONE, NONE])).any()


def test_special_tokens_keep_their_places_and_get_nothing():
    values = np.array([[1.0], [2.0], [3.0], [4.0]], dtype=np.float32)
    user, end, reply = 90, 91, 92
    whole = [user, 5, 6, end, reply, 7, 5, end]
    found = align.restored(values, [5, 6, 7, 5], whole)
    assert found.ravel().tolist() == [0.0, 1.0, 2.0, 0.0, 0.0, 3.0, 4.0, 0.0]


def test_what_was_cut_differently_gets_nothing():
    found = align.restored(np.ones((3, 2), dtype=np.float32), [1, 2, 3], [1, 23, 3])
    assert found[:, 0].tolist() == [1.0, 0.0, 1.0]


@given(NUMBERS, NUMBERS)
def test_a_common_subsequence_is_the_longest(one, other):
    first, second = align.common(one, other)
    assert [one[place] for place in first] == [other[place] for place in second]
    assert all(np.all(np.diff(places) > 0) for places in (first, second))
    longer = (
        combinations(one, length) for length in range(len(first) + 1, min(len(one), len(other)) + 1)
    )
    assert not any(within(part, other) for parts in longer for part in parts)


def within(part, whole) -> bool:
    rest = iter(whole)
    return all(one in rest for one in part)


@given(st.integers(1, 60), st.integers(2, 20), st.data())
def test_windows_cover_a_text_and_fade_into_each_other(length, most, data):
    overlap = data.draw(st.integers(0, most // 2))
    places = align.windows(length, most, overlap)
    assert (places[0].start, places[-1].stop) == (0, length)
    assert all(place.stop - place.start <= most for place in places)
    truth = np.arange(length, dtype=np.float32)[:, None]
    joined = align.cross_faded([truth[place] for place in places], places, length)
    np.testing.assert_allclose(joined, truth, atol=1e-4)  # windows that agree change nothing


def test_windows_that_disagree_fade_along_a_line():
    parts = [np.zeros((4, 1), dtype=np.float32), np.full((4, 1), 4.0, dtype=np.float32)]
    joined = align.cross_faded(parts, [slice(0, 4), slice(1, 5)], 5)
    assert joined.ravel().tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_windows_that_stand_still_are_refused():
    with pytest.raises(
        ValueError, match="overlap=5: expected at least 0 and less than the window, 5"
    ):
        align.windows(9, 5, 5)
