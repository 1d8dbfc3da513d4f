"""V-SKNN: what the most similar past sessions went on with.

Ludewig and Jannach. Evaluation of Session-based Recommendation Algorithms. UMUAI 2018.
"""

from collections.abc import Collection

import numpy as np
from jaxtyping import Int
from scipy import sparse
from torch import Tensor

from recloop.models.nonparametric.incidence import last_places
from recloop.models.nonparametric.sknn import SKNN

POWER = {"linear": 1, "quadratic": 2}


class VSKNN(SKNN):
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
        super().__init__(items, neighbours, sample)
        check_choice("decay", decay, POWER)
        check_choice("similarity", similarity, ("dot", "cosine"))
        self.power = POWER[decay]
        self.similarity = similarity
        self.idf = idf
        self.remember(rarity=np.empty(0))

    def count(self, sessions: sparse.csr_array) -> None:
        """Remember in how many of all sessions each item is, and how rare that makes it."""
        super().count(sessions)
        self.remember(rarity=np.log(sessions.shape[0] / sessions.sum(0).clip(1)))

    def weigh(self, session: Int[Tensor, "batch time"]) -> sparse.csr_array:
        """Weight each item of a session by its last place."""
        place = last_places(session, self.items)
        row, step = np.nonzero(place)
        weight = (place[row, step] / place.max(1)[row]) ** self.power
        chosen = session.cpu().numpy()[row, step]
        return sparse.csr_array((weight, (row, chosen)), shape=(len(session), self.items))

    def vote(self, similar: sparse.csr_array, present: sparse.csr_array) -> sparse.csr_array:
        """Make a vote as loud as similarity times the weight of the last item that both have."""
        row = np.repeat(np.arange(similar.shape[0]), np.diff(similar.indptr))
        past = self.sessions.read()[similar.indices]  # one row per neighbour
        weight = present.toarray()[np.repeat(row, np.diff(past.indptr)), past.indices]
        # Weights rise within a session, so that the largest one belongs to the last shared item.
        last = np.maximum.reduceat(weight, past.indptr[:-1])
        entries = (similar.data * last, similar.indices, similar.indptr)
        votes = super().vote(sparse.csr_array(entries, shape=similar.shape), present)
        if self.idf:
            votes.data *= self.recall("rarity")[votes.indices]
        return votes


def check_choice(setting: str, value: str, choices: Collection[str]) -> None:
    """Refuse a word that a setting does not know."""
    if value not in choices:
        raise ValueError(f"{setting}={value!r} is not known to VSKNN: take {' or '.join(choices)}")
