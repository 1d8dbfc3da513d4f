"""What a simulated user said before, kept between jobs: its network is loaded and run only for a new pair of items.

Models that are pretrained with one seed show the same random lists, so that nearly all that is said was said before.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Int

from recloop.simulators import Simulator
from recloop.storage.files import replacing


class Utterances:
    """A simulated user that remembers, also on disk.

    Jobs that run side by side may share the file: each writes a whole new one, and what one of them adds may be lost
    and is then said once more.

    Args:
        path: the file. Its name must tell users apart.
        open_simulator: gives the user; called at the first new pair.
    """

    def __init__(self, path: Path, open_simulator: Callable[[], Simulator]):
        self.path, self.open_simulator, self.simulator = path, open_simulator, None
        self.keys, self.sentences = read(path)
        self.news: dict[int, str] = {}

    def critique(
        self, target: Int[np.ndarray, " batch"], liked: Int[np.ndarray, " batch"]
    ) -> list[str]:
        """Return one sentence for every pair of catalogue items."""
        keys = (liked.astype(np.int64) << 32) | target
        place = np.searchsorted(self.keys, keys).clip(max=max(0, len(self.keys) - 1))
        old = self.keys[place] == keys if len(self.keys) else np.zeros(len(keys), bool)
        fresh = [row for row in np.flatnonzero(~old) if int(keys[row]) not in self.news]
        if fresh:
            if self.simulator is None:
                self.simulator = self.open_simulator()
            utterances = self.simulator.critique(target[fresh], liked[fresh])
            self.news |= zip(keys[fresh].tolist(), utterances, strict=True)
        return [
            self.sentences[place[row]] if old[row] else self.news[int(keys[row])]
            for row in range(len(keys))
        ]

    def save(self) -> None:
        """Write all that was said, if anything is new; readers see the old file or the new one."""
        if not self.news:
            return
        keys, sentences = read(self.path)
        utterances = {
            "pair": [*keys.tolist(), *self.news],
            "sentence": [*sentences, *self.news.values()],
        }
        frame = pl.DataFrame(utterances, schema={"pair": pl.Int64, "sentence": pl.String})
        with replacing(self.path) as draft:
            frame.unique("pair", keep="first").sort("pair").write_parquet(draft)


def read(path: Path) -> tuple[np.ndarray, list[str]]:
    """Read what `Utterances.save` wrote: pairs in ascending order and their sentences; nothing from no file."""
    if not path.exists():
        return np.empty(0, np.int64), []
    frame = pl.read_parquet(path.read_bytes())  # opened once: another job may put a new file here
    return frame["pair"].to_numpy(), frame["sentence"].to_list()
