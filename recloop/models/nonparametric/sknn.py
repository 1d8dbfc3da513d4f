"""S-KNN: what the most similar past sessions had in them, the order of items left aside.

Jannach and Ludewig. When Recurrent Neural Networks meet the Neighborhood for Session-Based
Recommendation. RecSys 2017.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import sparse
from torch import Tensor

from recloop.models.nonparametric.incidence import (
    DECIMALS,
    below_rounding,
    incidence,
    keep_largest,
    keep_latest,
    last_places,
)
from recloop.models.nonparametric.state import Remembering, SparseMatrix


class SKNN(Remembering):
    """Nearest past sessions by the cosine of the sets of items, each of which votes for all its items.

    An item's score is the sum of the similarities of the neighbours that have it.

    Args:
        items: how many items there are; id `items` is padding.
        neighbours: how many similar sessions vote.
        sample: among how many sessions they are sought: the latest ones that share an item.
    """

    similarity = "cosine"

    def __init__(
        self,
        items: int,
        neighbours: int = 100,  # ours, as sample: usual values
        sample: int = 500,
    ):
        super().__init__()
        self.items = items
        self.neighbours = neighbours
        self.sample = sample
        self.sessions, self.sessions_of_item = SparseMatrix(), SparseMatrix()
        self.remember(popularity=np.empty(0))

    def score(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch item"]:
        """Score every item by the votes of similar sessions."""
        popularity = self.recall("popularity")
        present = self.weigh(session)
        votes = self.vote(self.nearest(present), present)
        votes.data = np.round(votes.data, DECIMALS)
        # ours: equal scores are told apart by popularity.
        return torch.from_numpy(votes.toarray() + popularity).to(session.device)

    def fit(self, items: Int[np.ndarray, " event"], offsets: Int[np.ndarray, " boundary"]) -> None:
        """Index the sessions, which come in the order of their time, by item."""
        sessions = incidence(items, offsets, self.items)
        self.count(sessions)
        # A session among the latest `sample` that share any item is among the latest of each item
        # it shares: earlier ones can be forgotten here, whatever will be asked.
        of_item = keep_latest(sessions.T.tocsr(), self.sample)
        used, renumbered = np.unique(of_item.indices, return_inverse=True)
        entries = (of_item.data, renumbered, of_item.indptr)
        self.sessions_of_item.keep(sparse.csr_array(entries, shape=(self.items, len(used))))
        self.sessions.keep(sessions[used])

    def count(self, sessions: sparse.csr_array) -> None:
        """Remember in how many of all sessions each item is."""
        self.remember(popularity=below_rounding(sessions.sum(0)))

    def weigh(self, session: Int[Tensor, "batch time"]) -> sparse.csr_array:
        """Weight each item of a session by 1."""
        row, step = np.nonzero(last_places(session, self.items))
        chosen = session.cpu().numpy()[row, step]
        return sparse.csr_array((np.ones(len(row)), (row, chosen)), (len(session), self.items))

    def nearest(self, present: sparse.csr_array) -> sparse.csr_array:
        """Find the similarity of each session (row) to its neighbours (columns)."""
        shared = keep_latest(present @ self.sessions_of_item.read(), self.sample)
        if self.similarity == "cosine":
            widths = np.diff(self.sessions.read().indptr)[shared.indices]
            length = np.sqrt(present.multiply(present).sum(1))
            shared.data /= np.repeat(length, np.diff(shared.indptr)) * np.sqrt(widths)
        shared.data = np.round(shared.data, DECIMALS)
        # ours: of equally similar sessions the latest vote.
        latest = below_rounding(np.arange(shared.shape[1], dtype=float))
        return keep_largest(shared, self.neighbours, shared.data + latest[shared.indices])

    def vote(self, similar: sparse.csr_array, present: sparse.csr_array) -> sparse.csr_array:
        """Let each neighbour vote for its items, as loud as it is similar."""
        return similar @ self.sessions.read()
