"""What an environment answered to the steps of a log, beside the batches that a recommender learns from."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import polars as pl
import torch
from jaxtyping import Float, Int
from torch import Tensor

from recloop.data.batches import Batch
from recloop.storage import checkpoint
from recloop.storage.moving import moved

FILE = "feedback.safetensors"
SCALES = ("sigmoid", "standard", "raw")


@dataclass(frozen=True)
class Answered(Batch):
    """A batch with an environment's answers, a row for each of its steps, window by window.

    Attributes:
        states: of the environment before each action; no columns where it was not asked.
        rewards: of the action and then of each drawn item; no columns where it was not asked.
        negatives: the drawn items.
        chosen: the action that the environment takes for the positive one; padding where it was not asked.
        chosen_rewards: its rewards.
    """

    states: Float[Tensor, "step dim"]
    rewards: Float[Tensor, "step action"]
    negatives: Int[Tensor, "step negative"]
    chosen: Int[Tensor, " step"]
    chosen_rewards: Float[Tensor, " step"]


class Feedback:
    """The answers to all windows of a training part.

    Args:
        windows: the training part, cut.
        padding: the id that is no item.
        answers: `states`, `rewards` and `negatives`, see `recloop.simulators.feedback`; empty where nobody was asked.
        choices: `chosen` and `chosen_rewards`; empty where nobody was asked.
        scale: how rewards are scaled, see `scaled`.

    Raises:
        ValueError: answers to other windows.
    """

    def __init__(
        self,
        windows: Batch,
        padding: int,
        answers: dict[str, Tensor],
        choices: dict[str, Tensor],
        scale: str = "sigmoid",
    ):
        self.windows, real = windows, windows.following != padding
        number = int(real.sum())
        self.places = (real.flatten().cumsum(0) - 1).view_as(real).masked_fill(~real, -1)
        none = torch.zeros(number, 0)
        self.states = answers.get("states", none)
        self.negatives = answers.get("negatives", none.long())
        rewards = answers.get("rewards", none)
        mean, spread = moments(rewards).values() if rewards.numel() else (0.0, 1.0)
        self.rewards = scaled(rewards, mean, spread, scale)
        self.chosen = choices.get("chosen", torch.full((number,), padding))
        self.chosen_rewards = scaled(
            choices.get("chosen_rewards", torch.zeros(number)), mean, spread, scale
        )
        for name in ("states", "rewards", "chosen"):
            if len(getattr(self, name)) != number:
                raise ValueError(
                    f"{name}: answers to {len(getattr(self, name))} steps, the training part has {number}; remove the "
                    "feedback and make it again"
                )

    def take(self, rows: Int[Tensor, " row"], device: torch.device | str = "cpu") -> Answered:
        """Pick some windows with the answers to their steps and move them to a device."""
        plain = self.windows.take(rows, device)
        places = self.places[rows]
        steps = places[places >= 0]
        more = (
            moved(getattr(self, one.name)[steps], device)
            for one in fields(Answered)[len(fields(Batch)) :]
        )
        found = Answered(*(getattr(plain, one.name) for one in fields(Batch)), *more)
        return found.knowing(plain.known)


def moments(rewards: Float[Tensor, "step action"]) -> dict[str, float]:
    """Return mean and standard deviation of all rewards."""
    return {"mean": float(rewards.mean()), "spread": float(rewards.std().clamp_min(1e-6))}


def scaled(rewards: Tensor, mean: float, spread: float, scale: str) -> Tensor:
    """Bring rewards, whose zero and size a comparison leaves open, to a size of ours.

    Args:
        rewards: as the environment gives them.
        mean, spread: of all of them.
        scale: `standard` subtracts the mean and divides by the spread; `sigmoid` then puts them between 0 and 1, as the
            reward of 1 that they replace; `raw` leaves them.

    Raises:
        ValueError: another scale.
    """
    if scale not in SCALES:
        raise ValueError(f"scale={scale!r}: expected one of {', '.join(SCALES)}")
    if scale == "raw":
        return rewards
    standard = (rewards - mean) / spread
    return torch.sigmoid(standard) if scale == "sigmoid" else standard


def read_answers(folder: Path) -> dict[str, Tensor]:
    """Read what `recloop.simulators.feedback.write_feedback` wrote."""
    return checkpoint.load(folder / FILE)[0]


def items_of(sessions: Path) -> int:
    """Count the items of a split."""
    return pl.scan_parquet(sessions / "items.parquet").select(pl.len()).collect().item()
