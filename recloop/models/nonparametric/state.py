"""What a nonparametric model remembers: buffers that take the size of whatever is fitted or loaded."""

import numpy as np
import torch
from scipy import sparse
from torch import nn


class DoesNotFit(RuntimeError):
    """A model needs more memory than its settings allow."""


class Remembering(nn.Module):
    """A module whose buffers are empty until it is fitted or a saved state is loaded.

    They stay in main memory, where scipy reads them without a copy: `.to(device)` and `.half()`
    leave them alone.
    """

    def remember(self, **arrays: np.ndarray) -> None:
        """Keep each array as a buffer of that name."""
        for name, array in arrays.items():
            self.register_buffer(name, torch.from_numpy(array))

    def recall(self, name: str) -> np.ndarray:
        """Read a buffer, without a copy."""
        buffer = getattr(self, name)
        if not len(buffer):
            raise RuntimeError(f"{type(self).__name__} knows no data: call fit or load its state")
        return buffer.numpy()

    def _apply(self, fn, recurse=True):
        return self

    def _load_from_state_dict(self, state_dict, prefix, *rest):
        for name in self._buffers:
            if (saved := state_dict.get(prefix + name)) is not None:
                self.register_buffer(name, torch.empty_like(saved, device="cpu"))
        super()._load_from_state_dict(state_dict, prefix, *rest)


class SparseMatrix(Remembering):
    """A scipy CSR matrix, kept as buffers."""

    def __init__(self):
        super().__init__()
        self.keep(sparse.csr_array((0, 0)))

    def keep(self, matrix: sparse.csr_array) -> None:
        """Remember a matrix."""
        self.remember(values=matrix.data, indices=matrix.indices, offsets=matrix.indptr)
        self.remember(shape=np.array(matrix.shape))

    def read(self) -> sparse.csr_array:
        """Return the matrix, without a copy of its entries."""
        entries = (self.values.numpy(), self.indices.numpy(), self.offsets.numpy())
        return sparse.csr_array(entries, shape=tuple(self.shape.tolist()))
