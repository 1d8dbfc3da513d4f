"""A user who looks at two pictures and says how the wanted one differs: a trained captioner."""

from __future__ import annotations

import json
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from safetensors.torch import load_file
from torch import Tensor, nn

from recloop.language.vocabulary import Vocabulary
from recloop.simulators.decoding import OPEN, greedy

LENGTH = 8  # most words of a critique in a dialogue; released code
NOT_OF_THE_NETWORK = {"class", "network", "grid", "training", "label", "complete"}


def build_network(settings: dict, words: int, features: int) -> nn.Module:
    """Make the network of a study's `simulators:` entry.

    `network: show_attend_tell.ShowAttendTell` is that class in recloop/simulators/show_attend_tell.py; every other
    setting but `class`, `grid`, `training` and `complete` is a keyword of its constructor.

    Args:
        settings: the entry.
        words: size of the vocabulary.
        features: dimension of a grid cell.

    Raises:
        TypeError: a keyword that the constructor does not have.
    """
    sizes = {name: value for name, value in settings.items() if name not in NOT_OF_THE_NETWORK}
    return resolve_name(f"recloop.simulators.{settings['network']}")(words, features, **sizes)


class Captioner:
    """Asks a network, greedily: the same pair always gets the same critique.

    Args:
        network: in evaluation mode, on `device`.
        vocabulary: the words it can say.
        grid: has `rows(items)`, which gives grid features `item cell dim`.
        device: where to compute.
        length: most words.
        complete: say no sentence that breaks off and nothing twice in a row, see `greedy`.
        chunk: pairs at once.
    """

    def __init__(
        self,
        network: nn.Module,
        vocabulary: Vocabulary,
        grid: Any,
        device: torch.device | str = "cpu",
        length: int = LENGTH,
        complete: bool = False,
        chunk: int = 256,  # 49 x 4,096 floats a pair: 200 MB
    ):
        self.network, self.vocabulary, self.grid = network.to(device).eval(), vocabulary, grid
        self.device, self.length, self.chunk = device, length, chunk
        numbers = [vocabulary.ids[word] for word in sorted(OPEN & vocabulary.ids.keys())]
        self.open_words = torch.tensor(numbers, device=device) if complete else None

    @classmethod
    def open(
        cls,
        settings: dict,
        folder: Path | None,
        dialogues: Path,
        catalogue: Path,
        grid: Path | None,
        device: torch.device | str = "cpu",
    ) -> Captioner:
        """Read what rule `simulate` wrote; `dialogues` and `catalogue` are not looked at.

        Raises:
            ValueError: no folder, no grid features, or grid features that the network was not trained on.
        """
        if folder is None or grid is None:
            raise ValueError(
                f"{settings['network']} speaks about grid features with trained weights; it got folder {folder} "
                f"and grid {grid}. Make them with the rules `encode` and `simulate`."
            )
        from recloop.features.cache import Features

        record = json.loads((folder / "simulator.json").read_text())
        rows = Features.open(grid)
        if rows.shape[-1] != record["features"]:
            raise ValueError(
                f"{grid}: cells of {rows.shape[-1]} features, but {folder} was trained on {record['features']}. "
                "Use the grid encoder that simulator.json names."
            )
        # A converted one only has the name of its encoder, or nothing.
        learnt = record["grid"]["revision"] if record.get("grid") else None
        if learnt not in (None, rows.record["revision"]):
            raise ValueError(
                f"{grid}: cells of encoder {rows.record['revision']}, but {folder} was trained on {learnt}. "
                "Encode with the grid encoder that simulator.json names."
            )
        vocabulary = Vocabulary.read(folder / "vocabulary.json")
        network = build_network(record["settings"], len(vocabulary), record["features"])
        network.load_state_dict(load_file(folder / "weights.safetensors"))
        complete = settings.get("complete", False)
        return cls(network, vocabulary, rows, device, record["length"], complete)

    def critique(
        self, target: Int[np.ndarray, " batch"], liked: Int[np.ndarray, " batch"]
    ) -> list[str]:
        """Describe how each target differs from what is liked; catalogue item ids."""
        sentences: list[str] = []
        for start in range(0, len(target), self.chunk):
            part = slice(start, start + self.chunk)
            utterances = greedy(
                self.network,
                self.cells(target[part]),
                self.cells(liked[part]),
                self.length,
                self.vocabulary.unknown,
                self.open_words,
            )
            sentences += self.vocabulary.decode(utterances.cpu().numpy())
        return sentences

    def cells(self, items: Int[np.ndarray, " batch"]) -> Float[Tensor, "batch cell dim"]:
        """Take the grid features of items to the device."""
        return torch.from_numpy(np.ascontiguousarray(self.grid.rows(items))).to(self.device).float()
