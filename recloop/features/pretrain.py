"""Rule `pretrain`: pictures and attributes of a catalogue to a small encoder of our own.

Ours: the papers use published encoders. The catalogue shares no item with those that dialogues are about.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
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
from recloop.fitting import processor
from recloop.fitting.context import TrainingContext
from recloop.fitting.objective import Objective
from recloop.fitting.schedule import Schedule
from recloop.fitting.trainer import Trainer
from recloop.storage.files import write_json
from recloop.storage.moving import moved

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
    processor.use(threads)
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
    folder = output.with_name(f"{output.name}.part")
    context = TrainingContext(seed, folder, device, log, settings["class"])
    objective = Pretraining(
        learner, pretraining_data, prepare, schedule_of(schedule, device), context
    )
    origin = {"settings": settings, "seed": seed, "data": catalogue_hash(catalogue)}
    trainer = Trainer(objective, context, origin)
    earlier = trainer.progress.seconds
    trainer.fit()
    learner.eval()
    output.mkdir(parents=True, exist_ok=True)
    learner.save(output)
    prepare.write(output / CONFIG)
    record = {
        "class": settings["class"],
        "dim": learner.dim,
        "revision": revision_of(output),
        "zero_shot": objective.judge(),
        "pictures": {
            "train": len(pretraining_data.train),
            "held_out": len(pretraining_data.held_out),
        },
        "labels": len(pretraining_data.labels),
        "parameters": sum(weight.numel() for weight in learner.parameters()),
        "loss": [row["loss"] for row in trainer.progress.curve],
        **origin,
        "seconds": earlier + time.monotonic() - started,
    }
    write_json(output / RECORD, record)
    shutil.rmtree(folder)


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


def schedule_of(settings: dict, device: str) -> Schedule:
    """Read the schedule: a learning rate that rises and falls once; bfloat16 on a GPU, float32 elsewhere."""
    names = ("epochs", "batch_size", "learning_rate", "weight_decay")
    precision = "bfloat16" if torch.device(device).type == "cuda" else "float32"
    given = {name: settings[name] for name in names}
    return Schedule(**given, clip_norm=1.0, pace="one_cycle", precision=precision)


class Pretraining(Objective):
    """Shuffled pictures, mirrored and moved; nothing is validated on the way, the last weights are kept.

    Args:
        learner: what learns.
        pretraining_data: from what.
        prepare: scales pixels.
        schedule: `batch_size` counts pictures.
        context: of the training.
    """

    def __init__(
        self,
        learner: nn.Module,
        pretraining_data: PretrainingData,
        prepare: Preparation,
        schedule: Schedule,
        context: TrainingContext,
    ):
        self.model, self.pretraining_data, self.prepare = learner, pretraining_data, prepare
        self.schedule, self.device = schedule, torch.device(context.device)
        self.pixels = pretraining_data.pixels.to(self.device)
        self.random = torch.Generator().manual_seed(context.seed)
        self.order = torch.empty(0, dtype=torch.long)
        self.length = -(-len(pretraining_data.train) // schedule.batch_size)

    def optimisers(self, phase: int) -> dict[str, torch.optim.Optimizer]:
        """Make an AdamW."""
        rate, decay = self.schedule.learning_rate, self.schedule.weight_decay
        return {"all": torch.optim.AdamW(self.model.parameters(), rate, weight_decay=decay)}

    def batches(self, epoch: int, skip: int) -> Iterator[Int[Tensor, " batch"]]:
        """Draw an order when an epoch begins; go on in it otherwise."""
        if not skip:
            self.order = torch.randperm(len(self.pretraining_data.train), generator=self.random)
        yield from self.order.split(self.schedule.batch_size)[skip:]

    def loss(self, batch: Int[Tensor, " batch"]) -> Float[Tensor, ""]:
        """Compute the learner's loss of pictures that are varied."""
        rows = moved(self.pretraining_data.train[batch], self.device)
        return self.model.loss(self.prepare.scale(self.vary(self.pixels[rows])), batch, self.random)

    def size(self, batch: Int[Tensor, " batch"]) -> int:
        """Count the pictures of a batch."""
        return len(batch)

    def after_update(self) -> None:
        """Keep the learner's weights in their ranges."""
        self.model.limit()

    def state(self) -> dict[str, Tensor]:
        """Return the random state of captions and variations, and the order of this epoch."""
        return {"random": self.random.get_state(), "order": self.order}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Put the generator and the order back."""
        self.random.set_state(tensors["random"])
        self.order = tensors["order"]

    def vary(
        self, pixels: UInt8[Tensor, "batch 3 height width"]
    ) -> UInt8[Tensor, "batch 3 height width"]:
        """Mirror half of the pictures and move all a little; colours stay, they are attributes."""
        mirrored = moved(torch.rand(len(pixels), generator=self.random), self.device) < 0.5
        pixels = torch.where(mirrored[:, None, None, None], pixels.flip(3), pixels)
        down, right = torch.randint(-SHIFT, SHIFT + 1, (2,), generator=self.random).tolist()
        return pixels.roll((down, right), (2, 3))

    @torch.no_grad()
    def judge(self) -> dict:
        """Judge the learner on the pictures it never saw."""
        items, pretraining_data = self.pretraining_data.held_out, self.pretraining_data
        with self.autocast():
            scores = [
                self.model.scores(self.prepare.scale(self.pixels[part.to(self.device)])).float()
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
