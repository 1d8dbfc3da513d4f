"""EASE: a linear model of which items occur together, solved in closed form.

Steck. Embarrassingly Shallow Autoencoders for Sparse Data. WWW 2019.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import sparse
from scipy.linalg.lapack import spotrf, spotri
from torch import Tensor

from recloop.models.nonparametric.incidence import incidence, last_places
from recloop.models.nonparametric.state import DoesNotFit, Remembering

BLOCK = 1024  # items at once while the matrix is filled; bounds memory, changes no result
GIB = 2**30


class EASE(Remembering):
    """Each item is predicted from all others, and never from itself.

    Args:
        items: how many items there are; id `items` is padding.
        l2: weight of the penalty on the item-item matrix.
        memory_gib: memory that this matrix may take while it is made and saved.
    """

    def __init__(self, items: int, l2: float = 500.0, memory_gib: float = 4.0):  # l2 as for ML-20M
        super().__init__()
        self.items = items
        self.l2 = l2
        self.memory_gib = memory_gib
        self.remember(weight=np.empty((0, items), np.float32))

    def score(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch item"]:
        """Score every item from those that the session has, however often."""
        row, step = np.nonzero(last_places(session, self.items))
        chosen = session.cpu().numpy()[row, step]
        ones = np.ones(len(row), np.float32)
        present = sparse.csr_array((ones, (row, chosen)), shape=(len(session), self.items))
        return torch.from_numpy(present @ self.recall("weight")).to(session.device)

    def fit(self, items: Int[np.ndarray, " event"], offsets: Int[np.ndarray, " boundary"]) -> None:
        """Solve for the weights, in place and in single precision."""
        self.check_memory()
        inverse = self.invert(self.gram(incidence(items, offsets, self.items)))
        inverse /= -np.diag(inverse).copy()  # Eq. 8: column by column
        np.fill_diagonal(inverse, 0.0)
        self.remember(weight=inverse)

    def check_memory(self) -> None:
        """Refuse a catalogue whose item-item matrix is too large."""
        needed = 2 * 4 * self.items**2 / GIB  # float32, once more while it is written to a file
        if needed > self.memory_gib:
            raise DoesNotFit(
                f"EASE over {self.items:,} items needs {needed:.1f} GiB for its item-item matrix, "
                f"but has memory_gib={self.memory_gib:g}: raise it, or leave EASE out here"
            )

    def gram(self, sessions: sparse.csr_array) -> Float[np.ndarray, "item item"]:
        """Count the sessions of each pair of items, and add the penalty."""
        sessions = sessions.astype(np.float32)
        of_item = sessions.T.tocsr()
        gram = np.empty((self.items, self.items), np.float32)
        for start in range(0, self.items, BLOCK):
            (of_item[start : start + BLOCK] @ sessions).toarray(out=gram[start : start + BLOCK])
        gram[np.diag_indices(self.items)] += self.l2
        return gram

    def invert(self, gram: Float[np.ndarray, "item item"]) -> Float[np.ndarray, "item item"]:
        """Invert a symmetric positive definite matrix in its own memory."""
        # LAPACK reads columns: the transpose is the same matrix and needs no copy.
        factor, failed = spotrf(gram.T, lower=True, overwrite_a=True)
        if failed:
            raise ValueError(f"EASE found no solution with l2={self.l2:g}: raise it")
        inverse, _ = spotri(factor, lower=True, overwrite_c=True)
        for start in range(0, self.items, BLOCK):  # LAPACK fills one triangle only
            stop = start + BLOCK
            square = inverse[start:stop, start:stop]
            square[:] = np.tril(square) + np.tril(square, -1).T
            inverse[start:stop, stop:] = inverse[stop:, start:stop].T
        return inverse.T
