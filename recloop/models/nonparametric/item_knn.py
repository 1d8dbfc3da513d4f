"""ItemKNN: what goes along with the last item.

Hidasi et al. Session-based Recommendations with Recurrent Neural Networks. ICLR 2016.
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
    last_items,
)
from recloop.models.nonparametric.state import Remembering, SparseMatrix

BLOCK = 256  # items compared with all others at once; bounds memory, changes no result


class ItemKNN(Remembering):
    """Cosine between the sessions of two items, damped where there are few.

    Args:
        items: how many items there are; id `items` is padding.
        neighbours: how many similar items each item keeps.
        regularisation: sessions added to each item's own in the denominator.
        shrink: a pair with as many common sessions keeps half of its similarity; 0 switches it off.
    """

    def __init__(
        self,
        items: int,
        neighbours: int = 100,  # authors' code, as the next one
        regularisation: float = 20.0,
        shrink: float = 0.0,  # ours: not in the paper
    ):
        super().__init__()
        self.items = items
        self.neighbours = neighbours
        self.regularisation = regularisation
        self.shrink = shrink
        self.similarity = SparseMatrix()
        self.remember(popularity=np.empty(0))

    def score(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch item"]:
        """Score every item by its similarity to the last one of the session."""
        popularity = self.recall("popularity")
        found = self.similarity.read()[last_items(session, self.items)].toarray()
        return torch.from_numpy(found + popularity).to(session.device)

    def fit(self, items: Int[np.ndarray, " event"], offsets: Int[np.ndarray, " boundary"]) -> None:
        """Find the most similar items of every item."""
        sessions = incidence(items, offsets, self.items)
        # ours: popularity tells equal similarities apart, for the kept neighbours as in scores.
        self.remember(popularity=below_rounding(sessions.sum(0)))
        of_item = sessions.T.tocsr()
        starts = range(0, self.items, BLOCK)
        blocks = [self.compare(of_item[start : start + BLOCK], sessions, start) for start in starts]
        blocks.append(sparse.csr_array((1, self.items)))  # padding has no neighbours
        self.similarity.keep(sparse.vstack(blocks, format="csr"))

    def compare(
        self, some: sparse.csr_array, sessions: sparse.csr_array, start: int
    ) -> sparse.csr_array:
        """Find the neighbours of a block of items, the first of which is item `start`."""
        together = (some @ sessions).tocoo()
        other = together.col != together.row + start
        row, column, common = together.row[other], together.col[other], together.data[other]
        support = sessions.sum(0) + self.regularisation
        value = common / np.sqrt(support[row + start] * support[column])
        value = np.round(value * common / (common + self.shrink), DECIMALS)
        matrix = sparse.csr_array((value, (row, column)), shape=together.shape)
        order = matrix.data + self.recall("popularity")[matrix.indices]
        return keep_largest(matrix, self.neighbours, order)
