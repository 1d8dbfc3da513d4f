"""Sessions as sparse matrices, for models that count which items occur together."""

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import sparse
from torch import Tensor

# Sums of the same numbers in another order differ in the last digits; rounded scores do not.
DECIMALS = 8


def incidence(
    items: Int[np.ndarray, " event"], offsets: Int[np.ndarray, " boundary"], catalogue: int
) -> sparse.csr_array:
    """Build the matrix of ones that says which session (row) has which item (column).

    Args:
        items: the items of all sessions, one session after another.
        offsets: where each session starts in `items`, and at last where the last one ends.
        catalogue: how many items there are.

    Raises:
        ValueError: an item outside the catalogue, or offsets that do not cover `items`.
    """
    check_sessions(items, offsets, catalogue)
    shape = (len(offsets) - 1, catalogue)
    matrix = sparse.csr_array((np.ones(len(items)), items, offsets), shape=shape, copy=True)
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix


def check_sessions(
    items: Int[np.ndarray, " event"], offsets: Int[np.ndarray, " boundary"], catalogue: int
) -> None:
    """Refuse sessions that point outside their items or outside the catalogue."""
    if not len(items):
        raise ValueError("there are no training events to count")
    if items.min() < 0 or items.max() >= catalogue:
        span = f"{items.min()}..{items.max()}"
        raise ValueError(f"item ids {span} are not in 0..{catalogue - 1}: leave padding out")
    if offsets[0] != 0 or offsets[-1] != len(items) or (np.diff(offsets) < 0).any():
        raise ValueError(f"offsets must rise from 0 to the number of events, {len(items)}")


def last_items(session: Int[Tensor, "batch time"], catalogue: int) -> Int[np.ndarray, " batch"]:
    """Find the last real item of each session, or padding where there is none."""
    real = session != catalogue
    last = (real.sum(1) - 1).clamp(min=0)
    return session.gather(1, last[:, None]).squeeze(1).cpu().numpy()


def last_places(
    session: Int[Tensor, "batch time"], catalogue: int
) -> Int[np.ndarray, "batch time"]:
    """Count the steps of each session from 1, with 0 for padding and for items that come again."""
    earlier = torch.ones(session.shape[1], session.shape[1], dtype=torch.bool).triu(1)
    again = (session[:, :, None] == session[:, None, :]) & earlier.to(session.device)
    counts = (session != catalogue) & ~again.any(2)
    return (counts * torch.arange(1, session.shape[1] + 1, device=session.device)).cpu().numpy()


def keep_largest(
    matrix: sparse.csr_array, count: int, order: Float[np.ndarray, " entry"]
) -> sparse.csr_array:
    """Keep, in each row, the `count` entries that are largest in `order`."""
    widths = np.diff(matrix.indptr)
    if not len(widths) or widths.max() <= count:
        return matrix
    real = np.arange(widths.max()) < widths[:, None]
    table = np.full(real.shape, -np.inf)
    table[real] = order  # row by row, as entries are stored
    chosen = np.zeros_like(real)
    np.put_along_axis(chosen, np.argpartition(-table, count - 1)[:, :count], True, axis=1)
    kept = chosen[real]
    offsets = np.append(0, np.cumsum((chosen & real).sum(1)))
    return sparse.csr_array((matrix.data[kept], matrix.indices[kept], offsets), shape=matrix.shape)


def keep_latest(matrix: sparse.csr_array, count: int) -> sparse.csr_array:
    """Keep, in each row, the `count` entries with the highest columns: the latest sessions."""
    matrix.sort_indices()
    widths = np.diff(matrix.indptr)
    kept = np.arange(matrix.nnz) >= np.repeat(matrix.indptr[1:] - count, widths)
    offsets = np.append(0, np.cumsum(widths.clip(max=count)))
    return sparse.csr_array((matrix.data[kept], matrix.indices[kept], offsets), shape=matrix.shape)


def below_rounding(size: Float[np.ndarray, " place"]) -> Float[np.ndarray, " place"]:
    """Shrink positive numbers until they decide between equal rounded scores and no others."""
    return size / (size.max() + 1) * 0.5 * 10**-DECIMALS
