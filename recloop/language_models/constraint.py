"""Decoding that can only say certain things."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence

from torch import Tensor


class Constraint(ABC):
    """What may follow what has been said, in token numbers."""

    @abstractmethod
    def after(self, said: Sequence[int]) -> list[int]:
        """List what may follow; never empty."""

    @abstractmethod
    def allowed(self) -> list:
        """Write down all that decides what may be said."""

    def behind(self, width: int) -> Callable[[int, Tensor], list[int]]:
        """Make what transformers calls `prefix_allowed_tokens_fn`, for prompts of one padded width."""
        return lambda batch, ids: self.after(ids[width:].tolist())


class OneOf(Constraint):
    """One of some token sequences, followed by the end mark.

    Args:
        sequences: token numbers of each thing that may be said.
        end: number of the end mark.

    Raises:
        ValueError: nothing may be said, or a sequence is empty.
    """

    def __init__(self, sequences: Iterable[Sequence[int]], end: int):
        self.end = end
        self.next: dict[tuple[int, ...], set[int]] = {}  # a tree: a beginning, and what goes on
        for sequence in map(tuple, sequences):
            if not sequence:
                raise ValueError("expected answers of at least one token, got an empty one")
            for place, token in enumerate((*sequence, end)):
                self.next.setdefault(sequence[:place], set()).add(token)
        if not self.next:
            raise ValueError("expected answers that may be said, got none")

    def allowed(self) -> list:
        """Write the answers down."""
        return [self.end, *sorted(key for key, tokens in self.next.items() if self.end in tokens)]

    def after(self, said: Sequence[int]) -> list[int]:
        """List what goes on with an answer; behind a whole one the end mark."""
        return sorted(self.next.get(tuple(said), {self.end}))


class OnlyItems(Constraint):
    """Item tokens, none of them twice, followed by the end mark.

    Args:
        items: numbers of the item tokens.
        length: how many are to be said.
        end: number of the end mark.

    Raises:
        ValueError: more are to be said than there are.
    """

    def __init__(self, items: range, length: int, end: int):
        if not 1 <= length <= len(items):
            raise ValueError(f"expected 1 to {len(items)} items to say, got {length}")
        self.items, self.length, self.end = items, length, end

    def allowed(self) -> list:
        """Write the range of items, their number and the end mark down."""
        return [self.items.start, self.items.stop, self.length, self.end]

    def after(self, said: Sequence[int]) -> list[int]:
        """List the items that have not been said, until there are enough."""
        if len(said) >= self.length:
            return [self.end]
        return [item for item in self.items if item not in said]
