"""The grammar of answers: what is written is read back, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recloop.language.tastes import check_genres, read, write

GENRES = ["Comedy", "Drama", "Film-Noir", "Sci-Fi", "War"]
some = st.sets(st.sampled_from(GENRES))


@given(some, some)
def test_what_is_written_is_read_back(liked, disliked):
    assert read(write(liked, disliked), GENRES) == (liked, disliked)


@given(st.text(alphabet="liked: ;,WarComedynone\n", max_size=60) | st.text(max_size=60))
def test_whatever_is_said_names_known_genres_or_is_not_read(text):
    found = read(text, GENRES)
    assert found is None or found.liked | found.disliked <= set(GENRES)


@given(some, some, st.integers(0, 200), st.characters())
def test_a_letter_too_much_is_never_another_genre(liked, disliked, place, letter):
    text = write(liked, disliked)
    place = min(place, len(text))
    found = read(text[:place] + letter + text[place:], GENRES)
    assert found is None or found == (liked, disliked)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("liked: Drama, War; disliked: none", ({"Drama", "War"}, set())),
        ("  liked: none; disliked: Sci-Fi\n", (set(), {"Sci-Fi"})),
        ("liked: Drama, Drama; disliked: War", ({"Drama"}, {"War"})),
        ("liked: Drama,War; disliked: none", None),
        ("liked: Drama; disliked: Musical", None),
        ("liked: Drama", None),
        ("liked: ; disliked: War", None),
        ("liked: Drama; disliked: War; disliked: War", None),
        ("I think: liked: Drama; disliked: War", None),
        ("", None),
    ],
)
def test_examples(text, expected):
    assert read(text, GENRES) == expected


@pytest.mark.parametrize("name", ["Comedy, Drama", "none", "a;b", "", " War"])
def test_a_genre_that_cannot_be_read_back_is_named(name):
    with pytest.raises(ValueError, match="expected a name without commas"):
        check_genres(["Drama", name])
