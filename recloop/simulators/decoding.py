"""Sentences word by word, for many pairs at once."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from recloop.language.vocabulary import END

State = tuple[Tensor, ...]  # what a network keeps between two words; rows are pairs


@runtime_checkable
class Network(Protocol):
    """What every captioner network can do."""

    def __call__(
        self,
        target: Float[Tensor, "batch cell dim"],
        reference: Float[Tensor, "batch cell dim"],
        words: Int[Tensor, "batch time"],
    ) -> Float[Tensor, "batch time word"]:
        """Score each next word of given sentences (teacher forcing); `words` starts with `END`."""

    def begin(
        self, target: Float[Tensor, "batch cell dim"], reference: Float[Tensor, "batch cell dim"]
    ) -> State:
        """Look at both pictures."""

    def step(
        self, word: Int[Tensor, " batch"], state: State
    ) -> tuple[Float[Tensor, "batch word"], State]:
        """Take the last word and score the next one."""


@torch.no_grad()
def greedy(
    network: Network,
    target: Float[Tensor, "batch cell dim"],
    reference: Float[Tensor, "batch cell dim"],
    length: int,
    unknown: int,
) -> Int[Tensor, "batch time"]:
    """Decode greedily, by the likeliest word each time; never the unknown one, never nothing.

    Args:
        network: in evaluation mode.
        target: grid features of what the user wants.
        reference: grid features of what is compared with it.
        length: most words.
        unknown: number of the word that stands for all rare ones.
    """
    state, word = network.begin(target, reference), target.new_full((len(target),), END).long()
    going, utterances = torch.ones_like(word, dtype=torch.bool), []
    for position in range(length):
        scores, state = network.step(word, state)
        scores[:, unknown] = -torch.inf
        if position == 0:
            scores[:, END] = -torch.inf  # an empty critique tells nothing
        word = scores.argmax(-1) * going
        utterances.append(word)
        going = going & (word != END)
        if not going.any():
            break
    return torch.stack(utterances, 1)
