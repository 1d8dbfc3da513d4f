"""Rule `pretrain`: pictures and attributes of a catalogue to a small encoder of our own.

Ours: the papers use published encoders. The catalogue shares no item with those that dialogues are about.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from pkgutil import resolve_name
from typing import Protocol

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from recloop.features.encode import catalogue_hash
from recloop.features.encoder import revision_of
from recloop.features.preparation import CONFIG, Preparation
from recloop.features.pretraining_data import PretrainingData, attributes_of
from recloop.features.zero_shot import judge

RECORD = "encoder.json"
SHIFT = 4  # most pixels by which a batch is moved
SCHEDULE = ("epochs", "batch_size", "learning_rate", "weight_decay", "image_size", "held_out")


class Learner(Protocol):
    """What can be pretrained: `contrast.Contrast`, `tagging.Tagging`."""

    dim: int

    def loss(
        self,
        pixels: Float[Tensor, "batch 3 height width"],
        rows: Int[Tensor, " batch"],
        random: torch.Generator,
    ) -> Float[Tensor, ""]: ...

    def limit(self) -> None: ...

    def scores(
        self, pixels: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch label"]: ...

    def save(self, output: Path) -> None: ...


def pretrain(
    catalogue: Path,
    settings: dict,
    output: Path,
    seed: int,
    device: str = "cpu",
    threads: int = 1,
    log: Callable[[str], None] = print,
) -> None:
    """Train a small encoder and judge it on pictures held out.

    Args:
        catalogue: folder that `build_catalogue` wrote.
        settings: `class` of the encoder and `pretrain`: epochs, batch_size, learning_rate, weight_decay, image_size
            and held_out of the loop, the rest keywords of the learner that the class names.
        output: folder for what `open_encoder` reads, and encoder.json.
        seed: of weights, captions, batches and the held-out items.
        device: cpu or cuda.
        threads: of the processor.
        log: takes a line of progress.

    Raises:
        ValueError: the class is not one that we train ourselves.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    started = time.monotonic()
    schedule = DEFAULTS | {k: v for k, v in settings["pretrain"].items() if k in SCHEDULE}
    size = schedule["image_size"]
    # The whole picture, squeezed: cutting out the middle would cut off hems and collars.
    prepare = Preparation(size=size, short_side=None)
    pretraining_data = PretrainingData.read(
        catalogue, prepare, schedule["held_out"], seed, workers=threads
    )
    sizes = {k: v for k, v in settings["pretrain"].items() if k not in SCHEDULE}
    learner = learner_of(settings["class"])(pretraining_data, seed, **sizes).to(device)
    course = Course(learner, pretraining_data, prepare, schedule, seed, device, log)
    course.run()
    output.mkdir(parents=True, exist_ok=True)
    learner.save(output)
    prepare.write(output / CONFIG)
    record = {
        "class": settings["class"],
        "dim": learner.dim,
        "revision": revision_of(output),
        "zero_shot": course.judge(),
        "pictures": {
            "train": len(pretraining_data.train),
            "held_out": len(pretraining_data.held_out),
        },
        "labels": len(pretraining_data.labels),
        "parameters": sum(weight.numel() for weight in learner.parameters()),
        "loss": course.curve,
        "settings": settings,
        "seed": seed,
        "data": catalogue_hash(catalogue),
        "seconds": time.monotonic() - started,
    }
    (output / RECORD).write_text(json.dumps(record, indent=1) + "\n")


DEFAULTS = {
    "epochs": 12,
    "batch_size": 64,
    "learning_rate": 0.003,
    "weight_decay": 0.1,
    "image_size": 64,
    "held_out": 0.1,
}


def learner_of(name: str) -> Callable[..., nn.Module]:
    """Find the class that trains an encoder."""
    encoder = resolve_name(f"recloop.features.{name}")
    if encoder.learner is None:
        raise ValueError(f"{name}: expected clip.CLIP or grid.Grid, others are not trained here")
    return resolve_name(f"recloop.features.{encoder.learner}")


class Course:
    """The loop: shuffled pictures, mirrored and moved, a learning rate that rises and falls once.

    Args:
        learner: what learns.
        pretraining_data: from what.
        prepare: scales pixels.
        schedule: settings of the loop.
        seed, device, log: as for `pretrain`.
    """

    def __init__(
        self,
        learner: nn.Module,
        pretraining_data: PretrainingData,
        prepare: Preparation,
        schedule: dict,
        seed: int,
        device: str,
        log: Callable[[str], None],
    ):
        self.learner, self.pretraining_data, self.prepare = learner, pretraining_data, prepare
        self.schedule, self.device, self.log = schedule, torch.device(device), log
        self.pixels = pretraining_data.pixels.to(device)
        self.random = torch.Generator().manual_seed(seed)
        self.curve: list[float] = []
        self.optimiser = torch.optim.AdamW(
            learner.parameters(), schedule["learning_rate"], weight_decay=schedule["weight_decay"]
        )
        updates = schedule["epochs"] * -(-len(pretraining_data.train) // schedule["batch_size"])
        self.pace = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, schedule["learning_rate"], updates, pct_start=0.1
        )

    def run(self) -> None:
        """Go through the pictures as often as the schedule says."""
        started, epochs = time.monotonic(), self.schedule["epochs"]
        self.learner.train()
        for epoch in range(epochs):
            order = torch.randperm(len(self.pretraining_data.train), generator=self.random)
            losses = [self.learn(rows) for rows in order.split(self.schedule["batch_size"])]
            self.curve.append(sum(losses) / len(losses))
            left = (time.monotonic() - started) / (epoch + 1) * (epochs - epoch - 1)
            self.log(f"epoch {epoch + 1}/{epochs}  loss {self.curve[-1]:.4f}  {left:.0f} s left")
        self.learner.eval()

    def learn(self, rows: Int[Tensor, " batch"]) -> float:
        """Make one update."""
        pixels = self.vary(self.pixels[self.pretraining_data.train[rows].to(self.device)])
        self.optimiser.zero_grad()
        with self.autocast():
            loss = self.learner.loss(self.prepare.scale(pixels), rows, self.random)
        loss.backward()
        nn.utils.clip_grad_norm_(self.learner.parameters(), 1.0)
        self.optimiser.step()
        self.pace.step()
        self.learner.limit()
        return loss.item()

    def vary(
        self, pixels: UInt8[Tensor, "batch 3 height width"]
    ) -> UInt8[Tensor, "batch 3 height width"]:
        """Mirror half of the pictures and move all a little; colours stay, they are attributes."""
        mirrored = torch.rand(len(pixels), generator=self.random).to(self.device) < 0.5
        pixels = torch.where(mirrored[:, None, None, None], pixels.flip(3), pixels)
        down, right = torch.randint(-SHIFT, SHIFT + 1, (2,), generator=self.random).tolist()
        return pixels.roll((down, right), (2, 3))

    @torch.no_grad()
    def judge(self) -> dict:
        """Judge the learner on the pictures it never saw."""
        items, pretraining_data = self.pretraining_data.held_out, self.pretraining_data
        with self.autocast():
            scores = [
                self.learner.scores(self.prepare.scale(self.pixels[part.to(self.device)])).float()
                for part in items.split(256)
            ]
        if not scores:
            return {}
        return judge(
            torch.cat(scores).cpu(),
            pretraining_data.has[items],
            attributes_of(pretraining_data.labels),
        )

    def autocast(self) -> torch.autocast:
        """Compute in bfloat16 on a GPU, in float32 elsewhere."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda")
