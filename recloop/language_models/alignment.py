"""What belongs to the words of a text, carried from one tokenisation to another.

A word is what stands between white space; a token belongs to the word of its first mark that is no space. Tokens of one
byte of an emoji have its place, those of white space belong to no word (-1).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

WORD = re.compile(r"\S+")
NO_WORD = -1
Ints = NDArray[np.int64]
Values = NDArray[np.float32]


def tokenised(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[list[int], Ints]:
    """Return the numbers of the tokens of a text without special ones, and the word that each belongs to.

    Raises:
        ValueError: the tokenizer does not know where its tokens stand.
    """
    if not tokenizer.is_fast:
        raise ValueError("expected a tokenizer with tokenizer.json, which knows where tokens stand")
    found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    return found["input_ids"], words_of_tokens(text, found["offset_mapping"])


def words_of_tokens(text: str, spans: Sequence[tuple[int, int]]) -> Ints:
    """Find the word of each token.

    Args:
        text: of which the words are counted from 0.
        spans: first mark of each token, and the one behind its last.
    """
    word_at = np.full(len(text) + 1, NO_WORD, dtype=np.int64)
    for number, found in enumerate(WORD.finditer(text)):
        word_at[found.start() : found.end()] = number
    words = np.full(len(spans), NO_WORD, dtype=np.int64)
    for place, (start, end) in enumerate(spans):
        real = np.flatnonzero(word_at[start : max(end, start + 1)] != NO_WORD)
        words[place] = word_at[start + real[0]] if len(real) else NO_WORD
    return words


def summed(values: Values, words: Ints, number: int) -> Values:
    """Add values of tokens up to those of words, shape (words, features)."""
    found = np.zeros((number, values.shape[1]), dtype=np.float32)
    np.add.at(found, words[words != NO_WORD], values[words != NO_WORD])
    return found


def firsts(words: Ints) -> NDArray[np.bool_]:
    """Mark the first token of each word."""
    real = words != NO_WORD
    found = np.zeros(len(words), dtype=bool)
    found[np.unique(np.where(real, words, words.max(initial=0) + 1), return_index=True)[1]] = True
    return found & real


def lasts(words: Ints) -> NDArray[np.bool_]:
    """Mark the last token of each word."""
    return firsts(words[::-1])[::-1]


def spread(of_words: Values, words: Ints, evenly: bool) -> Values:
    """Give what belongs to words to the tokens of another tokenisation, shape (tokens, features).

    Args:
        of_words: shape (words, features).
        words: the word of each token.
        evenly: to all tokens of a word, each an equal share; otherwise all to its first one.
    """
    found = np.zeros((len(words), of_words.shape[1]), dtype=np.float32)
    real = words != NO_WORD
    if evenly:
        share = np.bincount(words[real], minlength=len(of_words))
        found[real] = of_words[words[real]] / share[words[real], None]
    else:
        first = firsts(words)
        found[first] = of_words[words[first]]
    return found


def restored(values: Values, plain: Sequence[int], whole: Sequence[int]) -> Values:
    """Put what belongs to the tokens of a text to the same tokens among special ones, which get nothing.

    Args:
        values: of the tokens of the plain text, shape (tokens, features).
        plain: their numbers.
        whole: numbers of the tokens with marks of a template around and between them.

    Returns:
        Shape (whole, features).
    """
    found = np.zeros((len(whole), values.shape[1]), dtype=np.float32)
    mine, others = common(plain, whole)
    found[others] = values[mine]
    return found


def common(one: Sequence[int], other: Sequence[int]) -> tuple[Ints, Ints]:
    """Find a longest common subsequence: the places of its tokens in both."""
    first, second = np.asarray(one, dtype=np.int64), np.asarray(other, dtype=np.int64)
    longest = np.zeros((len(first) + 1, len(second) + 1), dtype=np.int32)
    for place, token in enumerate(first, start=1):  # a row at a time
        taken = longest[place - 1, :-1] + (second == token)
        np.maximum.accumulate(np.maximum(longest[place - 1, 1:], taken), out=longest[place, 1:])
    row, column = len(first), len(second)
    pairs: list[tuple[int, int]] = []
    while row and column:
        if longest[row, column] == longest[row - 1, column]:
            row -= 1
        elif longest[row, column] == longest[row, column - 1]:
            column -= 1
        else:
            row, column = row - 1, column - 1
            pairs.append((row, column))
    found = np.array(pairs[::-1], dtype=np.int64).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def windows(length: int, most: int, overlap: int) -> list[slice]:
    """Cut a long text into windows that overlap; the last one ends with the text.

    Raises:
        ValueError: windows that do not move on.
    """
    if not 0 <= overlap < most:
        raise ValueError(f"overlap={overlap}: expected at least 0 and less than the window, {most}")
    starts = range(0, max(1, length - overlap), most - overlap)
    return [slice(start, min(start + most, length)) for start in starts]


def cross_faded(parts: Sequence[Values], places: Sequence[slice], length: int) -> Values:
    """Join what windows say; where two overlap, the first fades out as the second fades in, along a line.

    Args:
        parts: values of the tokens of each window, shape (tokens, features).
        places: of the windows, in order.
        length: tokens of the whole text.
    """
    found = np.zeros((length, parts[0].shape[1]), dtype=np.float32)
    done = 0
    for values, place in zip(parts, places, strict=True):
        shared = max(0, done - place.start)
        weight = np.ones(len(values), dtype=np.float32)
        weight[:shared] = np.arange(1, shared + 1) / (shared + 1)
        found[place.start : done] *= (1 - weight[:shared])[:, None]
        found[place] += weight[:, None] * values
        done = place.stop
    return found
