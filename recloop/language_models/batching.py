"""Which texts go through a network together."""

from collections.abc import Sequence
from itertools import takewhile


def by_length(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Put texts of like length into batches, the longest first, so that memory runs out at once or never.

    Args:
        lengths: tokens of each text.
        budget: most tokens of a batch with its padding; a text that is longer is a batch by itself.

    Returns:
        The places of the texts of each batch; every place once.
    """
    found: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
        longest = lengths[found[-1][0]] if found else 0
        if found and longest * (len(found[-1]) + 1) <= budget:
            found[-1].append(place)
        else:
            found.append([place])
    return found


def alike(rows: Sequence[Sequence[int]]) -> list[tuple[list[int], int]]:
    """Put rows that follow each other together as long as half of each is how the first one of them begins.

    Returns:
        The places of the rows of each group, and how many tokens all of them begin with; 0 where a row is alone.
    """
    found: list[tuple[list[int], int]] = []
    for place, row in enumerate(rows):
        if found:
            places, shared = found[-1]
            first = rows[places[0]]
            begins = first[: shared or len(first) - 1], row[:-1]  # something is left of each
            pairs = zip(*begins, strict=False)
            common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
            if 2 * common >= len(row):
                found[-1] = ([*places, place], common)
                continue
        found.append(([place], 0))
    return found
