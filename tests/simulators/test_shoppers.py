"""Users who look for attributes: what they say, what contradicts them, and how soon they are served."""

import pytest
import torch

from recloop.data.attribute_codes import Codes
from recloop.language.wishes import Reader, wish, wordings
from recloop.models.offline.rules import Rules
from recloop.models.offline.shelf import Shelf
from recloop.models.offline.spaces import Space
from recloop.simulators.phrasebook import Book, by_grammar, differences
from recloop.simulators.shoppers import Shoppers, Similarity, WishesHold
from recloop.training.seat import Seat

NAMES = ("category", "heel", "gender")
VALUES = (("boots", "sandals"), ("flat", "high", "low"), ("men", "women"))


def codes(rows):
    return Codes(NAMES, VALUES, torch.tensor(rows))


def shop(rows, sessions=1, refuses=0.0, cap=6, taken=None, **given):
    """Users of a small catalogue; the recommender sees it as it is, or as it is `taken`."""
    known = codes(rows)
    space = Space(known.sizes)
    taken = known.table if taken is None else torch.tensor(taken)
    shelf = Shelf.of(torch.arange(len(rows)), torch.eye(len(rows)), taken, space)
    book = by_grammar(known, wordings=4, refuses=refuses, seed=1)
    content = WishesHold(known.table, known.unstated)
    plain = {"reward": lambda item, target: torch.zeros(len(item)), "content": content} | given
    users = Shoppers(shelf, known.table, book, sessions=sessions, cap=cap, penalty=-3.0, **plain)
    return known, users


EVERYTHING = [[a, b, c] for a in range(2) for b in range(3) for c in range(2)]


def meanings(known, book):
    """What a reader makes of every sentence, as `recloop.training.shop` has it."""
    pairs = known.pairs()
    reader, table = Reader(pairs), torch.zeros(len(book.sentences) + 1, 2 * len(pairs))
    for row, sentence in enumerate(book.sentences):
        name, value, wanted = reader.read(sentence)
        table[row, pairs.index((name, value)) + (not wanted) * len(pairs)] = 1.0
    return table


# -- words -------------------------------------------------------------------------------------------------------------


def test_every_wording_is_read_as_it_is_meant():
    from random import Random

    pairs, random = codes(EVERYTHING).pairs(), Random(0)
    reader = Reader(pairs)
    for name, value in pairs:
        for wanted in (True, False):
            said = {wish(name, value, wanted, random) for _ in range(60)}
            assert {reader.read(one) for one in said} == {(name, value, wanted)}
    assert len(set(wordings(pairs))) > 15 * len(pairs)
    assert reader.read("good morning") is None


def test_comments_like_those_in_print_are_read():
    reader = Reader([("gender", "men"), ("subcategory", "boots"), ("heel", "flat")])
    assert reader.read("I want boots") == ("subcategory", "boots", True)
    assert reader.read("Show me more shoes for men") == ("gender", "men", True)
    assert reader.read("I do not need shoes without a flat heel.") == ("heel", "flat", True)
    assert reader.read("Not a flat heel, please") == ("heel", "flat", False)


# -- sessions ----------------------------------------------------------------------------------------------------------


def test_a_user_comments_on_a_true_difference_and_on_nothing_else():
    known, users = shop(EVERYTHING, sessions=64, refuses=0.3, cap=50)
    reader = Reader(known.pairs())
    users.reset()
    generator = torch.Generator().manual_seed(4)
    for _ in range(5):
        target = known.table[users.target]
        heard, _, content, _, _ = users.step(Space(known.sizes).uniform(64, generator))
        shown = known.table[heard.item]
        assert torch.equal(content, (shown == target).all(1))
        for row in range(64):
            if content[row]:
                assert heard.sentence[row] == len(users.book.sentences)
                continue
            name, value, wanted = reader.read(users.book.sentences[heard.sentence[row]])
            place = NAMES.index(name)
            said = VALUES[place].index(value)
            assert shown[row, place] != target[row, place]
            assert said == (target if wanted else shown)[row, place]
        users.reset(options={"reset_mask": content})


def test_who_states_nothing_of_an_attribute_does_not_care():
    rows = [[0, 3, 0], [0, 1, 0], [1, 1, 0]]  # the first states no heel
    known, _ = shop(rows)
    content = WishesHold(known.table, known.unstated)
    pairs = [(1, 0, True), (2, 0, False), (0, 1, False)]
    for item, target, holds in pairs:
        assert bool(content(torch.tensor([item]), torch.tensor([target]))) is holds, (item, target)


def test_violations_are_those_counted_by_hand():
    """The target is (0, 0, 0). It was said that the first attribute is to be 0, and the second not 2."""
    _, users = shop(EVERYTHING)
    users.reset(options={"targets": torch.tensor([0])})
    users.wanted[0, 0] = True
    users.refused[0, 1, 2] = True
    shown = {(0, 0, 0): 0, (1, 0, 0): 1, (0, 2, 0): 1, (1, 2, 1): 2, (0, 1, 1): 0}
    for row, expected in shown.items():
        assert int(users.violations(torch.tensor([row]))) == expected, row
    # A wish and a refusal of the same attribute are one violation.
    users.wanted[0, 1] = True
    assert int(users.violations(torch.tensor([[0, 2, 0]]))) == 1


