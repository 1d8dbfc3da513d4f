"""Right padded sessions: how long they are and where they end."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def lengths(session: Int[Tensor, "batch time"], padding: int) -> Int[Tensor, " batch"]:
    """Count the items of each session."""
    return (session != padding).sum(1)


def trimmed(session: Int[Tensor, "batch time"], padding: int) -> Int[Tensor, "batch shorter"]:
    """Leave out the positions at the end where every session is padded, but for the first one."""
    return session[:, : max(int(lengths(session, padding).max()), 1)]


def last(
    states: Float[Tensor, "batch time dim"], session: Int[Tensor, "batch time"], padding: int
) -> Float[Tensor, "batch dim"]:
    """Take the state at the last item of each session (the first position if it has none)."""
    end = (lengths(session, padding) - 1).clamp_min(0)
    return states[torch.arange(len(states), device=states.device), end]
