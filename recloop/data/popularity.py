"""Which items are popular and which are novel, from how often the training sessions hold them."""

import numpy as np


def novel_items(counts: np.ndarray, share: float = 0.9) -> np.ndarray:
    """Mark I_nov, the less popular items: those seen no more often than the `share` quantile of all items.

    Ties at the quantile belong to the set, so it can hold more than `share` of the items (24,047 of
    26,702 on RC15 in the SMORL line). Source: MODT4R, Sec 4.4.3.

    Args:
        counts: events per item in the training part, shape (items,).
        share: position of the quantile in [0, 1].

    Returns:
        Boolean mask of shape (items,).
    """
    counts = np.asarray(counts)
    return counts <= np.quantile(counts, share)
