"""Right padded sessions: how long they are and where they end."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

# Positions of a batch from which on less padding outweighs the packing; measured.
WORTHWHILE = 1 << 10


def lengths(session: Int[Tensor, "batch time"], padding: int) -> Int[Tensor, " batch"]:
    """Count the items of each session."""
    return (session != padding).sum(1)


def trimmed(session: Int[Tensor, "batch time"], padding: int) -> Int[Tensor, "batch shorter"]:
    """Leave out the positions at the end where every session is padded, but for the first one."""
    return session[:, : max(int(lengths(session, padding).max()), 1)]


@dataclass(frozen=True)
class Packed:
    """Sessions laid behind one another in rows that are as long as the longest of them.

    Attributes:
        items: of the rows.
        places: of each item in its session, counted from 0.
        sees: whether two items are of one session.
        origin: where in `items`, flat, each position of the sessions is; one behind its end where there is none.
    """

    items: Int[Tensor, "row time"]
    places: Int[Tensor, "row time"]
    sees: Bool[Tensor, "row time time"]
    origin: Int[Tensor, "batch step"]

    def unpack(self, states: Float[Tensor, "row time dim"]) -> Float[Tensor, "batch step dim"]:
        """Bring states back to their sessions; zeros where those are padded."""
        flat = pad(states.flatten(0, 1), (0, 0, 0, 1))
        return flat.index_select(0, self.origin.flatten()).unflatten(0, self.origin.shape)


def pack(session: Int[Tensor, "batch time"], padding: int) -> Packed | None:
    """Lay right padded sessions behind one another, so that less is padding; none where that saves little.

    A session gets the half, the quarter, … of a row, the smallest that it fits into; the larger ones come first, and no
    part then crosses the end of a row.
    """
    if session.device.type != "cpu" or session.numel() < WORTHWHILE:
        return None
    sizes = lengths(session, padding)
    time = max(int(sizes.max()), 1)
    cuts = 1 << torch.arange(1, time.bit_length())  # 2, 4, …, none of them above `time`
    halvings = (sizes.clamp_min(1)[:, None] * cuts <= time).sum(1)
    parts = 1 << int(halvings.max())  # of a row
    taken = parts >> halvings
    rows = -(-int(taken.sum()) // parts)
    if rows * time > 0.9 * session.numel():
        return None
    order = taken.argsort(descending=True, stable=True)
    first = torch.empty_like(taken)
    first[order] = taken[order].cumsum(0) - taken[order]
    start = first // parts * time + first % parts * time // parts
    places = torch.arange(session.shape[1]).expand_as(session)
    real = session != padding
    origin = torch.where(real, start[:, None] + places, rows * time)
    owners = torch.arange(len(session))[:, None].expand_as(session)

    def lay(values: Tensor, empty: int) -> Tensor:
        laid = torch.full((rows * time,), empty, dtype=values.dtype)
        laid[origin[real]] = values[real]
        return laid.view(rows, time)

    owner = lay(owners, -1)
    sees = owner[:, :, None] == owner[:, None]
    return Packed(lay(session, padding), lay(places, 0), sees, origin)


def last(
    states: Float[Tensor, "batch time dim"], session: Int[Tensor, "batch time"], padding: int
) -> Float[Tensor, "batch dim"]:
    """Take the state at the last item of each session (the first position if it has none)."""
    end = (lengths(session, padding) - 1).clamp_min(0)
    return states[torch.arange(len(states), device=states.device), end]
