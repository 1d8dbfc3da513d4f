"""When customers come, and with what in mind: shared by the worlds whose users have sessions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SECOND, HOUR, DAY = 1_000, 3_600_000, 86_400_000  # milliseconds


def tastes(
    user: NDArray[Any], clusters: int, drift: float, random: np.random.Generator
) -> NDArray[Any]:
    """Draw the category of each session; the taste moves to the next one with probability `drift`.

    Args:
        user: user of each session, in order.
        clusters: how many categories there are.
        drift: chance of a move between two sessions.
        random: source of chance.
    """
    home = random.integers(0, clusters, user.max() + 1)
    moves = np.cumsum(random.random(len(user)) < drift)
    before = moves[np.searchsorted(user, user)]  # as the user came for the first time
    return (home[user] + moves - before) % clusters


def times(
    user: NDArray[Any],
    length: NDArray[Any],
    start_day: int,
    days: int,
    random: np.random.Generator,
) -> NDArray[Any]:
    """Draw times so that the sessions of a user neither overlap nor touch: two hours lie between.

    Args:
        user: user of each session, in order.
        length: events of each session.
        start_day: days since 1970.
        days: how many days users come for the first time in; what they do may last longer.
        random: source of chance.

    Returns:
        Milliseconds since 1970 of each event, at most five minutes apart within a session.
    """
    session = np.repeat(np.arange(len(user)), length)
    pause = random.integers(5 * SECOND, 300 * SECOND, len(session))
    first = np.cumsum(length) - length
    pause[first] = 0
    elapsed = np.cumsum(pause)
    elapsed -= elapsed[first][session]
    begin = random.integers(0, days * DAY, len(user))
    begin = begin[np.lexsort((begin, user))]
    # Everything the user did before, and two hours after each session, is added to the start.
    busy = elapsed[first + length - 1] + 2 * HOUR
    before = np.cumsum(busy) - busy
    begin += before - before[np.searchsorted(user, user)]
    return start_day * DAY + begin[session] + elapsed
