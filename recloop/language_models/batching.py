"""Which texts go through a network together."""

from collections.abc import Sequence


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
