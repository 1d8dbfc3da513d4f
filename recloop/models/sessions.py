"""Right padded sessions: how long they are and where they end."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad

GROUPS = 4  # of sessions of like length; more cut little more away
# Positions of a batch from which on less padding outweighs more, smaller products; measured.
WORTHWHILE = 1 << 13


def lengths(session: Int[Tensor, "batch time"], padding: int) -> Int[Tensor, " batch"]:
    """Count the items of each session."""
    return (session != padding).sum(1)


def trimmed(session: Int[Tensor, "batch time"], padding: int) -> Int[Tensor, "batch shorter"]:
    """Leave out the positions at the end where every session is padded, but for the first one."""
    return session[:, : max(int(lengths(session, padding).max()), 1)]


def by_length(
    encode: Callable[[Tensor], Tensor], session: Int[Tensor, "batch time"], padding: int
) -> Float[Tensor, "batch time dim"]:
    """Encode sessions of like length together and leave out the positions where all of them are padded.

    States there are zeros. It is for encoders whose states do not depend on what comes later, on a processor.
    """
    if session.device.type != "cpu" or session.numel() < WORTHWHILE:
        return encode(session)
    order = lengths(session, padding).argsort(stable=True)
    parts = [trimmed(session[rows], padding) for rows in order.chunk(GROUPS)]
    if sum(part.numel() for part in parts) > 0.9 * session.numel():
        return encode(session)
    states = [pad(encode(part), (0, 0, 0, session.shape[1] - part.shape[1])) for part in parts]
    return torch.cat(states)[order.argsort()]


def last(
    states: Float[Tensor, "batch time dim"], session: Int[Tensor, "batch time"], padding: int
) -> Float[Tensor, "batch dim"]:
    """Take the state at the last item of each session (the first position if it has none)."""
    end = (lengths(session, padding) - 1).clamp_min(0)
    return states[torch.arange(len(states), device=states.device), end]
