"""What a user says, as features: each pair is asked and each sentence is encoded once."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

RECENT = 1 << 14  # pairs that are kept apart before they are merged; merging copies everything


class Pairs:
    """A dictionary of int64 keys to int64 values that is read and written in batches.

    Keys lie sorted in two levels, so that one batch of news does not move all that is old.

    Args:
        device: of all tensors.
    """

    def __init__(self, device: torch.device | str = "cpu"):
        empty = torch.empty(0, dtype=torch.int64, device=device)
        self.old, self.recent = (empty, empty), (empty, empty)

    def find(self, keys: Int[Tensor, " batch"]) -> Int[Tensor, " batch"]:
        """Look up the value of each key; -1 where there is none."""
        return torch.maximum(look_up(keys, *self.old), look_up(keys, *self.recent))

    def add(self, keys: Int[Tensor, " new"], values: Int[Tensor, " new"]) -> None:
        """Keep new keys, each once and none that is known."""
        self.recent = merge(self.recent, (keys, values))
        if len(self.recent[0]) > RECENT:
            self.old, self.recent = merge(self.old, self.recent), tuple(t[:0] for t in self.recent)


def look_up(
    keys: Int[Tensor, " batch"], known: Int[Tensor, " known"], values: Int[Tensor, " known"]
) -> Int[Tensor, " batch"]:
    if not len(known):
        return torch.full_like(keys, -1)
    place = torch.searchsorted(known, keys).clamp_(max=len(known) - 1)
    return torch.where(known[place] == keys, values[place], -1)


def merge(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    keys, order = torch.cat([one[0], other[0]]).sort()
    return keys, torch.cat([one[1], other[1]])[order]


class CritiqueEncoder:
    """A simulated user as an encoder of (target, liked) pairs.

    Args:
        simulator: has `critique(target, liked) -> list[str]` for arrays of catalogue item ids.
        texts: encodes sentences, `list[str]` to `sentence dim`.
        dim: of the text features.
        device: of what `hear` gets and gives.
    """

    def __init__(
        self,
        simulator: Any,
        texts: Callable[[list[str]], Tensor],
        dim: int,
        device: torch.device | str = "cpu",
    ):
        self.simulator, self.texts, self.device = simulator, texts, device
        self.pairs = Pairs(device)
        self.numbers: dict[str, int] = {}
        self.utterances: list[str] = []
        self.bank = torch.empty(256, dim, device=device)  # its first len(said) rows are in use

    @torch.no_grad()
    def hear(
        self, target: Int[Tensor, " batch"], liked: Int[Tensor, " batch"]
    ) -> tuple[Float[Tensor, "batch dim"], Int[Tensor, " batch"]]:
        """Ask how targets differ from what is liked.

        Args:
            target: catalogue item ids.
            liked: catalogue item ids.

        Returns:
            Text features of the critiques and the numbers of the sentences, see `sentences`.
        """
        keys = (liked.to(self.device, torch.int64) << 32) | target.to(self.device, torch.int64)
        found = self.pairs.find(keys)
        if (missing := found < 0).any():
            self.ask(keys, missing)
            found = self.pairs.find(keys)
        return self.bank[found], found

    def ask(self, keys: Int[Tensor, " batch"], missing: Bool[Tensor, " batch"]) -> None:
        """Hear all pairs that were never heard, in one batch."""
        new = keys[missing].unique()
        liked, target = (new >> 32).cpu().numpy(), (new & 0xFFFFFFFF).cpu().numpy()
        # A user or encoder opened only now draws its first weights; a training must not feel that.
        with torch.random.fork_rng(devices=[]):
            sentences = self.simulator.critique(target, liked)
            self.keep(sorted(set(sentences) - self.numbers.keys()))
        numbers = [self.numbers[sentence] for sentence in sentences]
        self.pairs.add(new, torch.tensor(numbers, device=self.device))

    def keep(self, sentences: list[str]) -> None:
        """Encode sentences, in order, that were never said before, zeros for an empty one, and number them."""
        if not sentences:
            return
        start, end = len(self.utterances), len(self.utterances) + len(sentences)
        if end > len(self.bank):
            room = self.bank.new_empty(2 * end, self.bank.shape[1])
            room[:start] = self.bank[:start]
            self.bank = room
        self.bank[start:end] = 0.0
        if spoken := list(filter(None, sentences)):
            self.bank[end - len(spoken) : end] = self.texts(spoken).to(self.bank)
        self.numbers |= {sentence: start + place for place, sentence in enumerate(sentences)}
        self.utterances += sentences

    def sentences(self, ids: Int[Tensor, "*batch"]) -> list[str]:
        """Write out sentences by the numbers that `hear` gave."""
        return [self.utterances[number] for number in ids.flatten().tolist()]
