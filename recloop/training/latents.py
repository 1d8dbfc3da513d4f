"""Logged sessions to a model that generates the latent of the next item: PDiT and DreamRec."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.evaluation.ranker import Ranks
from recloop.fitting.context import TrainingContext
from recloop.fitting.schedule import Schedule
from recloop.training.material import Material, Part, joined, made, rank_rows, write
from recloop.training.sequences import judged_on
from recloop.training.supervised import LoggedSessions, fit_sessions

DRAW = 0  # seed of what is drawn when a model is asked


def prepare(data: dict[str, Path], settings: dict, needs: dict[str, Path], device: str) -> dict:
    """Give the keywords of `train`.

    Args:
        data: `sessions`, the folder of a split, and perhaps `speaker`.
        settings: `model`, `training`, `inference` and `words`, as resolved from the study.
        needs, device: as for other loops.
    """
    material, training = Material(data, settings, device), settings["training"]
    parts = {
        "train": material.part("train", training["targets"]),
        "valid": material.part("valid", most=training["validation_events"]),
    }
    return {"make": lambda: made(material, settings), "parts": parts}


def train(
    make: Callable[[], nn.Module], parts: dict[str, Part], training: dict, context: TrainingContext
) -> tuple[dict[str, Tensor], dict]:
    """Choose the learning rate on the validation part if there are several, then train with it."""
    asked = {"sampler": training["validation_sampler"], "steps": training["validation_steps"]}
    return fit_sessions(make, partial(NextLatents, parts=parts, **asked), training, context)


class NextLatents(LoggedSessions):
    """The latent of the next item, from noise.

    Args:
        model: has `loss(asked)`, `generate` and `score`.
        parts: `train` and `valid`.
        sampler, steps: how it is asked for validation.
        schedule: `batch_size` counts targets.
        context: of the training.
    """

    def __init__(
        self,
        model: nn.Module,
        parts: dict[str, Part],
        sampler: str,
        steps: int,
        schedule: Schedule,
        context: TrainingContext,
    ):
        super().__init__(model, schedule, context)
        self.parts, self.sampler, self.steps = parts, sampler, steps
        self.targets = len(parts["train"])
        self.length = -(-self.targets // schedule.batch_size)

    def batches(self, epoch: int, skip: int) -> Iterator[Int[Tensor, " row"]]:
        """Shuffle the targets; the order depends on seed and epoch alone."""
        order = torch.randperm(self.targets, generator=self.context.generator(epoch))
        return iter(order.split(self.schedule.batch_size)[skip:])

    def optimisers(self, phase: int) -> dict[str, torch.optim.Optimizer]:
        """Make an AdamW (thesis, Table 8.3)."""
        rate, decay = self.schedule.learning_rate, self.schedule.weight_decay
        return {"all": torch.optim.AdamW(self.model.parameters(), rate, weight_decay=decay)}

    def loss(self, batch: Int[Tensor, " row"]) -> Float[Tensor, ""]:
        """Let the model compute the loss of some targets."""
        return self.model.loss(self.parts["train"].asked(batch))

    def ranks(self) -> Ranks:
        """Rank the validation targets by what is drawn for their users."""
        drawn = generated(self.model, self.parts["valid"], self.sampler, self.steps)
        return ranked(self.model, self.parts["valid"], drawn, 0)


@torch.no_grad()
def generated(
    model: nn.Module, part: Part, sampler: str = "", steps: int = 0
) -> Float[Tensor, "event latent"]:
    """Draw something for every event, always the same; torch's own random state stays as it is."""
    model.eval()
    random = torch.Generator().manual_seed(DRAW)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(DRAW)  # of dropout that stays on
        found = [model.generate(part.asked(rows), random, sampler, steps) for rows in part.chunks()]
    return torch.cat(found)


def ranked(model: nn.Module, part: Part, drawn: Float[Tensor, "event latent"], top_k: int) -> Ranks:
    """Rank the targets of all events."""
    table, parts = part.material.latents, []
    for rows in part.chunks():
        scores = model.score(drawn[rows], table)
        parts.append(rank_rows(scores, part.targets[rows].to(scores.device), top_k))
    return joined(parts, top_k)


def rank(
    data: dict[str, Path],
    tensors: dict[str, Tensor],
    settings: dict,
    needs: dict[str, Path],
    output: Path,
    top_k: int,
    device: str = "cpu",
) -> None:
    """Rank the catalogue for every test event, by what is drawn for its user; keep how long that took.

    Args:
        data, settings, needs, device: as for `prepare`.
        tensors: the weights.
        output: parquet file, one row per test event.
        top_k: length of the lists.
    """
    material = Material(data, settings, device)
    part, model = material.part(judged_on(settings)), made(material, settings, tensors)
    part.asked(torch.arange(1))  # texts are read before time is taken
    started = time.perf_counter()
    drawn = generated(model, part)
    spent = 1000 * (time.perf_counter() - started) / len(part)
    ranks = ranked(model, part, drawn, top_k)
    write(output, part.events, ranks, {"milliseconds": [spent] * len(part)})