def test_violations_of_whole_sessions_are_those_of_who_reads_along():
    """An item is held against all earlier comments, as read: attributes that contradict some are counted."""
    known, users = shop(EVERYTHING, sessions=32, refuses=0.4, cap=50)
    reader, generator = Reader(known.pairs()), torch.Generator().manual_seed(2)
    users.reset()
    said, going, total = [set() for _ in range(32)], set(range(32)), 0
    for _ in range(12):
        heard, _, content, _, info = users.step(Space(known.sizes).uniform(32, generator))
        for row in sorted(going):
            numbers = zip(NAMES, VALUES, known.table[heard.item[row]].tolist(), strict=True)
            shown = {name: values[number] for name, values, number in numbers}
            bad = {name for name, value, wanted in said[row] if (shown[name] == value) != wanted}
            assert int(info["violated"][row]) == len(bad)
            total += len(bad)
            if content[row]:
                going.remove(row)
            else:
                said[row].add(reader.read(users.book.sentences[heard.sentence[row]]))
    assert {wanted for one in said for *_, wanted in one} == {True, False}
    assert total > 100


def test_the_cap_ends_a_session_and_costs_a_penalty():
    _, users = shop([[0, 0, 0], [1, 1, 1]], cap=3)
    users.reset(options={"targets": torch.tensor([0])})
    steps = [users.step(torch.tensor([[1, 1, 1]]))[1:4] for _ in range(3)]
    assert [tuple(part.item() for part in step) for step in steps] == [
        (0.0, False, False),
        (0.0, False, False),
        (-3.0, False, True),
    ]
    users.reset(options={"targets": torch.tensor([0])})
    assert users.step(torch.tensor([[0, 0, 0]]))[2].item() is True


@pytest.mark.parametrize("differing", [1, 2, 3])
def test_a_perfect_agent_is_done_in_the_turns_counted_by_hand(differing):
    """Every comment tells one value of the target. With two values left of each attribute that is not known, and an
    agent that shows the other one first, as many comments are needed as attributes differ: then the next item is right.
    """
    rows = [[a, b, c] for a in range(2) for b in range(2) for c in range(2)]
    known, users = shop(rows, sessions=20, cap=10)
    model = Rules(known.sizes, 2 * len(known.pairs()), reads=True)
    seat = Seat(model, users, meanings(known, users.book))
    users.reset(options={"targets": torch.zeros(20, dtype=torch.long)})
    wrong = torch.tensor([[1] * differing + [0] * (3 - differing)]).expand(20, -1)
    turns = torch.zeros(20, dtype=torch.long)
    done = torch.zeros(20, dtype=torch.bool)
    for turn in range(1, 8):
        mine = model.tracker.start(20) if turn == 1 else seat.state

        def choose(state, mine=mine):
            scores = model.space.parted(mine)
            return torch.where(scores.amax(-1) > 0, scores.argmax(-1), wrong)

        _, _, _, over, _ = seat.turn(choose)
        turns = torch.where(over & ~done, turn, turns)
        done |= over
    assert turns.tolist() == [differing + 1] * 20


def test_the_same_seed_makes_the_same_sessions_and_a_state_goes_on_exactly():
    known, users = shop(EVERYTHING, sessions=8, refuses=0.2)
    space = Space(known.sizes)

    def walk(turns):
        generator = torch.Generator().manual_seed(0)
        return [users.step(space.uniform(8, generator))[0] for _ in range(turns)]

    users.reset(seed=5)
    first = walk(4)
    users.reset(seed=5)
    again = walk(2)
    state = users.state()
    later = walk(2)
    users.load_state(state)
    assert all(torch.equal(a.item, b.item) for a, b in zip(later, walk(2), strict=True))
    pairs = zip(first[:2], again, strict=True)
    assert all(
        torch.equal(a.item, b.item) and torch.equal(a.sentence, b.sentence) for a, b in pairs
    )


# -- what the recommender may know -------------------------------------------------------------------------------------


def test_the_nearest_item_has_the_values_or_as_many_as_any():
    _, users = shop([[0, 0, 0], [0, 1, 0], [1, 2, 1]])
    generator = torch.Generator().manual_seed(0)
    for action, expected in [([0, 1, 0], {1}), ([1, 2, 0], {2}), ([0, 2, 0], {0, 1})]:
        drawn = users.shelf.nearest(torch.tensor([action]).expand(200, -1), generator)
        assert set(drawn.tolist()) == expected


def test_what_is_recommended_goes_by_what_items_are_taken_for():
    """The labels say otherwise: a shelf never sees them."""
    rows, taken = [[0, 0, 0], [1, 1, 1]], [[1, 1, 1], [0, 0, 0]]
    _, users = shop(rows, taken=taken)
    users.reset(options={"targets": torch.tensor([0])})
    heard, _, content, _, _ = users.step(torch.tensor([[0, 0, 0]]))
    assert heard.item.tolist() == [1]
    assert not content.item()


def test_rewards_are_those_of_the_formula():
    visual = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    taken = torch.tensor([[0, 0, 0], [0, 1, 1]])
    asked = torch.tensor([1, 0]), torch.tensor([0, 0])
    printed = Similarity(visual, taken, 0.5, "printed", "count")(*asked)
    assert printed.tolist() == [1 - 0.5 * 5 - 0.5 * 2, 1.0]
    scaled = Similarity(visual, taken, 0.5, "mean", "share")(*asked)
    torch.testing.assert_close(scaled, torch.tensor([1 - 0.5 - 0.5 * 2 / 3, 1.0]))
    with pytest.raises(ValueError, match="distances='mile'"):
        Similarity(visual, taken, 0.5, "mile", "count")


def test_a_book_finds_the_row_of_a_difference():
    known = codes(EVERYTHING)
    book = by_grammar(known, wordings=1, refuses=0.0, seed=0)
    assert isinstance(book, Book)
    for row, one in enumerate(differences(known)):
        place = book.place(*(torch.tensor([n]) for n in (one.attribute, one.shown, one.wanted)))
        assert place.item() == row
