"""Comments as numbers: the words that the grammar knows, sentences that teach, and what each of them means."""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from recloop.data.attribute_codes import Codes
from recloop.language.vocabulary import Vocabulary
from recloop.language.wishes import wish, wordings
from recloop.simulators.phrasebook import differences, meant

LENGTH = 14  # words of the longest sentence that is read or written


class Lessons(NamedTuple):
    """Sentences with what they mean.

    Attributes:
        tokens: words, followed by zeros.
        lengths: how many words.
        meaning: number of attribute and value; behind all of them once more where it is refused.
    """

    tokens: Int[Tensor, "sentence time"]
    lengths: Int[Tensor, " sentence"]
    meaning: Int[Tensor, " sentence"]


def vocabulary_of(codes: Codes) -> Vocabulary:
    """Give numbers to all words that the grammar can use about a catalogue."""
    return Vocabulary.learn(wordings(codes.pairs()), at_least=1)


def encoded(
    sentences: Sequence[str], vocabulary: Vocabulary
) -> tuple[Int[Tensor, "sentence time"], Int[Tensor, " sentence"]]:
    """Give numbers to the words of sentences, and count them.

    Raises:
        ValueError: a sentence without words.
    """
    tokens = torch.from_numpy(vocabulary.encode(sentences, LENGTH))
    lengths = (tokens != 0).sum(1)
    if len(lengths) and not int(lengths.min()):
        empty = int(lengths.argmin())
        raise ValueError(
            f"comment {empty} is {sentences[empty]!r}, without any word; expected a sentence"
        )
    return tokens, lengths


def lessons(codes: Codes, pairs: int, templates: int, refuses: float, seed: int) -> Lessons:
    """Write sentences that teach: about differences of random pairs, and templates filled with random values.

    Args:
        codes: of the catalogue, for the values that there are.
        pairs: sentences about differences, among them refusals; the paper's were written by people.
        templates: sentences that say what is wanted.
        refuses: share of refusals among the former.
        seed: of all choices.
    """
    random, known = Random(seed), differences(codes)
    known = [one for one in known if one.shown != one.wanted]
    number = {pair: place for place, pair in enumerate(codes.pairs())}
    meanings = [meant(random.choice(known), codes, refuses, random) for _ in range(pairs)]
    meanings += [(*random.choice(codes.pairs()), True) for _ in range(templates)]
    said = [wish(*meaning, random) for meaning in meanings]
    labels = [number[name, value] + (not wanted) * len(number) for name, value, wanted in meanings]
    return Lessons(*encoded(said, vocabulary_of(codes)), torch.tensor(labels))


def words_and_end(lengths: Int[Tensor, " sentence"], time: int) -> Bool[Tensor, "sentence time"]:
    """Mark the words of sentences and the end behind them."""
    return torch.arange(time) <= lengths[:, None]
