"""Generated sessions of users, and lists of next items."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from safetensors.numpy import save_file

from recloop.plan import names
from saved.draws import fits, stream

if TYPE_CHECKING:
    from saved import Generated


class Sequences:
    """Sessions of users and lists of next items."""

    def __init__(self, generated: Generated):
        self.all = generated
        self.items, self.sessions = generated.items, generated.sessions
        self.evaluation = generated.study["evaluation"]

    def places(self, split: Path | None) -> dict:
        """Say where the data of a data set lie."""
        return {"split": str(split.parent)} if split else {}

    @cached_property
    def vectors(self) -> Path:
        """Weights whose item table measures how alike items are."""
        table = stream("vectors").normal(size=(self.items + 1, 8)).astype(np.float32)
        path = self.all.folder("vectors") / "vectors.safetensors"
        save_file({"backbone.embedding.weight": table}, path)
        return path

    def popularity(self, dataset: str) -> np.ndarray:
        """Training events per item, Zipf."""
        return stream(dataset).permutation(
            (6 * self.items / np.arange(1, self.items + 1)).astype(int)
        )

    @property
    def bought(self) -> np.ndarray:
        """Which items are bought whenever they are in a session: the later half."""
        return np.arange(self.items) >= self.items // 2

    def sells(self, dataset: str) -> bool:
        """Check whether anything is bought in a data set."""
        return self.all.datasets[dataset].get("bought", True)

    def write_data(self, folder: Path, dataset: str) -> dict:
        """Write items and parts, and count them."""
        counts = self.popularity(dataset)
        items = pl.DataFrame({"item": np.arange(self.items, dtype=np.int32), "count": counts})
        items.write_parquet(folder / "items.parquet")
        usual = {
            "train": [8 * self.sessions, 5],
            "valid": [self.sessions, 5],
            "test": [self.sessions, 5],
        }
        parts = self.all.wanted.get("parts", usual)
        for part, (sessions, events) in parts.items():
            train = np.repeat(np.arange(self.items), counts)
            shown = train if part == "train" else train[: sessions * events]
            self.part(dataset, shown, sessions).write_parquet(folder / f"{part}.parquet")
        counted = {
            part: {"sessions": sessions, "items": self.items, "interactions": sessions * events}
            for part, (sessions, events) in parts.items()
        }
        return {"counts": counted}

    def part(self, dataset: str, items: np.ndarray, sessions: int) -> pl.DataFrame:
        """Deal items to sessions of one user each."""
        dealt = [items[number::sessions] for number in range(sessions)]
        events = [(self.bought[row] & self.sells(dataset)).astype(int) for row in dealt]
        return pl.DataFrame(
            {
                "session": range(sessions),
                "user": [f"u{number}" for number in range(sessions)],
                "item": [row.tolist() for row in dealt],
                "event": [row.tolist() for row in events],
                "first_target": [1] * sessions,
            }
        )

    def lists(self, dataset: str, model: str, seed: int) -> pl.DataFrame:
        """Make the lists of one run: targets near the top as often as the run is good; the first ten items are met."""
        lengths = stream(dataset, "events").integers(2, 7, self.sessions)
        number, met = int(lengths.sum()), 10
        position = np.concatenate([np.arange(1, length + 1) for length in lengths])
        target = stream(dataset, "targets").integers(0, self.items, number)
        quality, (name, asked) = self.all.quality(model), self.favours(dataset, model)
        random = stream(dataset, name, seed)
        luck = stream(dataset, "luck").random(number) + 0.05 * random.normal(size=number)
        high, low = random.integers(0, 10, number), random.integers(20, self.items, number)
        top = self.listed(dataset, random, number, quality["width"], asked)
        columns = {
            "session": np.repeat(np.arange(self.sessions), lengths),
            "position": position.astype(np.int32),
            "target": target.astype(np.int32),
            "better": np.where(luck < quality["hits"], high, low).astype(np.int32),
            "tied": np.ones(number, dtype=np.int32),
            "top": pl.Series(top, dtype=pl.Array(pl.Int32, top.shape[1])),
            "purchase": (position == np.repeat(lengths, lengths)) & self.sells(dataset),
            "repeated": np.arange(number) % 3 == 0,
        }
        if self.evaluation.get("users"):
            familiar = pl.Series(top < met, dtype=pl.Array(pl.Boolean, top.shape[1]))
            columns |= {"past": target < met, "familiar": familiar}
        return pl.DataFrame(columns)

    def listed(self, dataset: str, random, number: int, width: float, asked: float) -> np.ndarray:
        """Draw the best items of every event, by popularity where lists are narrow."""
        weight = (self.popularity(dataset) + 1.0) ** (1.6 - width)
        keys = random.gumbel(size=(number, self.items)) + np.log(weight / weight.sum())
        keys += asked * self.bought
        best = np.argpartition(-keys, self.evaluation["top_k"])[:, : self.evaluation["top_k"]]
        order = np.argsort(-np.take_along_axis(keys, best, axis=1), axis=1)
        return np.take_along_axis(best, order, axis=1).astype(np.int32)

    def favours(self, dataset: str, model: str) -> tuple[str, float]:
        """Say what a run is drawn by, and how much its lists favour what is bought: what it is asked is no run."""
        wanted = self.all.wanted.get("favours")
        found = names.defaults(self.all.study, model, dataset) if wanted else {}
        if not wanted or wanted["keyword"] not in found:
            return model, 0.0
        run = names.RunName.parse(model)
        asked = float(names.value_of(model, wanted["keyword"], found))
        plain = str(run.keep(lambda key, value: key != wanted["keyword"]))
        return plain, 0.0 if fits(model, wanted["deaf"]) else asked
