"""Rule `train_user_model`: what users rated, or met one after the other, to a model whose scores are rewards.

Ratings: a DeepFM over what is known of users and items, as BiLLP has it (Shi et al. SIGIR 2024), which the thesis
follows on Coat. Sequences: SASRec, as a sequential recommender scores items after a history (Liu et al. WWW 2023),
which it follows on LFM and Industry (Sec 7.4.2).
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

from recloop.data.batches import Sessions, cut
from recloop.data.ratings import PARTS, read_users
from recloop.data.readers import coat
from recloop.fitting import processor
from recloop.fitting.context import TrainingContext
from recloop.fitting.objective import Objective
from recloop.fitting.progress import Metric
from recloop.fitting.schedule import Schedule
from recloop.fitting.trainer import Trainer
from recloop.models.backbones.sasrec import SASRec
from recloop.simulators.deepfm import DeepFM
from recloop.storage import checkpoint
from recloop.storage.files import write_json
from recloop.storage.moving import moved

FILE, RECORD = "user_model.safetensors", "user_model.json"
CHOOSES = 0.1  # share of the ratings that chooses the epoch


def train_user_model(
    sessions: Path,
    raw: Path,
    settings: dict,
    output: Path,
    seed: int,
    device: str = "cpu",
    threads: int = 1,
    log: Callable[[str], None] = print,
) -> None:
    """Train a model of users.

    Args:
        sessions: folder of a split.
        raw: folder of the raw files, with the ratings on record and what is known of users and items (ratings alone).
        settings: `class`, `Ratings` or `NextItems` of this module, and its keywords; `schedule` is one of them.
        output: folder for user_model.safetensors and user_model.json.
        seed: of weights and batches.
        device: cpu or cuda.
        threads: of the processor.
        log: takes a line of progress.
    """
    processor.use(threads)
    torch.manual_seed(seed)
    keywords = {name: value for name, value in settings.items() if name != "class"}
    draft = output.with_name(f"{output.name}.part")
    context = TrainingContext(seed, draft, device, log, f"user model of {sessions}")
    objective = KINDS[settings["class"].rpartition(".")[2]](sessions, raw, context, **keywords)
    trainer = Trainer(objective, context, {"settings": settings, "seed": seed})
    objective.model.load_state_dict(trainer.fit())
    tensors, found = objective.results()
    checkpoint.save(output / FILE, tensors, {"settings": settings})
    write_json(output / RECORD, {"settings": settings, "curve": trainer.progress.curve, **found})
    shutil.rmtree(draft, ignore_errors=True)


class Fitted(Objective):
    """A training whose batches are rows of a table, in an order of their own in each epoch.

    A subclass sets `model` and `rows`, how many there are, and has `loss` of some of them.
    """

    rows: int

    def __init__(self, context: TrainingContext, schedule: Mapping[str, Any]):
        self.context, self.schedule = context, Schedule(**schedule)

    @property
    def length(self) -> int:
        """Batches of an epoch."""
        return -(-self.rows // self.schedule.batch_size)

    def batches(self, epoch: int, skip: int) -> Iterator[Int[Tensor, " row"]]:
        """List the rows of each batch."""
        order = torch.randperm(self.rows, generator=self.context.generator(epoch))
        return iter(order.split(self.schedule.batch_size)[skip:])


class Ratings(Fitted):
    """The squared error of the ratings on record, by a DeepFM.

    Args:
        sessions: folder of a split of all users.
        raw: folder with the ratings of Coat and what is known of users and coats.
        context: of the training.
        schedule: see `recloop.fitting.schedule.Schedule`.
        sizes: `dim`, `hidden` and `layers` of the DeepFM.
    """

    metric = Metric("valid_rmse", "RMSE", higher=False)

    def __init__(
        self,
        sessions: Path,
        raw: Path,
        context: TrainingContext,
        schedule: Mapping[str, Any],
        sizes: Mapping[str, Any],
    ):
        super().__init__(context, schedule)
        self.chosen, self.drawn = (read_matrix(raw / name) for name in coat.FILES)
        self.users, self.items = known(raw, coat.OF_USERS), known(raw, coat.FEATURES)
        self.order = torch.tensor([int(user) for user in read_users(sessions, PARTS)])
        names = pl.read_parquet(sessions / "items.parquet", columns=["id"])["id"]
        self.columns = torch.tensor([int(name) for name in names])
        pairs = self.chosen.nonzero()
        mixed = pairs[torch.randperm(len(pairs), generator=context.generator(-1))]
        kept = round(CHOOSES * len(mixed))
        self.valid, self.train = mixed[:kept], mixed[kept:]
        self.rows, self.mean = len(self.train), self.at(self.train, self.chosen).mean().item()
        self.model = DeepFM(self.counts(), mean=self.mean, **sizes).to(context.device)

    def counts(self) -> list[int]:
        """Count the values of each field."""
        return [int(size) + 1 for one in (self.users, self.items) for size in one.amax(0)]

    def at(self, pairs: Int[Tensor, "pair 2"], ratings: Tensor) -> Float[Tensor, " pair"]:
        """Look ratings up."""
        return ratings[pairs[:, 0], pairs[:, 1]]

    def predict(self, pairs: Int[Tensor, "pair 2"]) -> Float[Tensor, " pair"]:
        """Let the model rate."""
        fields = torch.cat([self.users[pairs[:, 0]], self.items[pairs[:, 1]]], dim=1)
        return self.model(moved(fields, self.context.device))

    def loss(self, batch: Int[Tensor, " row"]) -> Float[Tensor, ""]:
        """Average the squared errors of some ratings."""
        pairs = self.train[batch]
        return mse_loss(
            self.predict(pairs), moved(self.at(pairs, self.chosen), self.context.device)
        )

    def evaluate(self) -> float:
        """Compute the root of the mean squared error of the ratings that choose."""
        return self.error(self.valid, self.chosen)

    @torch.no_grad()
    def error(self, pairs: Int[Tensor, "pair 2"], ratings: Tensor) -> float:
        """Compute the root of the mean squared error."""
        self.model.eval()
        return math.sqrt(mse_loss(self.predict(pairs).cpu(), self.at(pairs, ratings)).item())

    @torch.no_grad()
    def results(self) -> tuple[dict[str, Tensor], dict]:
        """Rate all items for all users, in the order of the split; say how well ratings of drawn items are met."""
        self.model.eval()
        grid = torch.cartesian_prod(self.order, self.columns)
        found = torch.cat([self.predict(part).cpu() for part in grid.split(1 << 15)])
        ratings = found.view(len(self.order), -1).clamp(1.0, 5.0)
        drawn = self.drawn.nonzero()
        constant = (self.at(drawn, self.drawn) - self.mean).square().mean().sqrt().item()
        facts = {"rmse": self.error(drawn, self.drawn), "rmse_of_the_mean": constant}
        return {"ratings": ratings}, facts | {"ratings": self.rows, "drawn": len(drawn)}


def read_matrix(path: Path) -> Float[Tensor, "user item"]:
    """Read a matrix of ratings in which 0 is none."""
    return torch.from_numpy(np.loadtxt(path, dtype=np.float32, ndmin=2))


def known(raw: Path, files: tuple[str, str]) -> Int[Tensor, "row field"]:
    """Read what is known of users or items: their number, then one value for each kind of flag; the last is none."""
    names, rows = coat.flags(raw, files)
    flags, kinds = torch.tensor(rows), [name.split(":")[0] for name in names]
    columns = [torch.arange(len(flags))]
    for kind in dict.fromkeys(kinds):
        mine = flags[:, [place for place, one in enumerate(kinds) if one == kind]]
        columns.append(torch.where(mine.any(1), mine.argmax(1), mine.shape[1]))
    return torch.stack(columns, dim=1)


class NextItems(Fitted):
    """The likelihood of each next item against one drawn at random, by SASRec, whose score becomes a reward.

    Args:
        sessions: folder of a split.
        raw: not looked at.
        context: of the training.
        schedule: see `recloop.fitting.schedule.Schedule`.
        sizes: `dim`, `blocks`, `heads`, `dropout` and `length` of SASRec.
    """

    metric = Metric("valid_loss", "loss", higher=False)

    def __init__(
        self,
        sessions: Path,
        raw: Path,
        context: TrainingContext,
        schedule: Mapping[str, Any],
        sizes: Mapping[str, Any],
    ):
        super().__init__(context, schedule)
        self.items = len(pl.read_parquet(sessions / "items.parquet", columns=["item"]))
        self.parts = {
            part: cut(Sessions.read(sessions / f"{part}.parquet"), sizes["length"], self.items)
            for part in ("train", "valid")
        }
        self.rows = len(self.parts["train"])
        self.model = SASRec(items=self.items, **sizes).to(context.device)

    def loss(self, batch: Int[Tensor, " row"]) -> Float[Tensor, ""]:
        """Average the cross-entropy of true and drawn items at all places."""
        return self.of(self.parts["train"].take(batch, self.context.device))

    def of(self, batch: Any, generator: torch.Generator | None = None) -> Float[Tensor, ""]:
        """Compute the cross-entropy of a batch."""
        there = batch.following != self.items
        states, right = self.model(batch.session)[there], batch.following[there]
        shift = moved(torch.randint(1, self.items, right.shape, generator=generator), right.device)
        table = self.model.embedding
        logits = torch.stack(
            [(states * table(one)).sum(1) for one in (right, (right + shift) % self.items)]
        )
        wanted = torch.zeros_like(logits)
        wanted[0] = 1.0
        return binary_cross_entropy_with_logits(logits, wanted)

    def evaluate(self) -> float:
        """Compute the loss of the sessions that choose, against the same drawn items each time."""
        valid = self.parts["valid"]
        batch = valid.take(torch.arange(len(valid)), self.context.device)
        return self.of(batch, torch.Generator().manual_seed(0)).item()

    def results(self) -> tuple[dict[str, Tensor], dict]:
        """Return the weights, and how good they are."""
        self.model.eval()
        with torch.no_grad():
            found = {"valid_loss": self.evaluate(), "chance": math.log(2), "items": self.items}
        return self.model.state_dict(), found


KINDS: dict[str, type[Fitted]] = {"Ratings": Ratings, "NextItems": NextItems}
