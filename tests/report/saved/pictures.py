"""Generated dialogues about items with pictures, and sessions of users who comment on one picture after the other."""

from __future__ import annotations

from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
import polars as pl
from PIL import Image

from recloop.evaluation import records
from recloop.evaluation.metric import TURN
from recloop.plan.names import RunName
from saved.draws import stream

if TYPE_CHECKING:
    from saved import Generated

SENTENCES = ("is navy instead of black", "has a lower heel and an open toe, without the strap")


class Pictured:
    """What both have: a catalogue of pictures, and no item vectors."""

    vectors = None

    def __init__(self, generated: Generated):
        self.all, self.items, self.sessions = generated, generated.items, generated.sessions

    def places(self, split: Path | None) -> dict:
        """Say where the data of a data set and their pictures lie."""
        here = split and {"split": str(split.parent), "pictures": str(split.parent / "catalogue")}
        return here or {}

    def write_catalogue(self, folder: Path, dataset: str) -> None:
        """Write pictures and items."""
        images = self.all.folder("data", dataset, "catalogue", "images")
        numbers = range(self.items)
        pictures = pl.DataFrame({"item": numbers, "image": [picture(item) for item in numbers]})
        pictures.cast({"item": pl.Int32}).write_parquet(images / "00000.parquet")
        items = pl.DataFrame({"item": numbers, "count": [1] * self.items}).cast(pl.Int32)
        items.write_parquet(folder / "items.parquet")


class Shopping(Pictured):
    """Sessions in which users comment on one item after the other, each with a picture."""

    def __init__(self, generated: Generated):
        super().__init__(generated)
        self.turns = generated.study["evaluation"]["turns"]

    def write_data(self, folder: Path, dataset: str) -> dict:
        """Write pictures and items, and count them."""
        self.write_catalogue(folder, dataset)
        parts = {"train": 30, "valid": 5, "test": self.sessions}
        return {"counts": {part: {"sessions": n, "interactions": n} for part, n in parts.items()}}

    def lists(self, dataset: str, model: str, seed: int) -> pl.DataFrame:
        """Make sessions, shorter ones where a run is good; some never end well. Perception names things."""
        if RunName.parse(model).key in ("perception", "speaker"):
            right = stream(model, seed).random(self.sessions)
            return pl.DataFrame({"session": range(self.sessions), "position": 1, "right": right})
        quality = self.all.quality(model)["hits"] + 0.2 * stream(model, seed).random()
        luck = stream(dataset, "luck").uniform(2, 1.3 * self.turns, self.sessions)
        lengths = np.maximum(1, luck * (1 - quality)).astype(int)
        rows = [
            {
                "session": session,
                "position": turn,
                "target": session % self.items,
                "item": (session + turn) % self.items,
                "critique": SENTENCES[turn % 2] if turn < length else None,
                "reward": -1.0,
                "violated": turn % 3,
                "solved": turn == length,
            }
            for session, length in enumerate(lengths.tolist())
            for turn in range(1, min(length, self.turns) + 1)
        ]
        return pl.DataFrame(rows)


class Dialogues(Pictured):
    """Dialogues in which items with pictures are shown."""

    def __init__(self, generated: Generated):
        super().__init__(generated)
        study = generated.study
        self.turns, self.shown = study["evaluation"]["turns"], study["dialogue"]["shown"]
        self.first = study["dialogue"]["first_turn"]

    @cached_property
    def groups(self) -> list[str]:
        """Groups of users that the exhibits ask for: SR_cold@10 asks for one."""
        parts = [part for entry in self.all.exhibits for part in [entry, *entry.get("panels", [])]]
        asked = {metric.partition("@")[0] for part in parts for metric in part.get("metrics", [])}
        known = {name for name, metric in records.METRICS.items() if metric.unit == TURN}
        found = {name.partition("_")[2] for name in asked if name.partition("_")[0] in known}
        return sorted(found - {""}, reverse=True) or ["warm"]

    def write_data(self, folder: Path, dataset: str) -> dict:
        """Write pictures, dialogues and items, and count them."""
        self.write_catalogue(folder, dataset)
        past = [[1, 2, 3] if self.first else []] * self.sessions
        targets = [number % self.items for number in range(self.sessions)]
        columns = {"dialogue": range(self.sessions), "target": targets, "history": past}
        rows = pl.DataFrame(columns).cast({"target": pl.Int32, "history": pl.List(pl.Int32)})
        rows.write_parquet(folder / "dialogues.parquet")
        parts = {"train": 30, "valid": 5, "test": self.sessions}
        counts = {part: {"sessions": n, "interactions": 3 * n} for part, n in parts.items()}
        split = dict.fromkeys(("sessions", "pools", "captions"), parts)
        return split | {"items": self.items, "lengths": [3, 9], "counts": counts}

    def lists(self, dataset: str, model: str, seed: int) -> pl.DataFrame:
        """Make dialogues: lists of other items until the turn at which the target is shown."""
        luck = stream(self.all.name).uniform(1, 2 * self.turns, self.sessions)
        random = np.random.default_rng([seed, crc32(model.encode())])
        quick = 1 - self.all.quality(model)["hits"] + 0.2 * random.random()
        found = np.ceil(luck * quick).astype(int)
        turns = range(self.first, self.turns + 1)
        rows = [
            self.turn(random, dialogue, turn, found[dialogue])
            for dialogue in range(self.sessions)
            for turn in turns
        ]
        frame = pl.DataFrame(rows).cast({"top": pl.Array(pl.Int32, self.shown)})
        return frame.cast(
            dict.fromkeys(["position", "target", "better", "tied", "liked"], pl.Int32)
        )

    def turn(self, random, dialogue: int, turn: int, found: int) -> dict:
        """Make one turn of a dialogue whose target is shown at the turn `found`."""
        target, solved = dialogue % self.items, bool(turn >= found)
        drawn = random.permutation(self.items)[: self.shown + 1]
        others = [int(one) for one in drawn if one != target]
        shown = [*others[: self.shown - 1], target] if turn == found else others[: self.shown]
        return {
            "session": dialogue,
            "position": turn,
            "target": target,
            "better": 0 if solved else int(random.integers(4, self.items)),
            "tied": 0 if turn > found else 1,
            "top": shown,
            "liked": shown[-1],
            "critique": SENTENCES[turn % 2],
            "solved": solved,
            "user": dialogue,
            "group": self.groups[dialogue % len(self.groups)],
        }


def picture(item: int) -> bytes:
    """Draw a square in a colour of its own on white."""
    image = Image.new("RGB", (60, 80), "white")
    image.paste((item * 67 % 256, item * 131 % 256, item * 29 % 256), (12, 15, 48, 65))
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
