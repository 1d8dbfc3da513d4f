"""What asking a language model as environment takes, said before it is asked and again when its speed is known."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from recloop.language_models.asking import Preview

Cost = tuple[int, int]  # prompts and their tokens
NOTHING: Cost = (0, 0)


def left_to_ask(
    costs: Sequence[Cost], there: Sequence[bool], log: Callable[[str], None]
) -> Iterator[int]:
    """Give the numbers of the parts that are left, in their order; whoever asks them is timed.

    Args:
        costs: of each part; where no prompts are in any, nothing is said.
        there: which parts are answered already.
        log: takes a preview before the first part, and another one behind it.
    """
    left = [part for part, done in enumerate(there) if not done]
    if not left:
        return
    say(costs, left, None, log)
    started = time.monotonic()
    yield left[0]
    seconds, tokens = time.monotonic() - started, costs[left[0]][1]
    if left[1:]:
        say(costs, left[1:], seconds / tokens if tokens else None, log)
    yield from left[1:]


def say(
    costs: Sequence[Cost], left: Sequence[int], pace: float | None, log: Callable[[str], None]
) -> None:
    """Write down what is left, at a pace in seconds per token."""
    prompts = sum(number for number, _ in costs)
    known = prompts - sum(costs[part][0] for part in left)
    tokens = sum(costs[part][1] for part in left)
    if prompts:
        hours = None if pace is None else pace * tokens / 3600
        log(str(Preview(prompts, known, tokens, 0, hours)))
