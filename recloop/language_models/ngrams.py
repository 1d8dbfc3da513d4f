"""Unigram and bigram models over the tokens of a language model: what it has to beat to have learnt a language."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

WEIGHTS = (0.1, 0.3, 0.5, 0.7, 0.9, 0.95)  # of the bigram; the validation part chooses
Rows = Sequence[Sequence[int]]


class Unigram:
    """How often each token occurs, one more for each (Laplace).

    Args:
        rows: token numbers of each text; the first one, the start mark, is never predicted.
        size: of the vocabulary.
    """

    def __init__(self, rows: Rows, size: int):
        counts = np.ones(size)
        for row in rows:
            np.add.at(counts, np.asarray(row[1:], int), 1)
        self.chances = counts / counts.sum()

    def chance(self, before: int, token: int) -> float:
        """Return the probability of a token, whatever stands before it."""
        return float(self.chances[token])


class Bigram:
    """How often a token follows another, mixed with the unigram (Jelinek and Mercer, 1980).

    Args:
        rows: as for the unigram.
        size: of the vocabulary.
        weight: of what follows, where the token before was ever seen; 0 is the unigram.
    """

    def __init__(self, rows: Rows, size: int, weight: float):
        self.unigram, self.weight = Unigram(rows, size), weight
        self.pairs: dict[tuple[int, int], int] = {}
        self.firsts: dict[int, int] = {}
        for row in rows:
            for before, token in pairwise(row):
                self.pairs[before, token] = self.pairs.get((before, token), 0) + 1
                self.firsts[before] = self.firsts.get(before, 0) + 1

    @classmethod
    def chosen(cls, rows: Rows, size: int, valid: Rows) -> Bigram:
        """Take the weight under which the validation texts are likeliest."""
        model = cls(rows, size, 0.0)
        scores = {}
        for model.weight in WEIGHTS:
            scores[model.weight] = perplexity(model, valid)
        model.weight = min(scores, key=scores.__getitem__)
        return model

    def chance(self, before: int, token: int) -> float:
        """Return the probability of a token behind another."""
        alone, seen = self.unigram.chance(before, token), self.firsts.get(before)
        if not seen:
            return alone
        behind = self.pairs.get((before, token), 0) / seen
        return self.weight * behind + (1 - self.weight) * alone


def perplexity(model: Unigram | Bigram, rows: Rows) -> float:
    """Return the inverse of the mean (geometric) probability of a token, all but the first of each text.

    Raises:
        ValueError: there is nothing to predict.
    """
    logs = [-math.log(model.chance(*pair)) for row in rows for pair in pairwise(row)]
    if not logs:
        raise ValueError("perplexity needs texts of at least one token, got none")
    return math.exp(math.fsum(logs) / len(logs))
