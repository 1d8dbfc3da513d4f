"""Pictures to batches of pixels, decoded ahead of the network that waits for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from recloop.data.pictures import Pictures

AHEAD = 3  # batches in work: one that the network computes, one that waits, one that is decoded


class Loader:
    """Batches of prepared pictures, in the order of the items.

    Workers are threads, not processes: Pillow gives up Python's lock while it decodes and resizes, and threads hand
    over pixels without copies, shared memory or a second import of torch.

    Args:
        pictures: where the files are.
        prepare: a file's bytes to pixels.
        workers: threads that decode ahead; 0 decodes when asked.
        pinned: put pixels into memory that a GPU can fetch by itself.
    """

    def __init__(
        self,
        pictures: Pictures,
        prepare: Callable[[bytes], Tensor],
        workers: int = 0,
        pinned: bool = False,
    ):
        self.pictures, self.prepare = pictures, prepare
        self.workers, self.pinned = workers, pinned

    def batches(self, parts: list[np.ndarray]) -> Iterator[UInt8[Tensor, "batch 3 height width"]]:
        """Yield the pixels of each part, a part being the items of one batch.

        Raises:
            ValueError: a picture that cannot be read.
        """
        if not self.workers:
            yield from (self.stack(self.decode_all(part)) for part in parts)
            return
        with ThreadPoolExecutor(self.workers) as pool:
            waiting: deque[list[Future]] = deque()
            try:
                for part in parts:
                    waiting.append(self.submit(pool, part))
                    if len(waiting) >= AHEAD:
                        yield self.stack(self.results(waiting.popleft()))
                while waiting:
                    yield self.stack(self.results(waiting.popleft()))
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def submit(self, pool: ThreadPoolExecutor, items: np.ndarray) -> list[Future]:
        """Hand one batch out, a piece to each thread."""
        files = self.pictures.encoded(items.tolist())
        pieces = np.array_split(np.arange(len(items)), self.workers)
        return [
            pool.submit(self.decode, items[piece], [files[place] for place in piece])
            for piece in pieces
            if len(piece)
        ]

    def decode_all(self, items: np.ndarray) -> list[Tensor]:
        return self.decode(items, self.pictures.encoded(items.tolist()))

    def decode(self, items: np.ndarray, files: list[bytes]) -> list[Tensor]:
        """Prepare some pictures; name the one that cannot be read."""
        found = []
        for item, file in zip(items, files, strict=True):
            try:
                found.append(self.prepare(file))
            except ValueError as error:
                raise ValueError(
                    f"item {item}: expected a JPEG or PNG file of {len(file)} bytes, cannot read it ({error}); "
                    "collect the catalogue again, which sets damaged pictures aside"
                ) from error
        return found

    @staticmethod
    def results(futures: list[Future]) -> list[Tensor]:
        return [picture for future in futures for picture in future.result()]

    def stack(self, pictures: list[Tensor]) -> UInt8[Tensor, "batch 3 height width"]:
        batch = torch.stack(pictures)
        return batch.pin_memory() if self.pinned else batch
