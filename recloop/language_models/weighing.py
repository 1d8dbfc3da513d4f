"""What a model too small to be asked for an answer holds of each of a few: the likelihood of their letters.

A small model says a letter for its place more than for what it stands for. As every item stands in every place by
chance, the mean of a letter over many prompts is what the place alone is worth, and is subtracted: batch calibration
(Zhou et al. Batch Calibration. ICLR 2024), after Zhao et al. Calibrate Before Use. ICML 2021.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from recloop.language_models.answers import Answer
from recloop.language_models.decoding import Decoding
from recloop.language_models.model import BUDGET, LanguageModel
from recloop.storage.fingerprint import digest

AT_ONCE = 64  # prompts that are on record before the next ones are weighed


class Weigher:
    """A network as one who answers with the log-probability of each of the same answers, as JSON.

    Args:
        model: the network.
        answers: what can be answered, as it stands behind a prompt.
        budget: tokens of a batch.
    """

    def __init__(self, model: LanguageModel, answers: Sequence[str], budget: int = BUDGET):
        self.model, self.choices, self.budget = model, list(answers), budget
        self.revision = f"{model.identity} weighs {digest(self.choices)}"

    def count(self, prompts: list[str], decoding: Decoding) -> list[int]:
        """Count the tokens of prompts."""
        return [len(row) for row in self.model.rows(prompts, decoding)]

    def answers(self, prompts: list[str], decoding: Decoding) -> Iterator[dict[int, Answer]]:
        """Weigh the answers behind some prompts after the others."""
        lengths = self.count(prompts, decoding)
        for start in range(0, len(prompts), AT_ONCE):
            part, started = prompts[start : start + AT_ONCE], time.monotonic()
            asked = self.model.spoken(part) if decoding.chat else part
            rows = self.model.choices(asked, self.choices, self.budget).tolist()
            each = (time.monotonic() - started) / len(part)
            yield {
                start + place: Answer(written(row), 1, each, lengths[start + place])
                for place, row in enumerate(rows)
            }


def written(row: Sequence[float]) -> str:
    """Write log-probabilities down."""
    return json.dumps([round(value, 4) for value in row])


def weights(answers: Sequence[Answer]) -> Float[Tensor, "prompt answer"]:
    """Read what a weigher answered."""
    return torch.tensor([json.loads(answer.text) for answer in answers])


def spoken_weights(
    answers: Sequence[Answer], choices: Sequence[str]
) -> Float[Tensor, "prompt answer"]:
    """Read what a model said: 1 for the answer that it begins with, 0 for the others; the last one where it is none."""
    found = torch.zeros(len(answers), len(choices))
    letters = [choice.strip().lower() for choice in choices]
    for row, answer in enumerate(answers):
        word = answer.text.strip().lower()[:1]
        found[row, letters.index(word) if word in letters else -1] = 1.0
    return found


def calibrated(logs: Float[Tensor, "prompt answer"]) -> Float[Tensor, "prompt answer"]:
    """Take off what an answer's place alone is worth: its mean over prompts, of shares among the answers."""
    shares = logs.log_softmax(1)
    return shares - shares.mean(0)
