"""Readers that know no words: the mean, and a line through what was always known of them."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from recloop.data.word_parts import bare

RIDGE = 1e-3  # on standardised inputs
FAR = 30.0  # words into a sentence, from where on places are one


class MeanReading(nn.Module):
    """The mean of the training words.

    Args:
        features: how many measures a word has.
        counts: how often a word stands in the training texts.
    """

    knows = 0  # inputs besides a constant

    def __init__(self, features: int, counts: dict[str, int]):
        super().__init__()
        self.counts = counts
        self.register_buffer("weight", torch.zeros(self.knows + 1, features, dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(self.knows, dtype=torch.float64))
        self.register_buffer("deviation", torch.ones(self.knows, dtype=torch.float64))

    def describe(self, sentences: list[list[str]]) -> Float[Tensor, "word input"]:
        """Say of each word what is always known: nothing."""
        return torch.zeros(sum(map(len, sentences)), 0, dtype=torch.float64)

    def standardised(self, sentences: list[list[str]]) -> Float[Tensor, "word input"]:
        """Describe words in deviations from the mean, with a constant before them."""
        known = (self.describe(sentences) - self.mean) / self.deviation
        return torch.cat([known.new_ones(len(known), 1), known], 1)

    def fit(self, sentences: list[list[str]], measured: Float[Tensor, "word feature"]) -> None:
        """Solve for the weights (ridge regression)."""
        known = self.describe(sentences)
        if self.knows:
            self.mean.copy_(known.mean(0))
            self.deviation.copy_(known.std(0).clamp(min=1e-9))
        inputs = self.standardised(sentences)
        penalty = RIDGE * len(inputs) * torch.eye(self.knows + 1, dtype=torch.float64)
        penalty[0, 0] = 0
        moments = inputs.T @ measured.double()
        self.weight.copy_(torch.linalg.solve(inputs.T @ inputs + penalty, moments))

    def read_words(self, sentences: list[list[str]]) -> np.ndarray:
        """Read the words of sentences, shape (word, feature)."""
        return (self.standardised(sentences) @ self.weight).float().numpy()


class LengthAndFrequency(MeanReading):
    """Length, rarity and place of a word, by linear regression."""

    knows = 4

    def describe(self, sentences: list[list[str]]) -> Float[Tensor, "word input"]:
        """Say of each word its length, the log of its count, its place, and whether a mark ends it."""
        rows = [
            (
                len(word),
                np.log1p(self.counts.get(bare(word), 0)),
                min(place, FAR),
                word[-1] in ".,;:!?",
            )
            for words in sentences
            for place, word in enumerate(words)
        ]
        return torch.tensor(rows, dtype=torch.float64)
