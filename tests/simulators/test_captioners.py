"""Captioner networks: teacher forcing and word-by-word decoding agree, sentences are never empty."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.nn.functional import pad

ITEMS, CELLS, FEATURES, WORDS = 12, 5, 6, 11
SIZES = {
    "show_attend_tell.ShowAttendTell": {"dim": 16, "word_dim": 8, "attention_dim": 8},
    "vl_transformer.VLTransformer": {"dim": 16, "layers": 2, "heads": 4, "feedforward": 24},
}


@pytest.fixture(params=list(SIZES))
def network(request):
    from recloop.simulators.captioner import build_network

    torch.manual_seed(3)
    settings = {"class": "captioner.Captioner", "network": request.param, **SIZES[request.param]}
    made = build_network(settings, WORDS, FEATURES).eval()
    for weight in made.parameters():  # far from ties
        weight.data.mul_(2.0)
    return made


@pytest.fixture
def pictures():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, ITEMS, CELLS, FEATURES, generator=generator).unbind()


class Grid:
    """Grid features in memory."""

    def __init__(self, rows):
        self.array, self.shape = rows, rows.shape

    def rows(self, items):
        return self.array[items]


@pytest.fixture
def captioner(network, pictures):
    from recloop.language.vocabulary import UNKNOWN, Vocabulary
    from recloop.simulators.captioner import Captioner

    words = (*(f"w{number}" for number in range(WORDS - 2)), UNKNOWN)
    return Captioner(network, Vocabulary(words), Grid(pictures[0].numpy()), chunk=7)


def pairs():
    return (grid.ravel() for grid in np.meshgrid(np.arange(ITEMS), np.arange(ITEMS)))


@torch.no_grad()
def test_word_by_word_is_teacher_forcing(network, pictures):
    words = torch.randint(1, WORDS, (ITEMS, 8), generator=torch.Generator().manual_seed(2))
    words[:, 0] = 0
    expected = network(*pictures, words)
    state, found = network.begin(*pictures), []
    for position in range(8):
        scores, state = network.step(words[:, position], state)
        found.append(scores)
    torch.testing.assert_close(torch.stack(found, 1), expected, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_greedy_decoding_is_full_decoding_of_all_words_so_far(network, pictures):
    from recloop.simulators.decoding import greedy

    found = greedy(network, *pictures, 8, WORDS - 1)
    words = torch.zeros(ITEMS, 1, dtype=torch.long)
    for position in range(found.shape[1]):
        scores = network(*pictures, words)[:, -1]
        scores[:, WORDS - 1] = -math.inf
        if position == 0:
            scores[:, 0] = -math.inf
        going = (words[:, 1:] != 0).all(1)
        words = torch.cat([words, (scores.argmax(-1) * going)[:, None]], 1)
    assert torch.equal(found, words[:, 1:])


@torch.no_grad()
@pytest.mark.parametrize("open_words", [None, torch.tensor([2, 3])], ids=["free", "complete"])
def test_sentences_that_end_are_dropped_and_the_others_go_on_as_alone(network, open_words):
    from recloop.simulators.decoding import greedy

    target, reference = torch.randn(
        2, 60, CELLS, FEATURES, generator=torch.Generator().manual_seed(8)
    )
    words = torch.randint(1, WORDS, (60, 8), generator=torch.Generator().manual_seed(9))
    scores = network(target, reference, words)
    # Ends come early and late: after half of all words one is likelier than any word.
    network.rank.bias[0] += (scores[..., 1:-1].amax(2) - scores[..., 0]).median()
    together = greedy(network, target, reference, 8, WORDS - 1, open_words)
    ends = (together != 0).sum(1)
    assert len(set(ends.tolist())) > 2
    sizes = []
    step = network.step
    network.step = lambda word, state: (sizes.append(len(word)), step(word, state))[1]
    assert torch.equal(greedy(network, target, reference, 8, WORDS - 1, open_words), together)
    assert sizes[0] == 60 and sizes[-1] < 30
    for row in range(60):
        alone = greedy(network, target[[row]], reference[[row]], 8, WORDS - 1, open_words)[0]
        assert torch.equal(pad(alone, (0, together.shape[1] - len(alone))), together[row])


def test_next_word_does_not_depend_on_later_ones(network, pictures):
    words = torch.randint(1, WORDS, (ITEMS, 6))
    other = words.clone()
    other[:, 4:] = (other[:, 4:] + 3) % WORDS
    one, two = (network(*pictures, rows)[:, :4] for rows in (words, other))
    torch.testing.assert_close(one, two)


def test_gradient_reaches_every_weight(network, pictures):
    from recloop.simulators.learner import word_loss

    words = torch.randint(1, WORDS, (ITEMS, 5))
    word_loss(network, *pictures, words).backward()
    assert [n for n, w in network.named_parameters() if not w.grad.abs().sum() > 0] == []


def test_refuses_a_setting_it_does_not_have():
    from recloop.simulators.captioner import build_network

    for name in SIZES:
        with pytest.raises(TypeError, match="no_such_setting"):
            build_network({"class": "x", "network": name, "no_such_setting": 1}, 5, 5)


def test_critique_is_deterministic_never_empty_and_the_same_alone(captioner):
    target, liked = pairs()
    sentences = captioner.critique(target, liked)
    assert len(sentences) == ITEMS**2
    assert all(0 < len(sentence.split()) <= 8 for sentence in sentences)
    assert sentences == captioner.critique(target, liked)
    alone = [captioner.critique(target[[i]], liked[[i]])[0] for i in range(0, len(target), 11)]
    assert alone == sentences[::11]
    assert "UNK" not in " ".join(sentences)


def test_critique_depends_on_which_picture_is_wanted(captioner):
    target, liked = (ids[:ITEMS] for ids in pairs())
    target, liked = np.arange(6), np.arange(6, 12)
    assert captioner.critique(target, liked) != captioner.critique(liked, target)


class Script:
    """A network that would say its words over and over, whatever the pictures, and then the runner-up."""

    def __init__(self, wanted, words):
        self.wanted, self.words = wanted, words

    def begin(self, target, reference):
        return (torch.zeros(len(target), 1),)

    def step(self, word, state):
        scores = torch.zeros(len(word), self.words) - torch.arange(self.words)
        scores[:, 0] = 1.0  # would rather end
        place = int(state[0][0, 0])
        if place < len(self.wanted):
            scores[:, self.wanted[place]] = 5.0
        return scores, (state[0] + 1,)

    def __call__(self, target, reference, words):
        raise NotImplementedError


def said(wanted, open_words, length=8, words=8):
    from recloop.simulators.decoding import greedy

    open_words = open_words and torch.tensor(open_words)
    found = greedy(Script(wanted, words), *torch.zeros(2, 3, 1, 1), length, words - 1, open_words)
    assert found.eq(found[:1]).all()
    return [number for number in found[0].tolist() if number]


@pytest.mark.parametrize(
    ("wanted", "free", "complete"),
    [
        ([2, 3], [2, 3], [2, 3]),
        ([2, 2, 3], [2, 2, 3], [2]),  # not the same word twice in a row: rather none
        ([2, 3, 2, 3], [2, 3, 2, 3], [2, 3, 2]),  # nor the same two
        ([2, 6], [2, 6], [2, 6, 1]),  # 6 needs another word
        ([2, 3, 6, 5, 6, 4, 6, 2], [2, 3, 6, 5, 6, 4, 6, 2], [2, 3, 6, 5, 6, 4, 6, 2]),
        ([2, 3, 6, 5, 6, 4, 1, 6], [2, 3, 6, 5, 6, 4, 1, 6], [2, 3, 6, 5, 6, 4, 1]),  # broken off
    ],
)
def test_complete_sentences_do_not_repeat_themselves_or_break_off(wanted, free, complete):
    assert said(wanted, None) == free
    assert said(wanted, [6]) == complete


def test_a_captioner_knows_the_words_that_need_another(network, pictures):
    from recloop.language.vocabulary import UNKNOWN, Vocabulary
    from recloop.simulators.captioner import Captioner

    words = ("red", "like", "blue", "more", *(f"w{number}" for number in range(5)), UNKNOWN)
    grid = Grid(pictures[0].numpy())
    made = Captioner(network, Vocabulary(words), grid, complete=True)
    assert sorted(made.open_words.tolist()) == [2, 4]
    for sentence in made.critique(*pairs()):
        said = sentence.split()
        assert not said or said[-1] not in ("like", "more")
        assert len(set(pairwise(said))) == max(len(said) - 1, 0)
        assert all(first != second for first, second in pairwise(said))
