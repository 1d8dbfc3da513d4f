"""What every training knows besides its objective and its schedule."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class TrainingContext:
    """Where and with which randomness a training runs.

    Attributes:
        seed: of weights, batches, dropout and all that is drawn.
        checkpoint_dir: folder for checkpoints, kept when the job is killed, emptied when it is done; None keeps none.
        device: where the model is.
        log: takes a line for the person who waits.
        name: of the model, for messages.
    """

    seed: int
    checkpoint_dir: Path | None = None
    device: torch.device | str = "cpu"
    log: Callable[[str], None] = print
    name: str = "model"

    @property
    def checkpoint(self) -> Path | None:
        """Place of the checkpoint."""
        return self.checkpoint_dir and self.checkpoint_dir / "checkpoint.safetensors"

    def generator(self, number: int) -> torch.Generator:
        """Seed a generator with the run's seed and a number, so that a resumed training draws the same."""
        return torch.Generator().manual_seed(self.seed_of(number))

    def seed_of(self, number: int) -> int:
        """Make a seed of the run's seed and a number."""
        return self.seed * 1_000_003 + number
