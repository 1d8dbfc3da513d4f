"""Text features of what users said before, kept between jobs: an encoder is loaded only for a new sentence."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from jaxtyping import Float
from torch import Tensor

from recloop.storage.files import replacing

AT_ONCE = 64  # sentences encoded side by side


class Sentences:
    """A function from sentences to features that remembers, also on disk.

    Jobs that run side by side may share the file: each writes a whole new one, and what one of them adds may be lost
    and is then encoded once more.

    Args:
        path: the file; None keeps nothing. Its name must tell encoders apart.
        open_encoder: gives an object with `texts(sentences) -> sentence dim`; called at the first new sentence.
        dim: of the features.
    """

    def __init__(self, path: Path | None, open_encoder: Callable[[], Any], dim: int):
        self.path, self.open_encoder, self.encoder = path, open_encoder, None
        self.known = read(path) if path and path.exists() else {}
        self.dim, self.saved = dim, len(self.known)

    def __call__(self, sentences: list[str]) -> Float[Tensor, "sentence dim"]:
        """Encode sentences, new ones together."""
        new = [sentence for sentence in dict.fromkeys(sentences) if sentence not in self.known]
        for first in range(0, len(new), AT_ONCE):
            some = new[first : first + AT_ONCE]
            self.known |= zip(some, self.encode(some).cpu().numpy(), strict=True)
        found = [self.known[sentence] for sentence in sentences]
        return torch.from_numpy(np.stack(found) if found else np.empty((0, self.dim), np.float32))

    def encode(self, sentences: list[str]) -> Float[Tensor, "sentence dim"]:
        """Ask the encoder."""
        if self.encoder is None:
            self.encoder = self.open_encoder()
        return self.encoder.texts(sentences).float()

    def save(self) -> None:
        """Write all that is known, if anything is new; readers see the old file or the new one."""
        if not self.path or len(self.known) == self.saved:
            return
        known = (read(self.path) if self.path.exists() else {}) | self.known
        features = pl.Series(np.stack(list(known.values())), dtype=pl.Array(pl.Float32, self.dim))
        frame = pl.DataFrame({"sentence": list(known), "features": features})
        with replacing(self.path) as draft:
            frame.write_parquet(draft)
        self.saved = len(known)


def read(path: Path) -> dict[str, np.ndarray]:
    """Read what `Sentences.save` wrote."""
    frame = pl.read_parquet(path.read_bytes())  # opened once: another job may put a new file here
    return dict(zip(frame["sentence"], frame["features"].to_numpy(), strict=True))
