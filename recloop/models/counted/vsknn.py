"""V-SKNN: what the most similar past sessions went on with.

Ludewig and Jannach. Evaluation of Session-based Recommendation Algorithms. UMUAI 2018.
"""

from collections.abc import Collection

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import sparse
from torch import Tensor

from recloop.models.counted.incidence import (
    DECIMALS,
    below_rounding,
    incidence,
    keep_largest,
    keep_latest,
    last_places,
)
from recloop.models.counted.state import Remembering, SparseMatrix

POWER = {"linear": 1, "quadratic": 2}


class VSKNN(Remembering):
    """Nearest past sessions, with more weight on the later items of the present one.

    Item x of a session of n items weighs (x / n) to a power. This weight enters twice: in the
    similarity to past sessions, and, for the last item that both have, in a neighbour's vote.

    Args:
        items: how many items there are; id `items` is padding.
        neighbours: how many similar sessions vote.
        sample: among how many sessions they are sought: the latest ones that share an item.
        decay: how the weight of earlier items falls: `linear` or `quadratic`.
        similarity: `dot` product of weights, or `cosine`, which prefers short past sessions.
        idf: multiply scores by the logarithm of how rare an item is.
    """

    def __init__(
        self,
        items: int,
        neighbours: int = 100,  # ours, as sample: usual values
        sample: int = 500,
        decay: str = "linear",
        similarity: str = "dot",
        idf: bool = False,
    ):
        super().__init__()
        check_choice("decay", decay, POWER)
        check_choice("similarity", similarity, ("dot", "cosine"))
        self.items = items
        self.neighbours = neighbours
        self.sample = sample
        self.power = POWER[decay]
        self.similarity = similarity
        self.idf = idf
        self.sessions, self.sessions_of_item = SparseMatrix(), SparseMatrix()
        self.remember(popularity=np.empty(0), rarity=np.empty(0))

    def score(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch item"]:
        """Score every item by the votes of similar sessions."""
        popularity = self.recall("popularity")
        present = self.weigh(session)
        voters = self.vote(self.nearest(present), present)
        votes = voters @ self.sessions.read()
        if self.idf:
            votes.data *= self.recall("rarity")[votes.indices]
        votes.data = np.round(votes.data, DECIMALS)
        # ours: equal scores are told apart by popularity.
        return torch.from_numpy(votes.toarray() + popularity).to(session.device)

    def fit(self, items: Int[np.ndarray, " event"], offsets: Int[np.ndarray, " boundary"]) -> None:
        """Index the sessions, which come in the order of their time, by item."""
        sessions = incidence(items, offsets, self.items)
        support = sessions.sum(0)
        self.remember(popularity=below_rounding(support))
        self.remember(rarity=np.log(sessions.shape[0] / support.clip(1)))
        # A session among the latest `sample` that share any item is among the latest of each item
        # it shares: earlier ones can be forgotten here, whatever will be asked.
        of_item = keep_latest(sessions.T.tocsr(), self.sample)
        used, renumbered = np.unique(of_item.indices, return_inverse=True)
        entries = (of_item.data, renumbered, of_item.indptr)
        self.sessions_of_item.keep(sparse.csr_array(entries, shape=(self.items, len(used))))
        self.sessions.keep(sessions[used])

    def weigh(self, session: Int[Tensor, "batch time"]) -> sparse.csr_array:
        """Give each item of a session the weight of its last place."""
        place = last_places(session, self.items)
        row, step = np.nonzero(place)
        weight = (place[row, step] / place.max(1)[row]) ** self.power
        chosen = session.cpu().numpy()[row, step]
        return sparse.csr_array((weight, (row, chosen)), shape=(len(session), self.items))

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
        """Multiply each similarity by the weight of the last item that both sessions have."""
        row = np.repeat(np.arange(similar.shape[0]), np.diff(similar.indptr))
        past = self.sessions.read()[similar.indices]  # one row per neighbour
        weight = present.toarray()[np.repeat(row, np.diff(past.indptr)), past.indices]
        # Weights rise within a session, so that the largest one belongs to the last shared item.
        last = np.maximum.reduceat(weight, past.indptr[:-1])
        entries = (similar.data * last, similar.indices, similar.indptr)
        return sparse.csr_array(entries, shape=similar.shape)


def check_choice(setting: str, value: str, choices: Collection[str]) -> None:
    """Refuse a word that a setting does not know."""
    if value not in choices:
        raise ValueError(f"{setting}={value!r} is not known to VSKNN: take {' or '.join(choices)}")
