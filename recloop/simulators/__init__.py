"""Simulated users: they know the item they look for, like one of those shown and say in words what is missing."""

from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int


@runtime_checkable  # so that types are checked in tests
class Simulator(Protocol):
    """Who says in words how the item looked for differs from the one that was liked."""

    def critique(
        self, target: Int[np.ndarray, " batch"], liked: Int[np.ndarray, " batch"]
    ) -> list[str]:
        """Return one sentence for each pair of catalogue items, the same for the same pair; empty if nothing is said.

        Args:
            target: the items looked for.
            liked: the items that the sentences are about.
        """
        ...


def open_simulator(
    settings: dict,
    folder: Path | None,
    dialogues: Path,
    catalogue: Path,
    grid: Path | None = None,
    device: Any = "cpu",
) -> Simulator:
    """Open the simulator that a study describes.

    `class: attributes.AttributeSimulator` is `AttributeSimulator` in recloop/simulators/attributes.py.

    Args:
        settings: `class` and what else the simulator is set by.
        folder: its weights; None where it learns nothing.
        dialogues: folder of `recloop.data.dialogues.make_dialogues`.
        catalogue: folder of `recloop.data.catalogues.build_catalogue`.
        grid: features of picture cells; None where it looks at no pictures.
        device: where it computes.

    Raises:
        AttributeError: there is no such module or class.
    """
    simulator = resolve_name(f"{__name__}.{settings['class']}")
    return simulator.open(
        settings=settings,
        folder=folder,
        dialogues=dialogues,
        catalogue=catalogue,
        grid=grid,
        device=device,
    )
