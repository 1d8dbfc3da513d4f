"""Popularity baselines: what is seen most, in training or in the session itself.

Hidasi et al. Session-based Recommendations with Recurrent Neural Networks. ICLR 2016.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad

from recloop.models.nonparametric.incidence import check_sessions
from recloop.models.nonparametric.state import Remembering


class Popularity(Remembering):
    """Every session gets the items that occur most often in training.

    Args:
        items: how many items there are; id `items` is padding.
    """

    def __init__(self, items: int):
        super().__init__()
        self.items = items
        self.remember(counts=np.empty(0))

    def score(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch item"]:
        """Score every item by its training events."""
        return self.known_counts(session).expand(len(session), -1)

    def fit(self, items: Int[np.ndarray, " event"], offsets: Int[np.ndarray, " boundary"]) -> None:
        """Count the events of every item."""
        check_sessions(items, offsets, self.items)
        self.remember(counts=np.bincount(items, minlength=self.items).astype(float))

    def known_counts(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, " item"]:
        """Read the counts on the device of the session."""
        return torch.from_numpy(self.recall("counts")).to(session.device)


class Chance(Popularity):
    """All items are alike; metrics are expectations under ties, so that every one of them is chance.

    Args:
        items: how many items there are; id `items` is padding.
    """

    def score(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch item"]:
        """Score every item alike."""
        return 0.0 * super().score(session)


class SessionPopularity(Popularity):
    """The session's own items come first, by how often it has them; then training decides.

    Args:
        items: how many items there are; id `items` is padding.
    """

    def score(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch item"]:
        """Score every item by its events in the session, plus a share below 1 for training."""
        counts = self.known_counts(session)
        share = pad(counts / (counts.max() + 1), (0, 1))  # a last column takes the padding
        ones = torch.ones_like(session, dtype=share.dtype)
        return share.repeat(len(session), 1).scatter_add_(1, session.long(), ones)[:, :-1]
