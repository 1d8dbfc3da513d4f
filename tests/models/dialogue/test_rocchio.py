"""Lists without training: the query against a hand computation, and what each form hears."""

import pytest
import torch
from torch.nn.functional import normalize

from recloop.models import build
from recloop.models.dialogue.dialogue import Feedback

FEATURES = 6


def model(**keywords):
    return build({"class": "dialogue.rocchio.Rocchio", **keywords}, features=FEATURES)


def turns(number=3):
    generator = torch.Generator().manual_seed(1)
    draw = lambda *shape: torch.randn(*shape, FEATURES, generator=generator)  # noqa: E731
    return [Feedback(3 * draw(2), draw(2, 2), 5 * draw(2)) for _ in range(number)]


def last_query(made, feedbacks):
    state = made.begin(torch.zeros(2, 0, FEATURES), torch.zeros(2, dtype=torch.long))
    for feedback in feedbacks:
        state = made.observe(state, feedback)
    return state.query


def test_it_is_the_mean_of_what_was_liked_less_that_of_what_was_not():
    said = turns()
    liked = torch.stack([normalize(one.liked, dim=-1) for one in said]).mean(0)
    disliked = torch.stack([normalize(one.disliked, dim=-1).mean(1) for one in said]).mean(0)
    words = torch.stack([normalize(one.text, dim=-1) for one in said]).mean(0)
    plain, heard = model(), model(text=0.5, disliked=2.0)
    torch.testing.assert_close(last_query(plain, said), normalize(liked - disliked, dim=-1))
    expected = normalize(liked - 2 * disliked + 0.5 * words, dim=-1)
    torch.testing.assert_close(last_query(heard, said), expected)


@pytest.mark.parametrize(
    ("keywords", "hears", "remembers"),
    [
        ({"disliked": 0.0, "remembers": "last"}, False, False),
        ({}, False, True),
        ({"disliked": 0.0, "text": 1.0, "remembers": "last"}, True, False),
        ({"text": 1.0}, True, True),
    ],
)
def test_what_it_hears_and_remembers(keywords, hears, remembers):
    said, made = turns(), model(**keywords)
    before = last_query(made, said)
    other = [*said[:-1], Feedback(said[-1].liked, said[-1].disliked, -said[-1].text)]
    assert before.equal(last_query(made, other)) != hears
    assert before.allclose(last_query(made, said[-1:])) != remembers


def test_lists_of_one_item_have_nothing_disliked():
    one = Feedback(torch.ones(2, FEATURES), torch.ones(2, 0, FEATURES), torch.ones(2, FEATURES))
    assert last_query(model(), [one]).isfinite().all()


def test_nothing_is_learned_and_random_lists_hear_nothing():
    made = build({"class": "dialogue.rocchio.RandomLists"}, features=FEATURES)
    assert not list(made.parameters())
    assert not list(model().parameters())
    torch.manual_seed(1)
    first = last_query(made, turns())
    torch.manual_seed(1)
    assert first.equal(last_query(made, turns()[:2] + turns(1)))
    assert not first.equal(last_query(made, turns()))


def test_an_unknown_memory_is_refused():
    with pytest.raises(ValueError, match="all or last"):
        model(remembers="first")


def test_a_mute_user_leaves_likes_and_dislikes():
    mute = [Feedback(one.liked, one.disliked, torch.zeros_like(one.text)) for one in turns()]
    for keywords in ({}, {"disliked": 0.0, "remembers": "last"}):
        alone = last_query(model(**keywords), turns())
        assert torch.equal(last_query(model(text=1.0, **keywords), mute), alone)
