"""Sentences word by word, for many pairs at once."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from recloop.language.vocabulary import END

# Words after which something has to come; the captioning library has such a list as bad endings.
UNFINISHED = """
    a an and are as at be different for from has have having in instead is it less like made more no not of on or rather
    should than that the to very which with without
"""
OPEN = frozenset(UNFINISHED.split())
# Share of sentences still going at which those that have ended are dropped; dropping copies what is left. Measured.
FEW_LEFT = 0.6
State = tuple[
    Tensor, ...
]  # what a network keeps between two words; the first dimension of each is the pair


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
        """Take the last word and score the next one; of fewer pairs than before where some have ended."""


@torch.no_grad()
def greedy(
    network: Network,
    target: Float[Tensor, "batch cell dim"],
    reference: Float[Tensor, "batch cell dim"],
    length: int,
    unknown: int,
    open_words: Int[Tensor, " open"] | None = None,
) -> Int[Tensor, "batch time"]:
    """Decode greedily, by the likeliest word each time; never the unknown one, never nothing.

    Args:
        network: in evaluation mode.
        target: grid features of what the user wants.
        reference: grid features of what is compared with it.
        length: most words.
        unknown: number of the word that stands for all rare ones.
        open_words: numbers of `OPEN`: no sentence ends with one, and no word follows another as it did before, itself
            included. What its length breaks off is cut back, to nothing if every word needs another. None decodes
            without these constraints, as the authors' code does.
    """
    state, word = network.begin(target, reference), target.new_full((len(target),), END).long()
    rows, said = torch.arange(len(word), device=word.device), word[:, None].repeat(1, length)
    going = torch.ones_like(word, dtype=torch.bool)
    for position in range(length):
        scores, state = network.step(word, state)
        scores[:, unknown] = -torch.inf
        if open_words is not None and position:
            forbid(scores, said[rows, :position], open_words)
        if position == 0:
            scores[:, END] = -torch.inf  # an empty critique tells nothing
        word = scores.argmax(-1) * going
        said[rows, position] = word
        going = word != END
        left = int(going.sum())
        if not left:
            break
        if left <= FEW_LEFT * len(going):
            stay = going.nonzero()[:, 0]
            state = tuple(part[stay] for part in state)
            rows, word, going = rows[stay], word[stay], going.new_ones(left)
    said = said[:, : position + 1]
    return said if open_words is None else closed(said, open_words)


def forbid(
    scores: Float[Tensor, "batch word"],
    said: Int[Tensor, "batch time"],
    open_words: Int[Tensor, " open"],
) -> None:
    """Rule out, in place, the last word once more, what has followed it before, and an end that leaves it open."""
    last = said[:, -1:]
    scores.scatter_(1, last, -torch.inf)
    followed = torch.where(said[:, :-1] == last, said[:, 1:], last)
    scores.scatter_(1, followed, -torch.inf)
    scores[:, END] = torch.where(torch.isin(last[:, 0], open_words), -torch.inf, scores[:, END])


def closed(
    said: Int[Tensor, "batch time"], open_words: Int[Tensor, " open"]
) -> Int[Tensor, "batch time"]:
    """Cut a sentence that its length broke off back to its last word that needs no other; nothing if there is none."""
    whole = (said != END) & ~torch.isin(said, open_words)
    after = whole.flip(1).cumsum(1).flip(1) > 0  # this word, or one behind it, needs no other
    return torch.where(after, said, END)
