"""Cross-entropy with teacher forcing: a captioner network, epoch by epoch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from recloop.language.vocabulary import END
from recloop.simulators.captioner import LENGTH
from recloop.storage import checkpoint


@dataclass(frozen=True)
class Schedule:
    """Settings of the training, the `training:` of a study's simulator.

    Attributes:
        epochs: most passes over the captions.
        batch_size: captions per update.
        learning_rate: of Adam; with a warm-up, its peak.
        patience: epochs without a lower validation loss before it stops; None for all epochs.
        clip: largest absolute value of each gradient; None for no limit.
        warm_up: updates in which the learning rate grows; after them it falls with the square root. 0 for a constant.
        at_least: how often a word must be said to be learned.
        length: most words of a caption, in training and in dialogues.
        weight_decay: of Adam.
    """

    epochs: int = 30  # ours: not stated
    batch_size: int = 16  # released code
    learning_rate: float = 0.0004  # released code
    patience: int | None = None
    clip: float | None = 0.1  # released code: by value
    warm_up: int = 0
    at_least: int = 5  # library default
    length: int = LENGTH
    weight_decay: float = 0.0

    def rate(self, update: int) -> float:
        """Give the learning rate of an update, counted from 0."""
        if not self.warm_up:
            return self.learning_rate
        grown = (update + 1) / self.warm_up  # as Vaswani et al.
        return self.learning_rate * min(grown, grown**-0.5)


@dataclass
class Pairs:
    """Captions with the pictures they compare.

    Attributes:
        target: rows of `cells`.
        reference: rows of `cells`.
        words: each row a caption, `END` behind it.
        cells: grid features of all items that captions speak about, in the features' own precision.
    """

    target: Int[Tensor, " caption"]
    reference: Int[Tensor, " caption"]
    words: Int[Tensor, "caption time"]
    cells: Tensor

    def __len__(self) -> int:
        return len(self.target)

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give target cells, reference cells and words of some captions."""
        target, reference = (self.cells[ids[rows]].float() for ids in (self.target, self.reference))
        return target, reference, self.words[rows]


@dataclass
class Progress:
    """How far a training is: what its checkpoint says besides tensors."""

    epoch: int = 0
    best: float = float("inf")
    best_epoch: int = 0
    curve: list[dict] = field(default_factory=list)
    seconds: float = 0.0


class Learner:
    """One training of one network.

    Args:
        network: on its device.
        pairs: `train` and `valid`.
        schedule: see `Schedule`.
        seed: of the order of batches.
        path: checkpoint, written after each epoch.
        log: takes a line per epoch.
    """

    def __init__(
        self,
        network: nn.Module,
        pairs: dict[str, Pairs],
        schedule: Schedule,
        seed: int,
        path: Path,
        log: Callable[[str], None],
    ):
        self.network, self.pairs, self.schedule = network, pairs, schedule
        self.seed, self.path, self.log = seed, path, log
        self.optimiser = torch.optim.Adam(
            network.parameters(),
            lr=schedule.learning_rate,
            weight_decay=schedule.weight_decay,
            fused=True,
        )
        self.progress, self.best = Progress(), {}

    def fit(self, origin: dict) -> dict[str, Tensor]:
        """Train to the end and give the weights of the epoch with the lowest validation loss.

        Args:
            origin: a checkpoint that another one wrote is not gone on from.
        """
        self.resume(origin)
        started = time.monotonic() - self.progress.seconds
        for epoch in range(self.progress.epoch, self.schedule.epochs):
            if self.stale():
                break
            loss = self.learn(epoch)
            self.progress.seconds = time.monotonic() - started
            self.validate(epoch + 1, loss)
            self.keep(origin)
        return self.best

    def stale(self) -> bool:
        """Say whether the best epoch is too long ago."""
        patience, done = self.schedule.patience, self.progress
        return patience is not None and done.epoch - done.best_epoch >= patience

    def batches(self, epoch: int) -> Iterator[Tensor]:
        """Give the captions of each batch, in an order that depends only on seed and epoch."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        order = torch.randperm(len(self.pairs["train"]), generator=generator)
        yield from order.to(self.pairs["train"].words.device).split(self.schedule.batch_size)

    def learn(self, epoch: int) -> float:
        """Go once over the captions; give the mean loss of a batch."""
        self.network.train()
        total = []
        batches = list(self.batches(epoch))
        for update, rows in enumerate(batches, epoch * len(batches)):
            self.optimiser.param_groups[0]["lr"] = self.schedule.rate(update)
            self.optimiser.zero_grad()
            loss = word_loss(self.network, *self.pairs["train"].take(rows))
            loss.backward()
            if self.schedule.clip:
                nn.utils.clip_grad_value_(self.network.parameters(), self.schedule.clip)
            self.optimiser.step()
            total.append(loss.detach())
        return torch.stack(total).mean().item()

    @torch.no_grad()
    def validate(self, epoch: int, loss: float) -> None:
        """Measure the loss of a word on the validation captions; keep the weights if it is the lowest."""
        self.network.eval()
        valid, done = self.pairs["valid"], self.progress
        total, words = 0.0, 0
        for rows in torch.arange(len(valid), device=valid.words.device).split(256):
            target, reference, utterances = valid.take(rows)
            counted = int(real(utterances).sum())
            total += word_loss(self.network, target, reference, utterances).item() * counted
            words += counted
        done.epoch, score = epoch, total / words
        if score < done.best:
            done.best, done.best_epoch = score, epoch
            self.best = {name: t.detach().clone() for name, t in self.network.state_dict().items()}
        row = {"epoch": epoch, "loss": loss, "valid_loss": score, "seconds": done.seconds}
        done.curve.append(row)
        left = done.seconds / epoch * (self.schedule.epochs - epoch)
        self.log(
            f"epoch {epoch}/{self.schedule.epochs}  loss {loss:.4f}  valid {score:.4f} "
            f"(best {done.best:.4f})  at most {left:.0f} s left"
        )

    def keep(self, origin: dict) -> None:
        """Write the checkpoint."""
        tensors = checkpoint.pack(self.network, self.optimiser, self.best)
        checkpoint.save(self.path, tensors, {"origin": origin, "progress": asdict(self.progress)})

    def resume(self, origin: dict) -> None:
        """Go back to where the checkpoint was written, if it belongs to this training."""
        if not self.path.exists():
            return
        tensors, found = checkpoint.load(self.path)
        if found["origin"] != origin:
            return self.log("a checkpoint of other settings or captions is left aside; starts anew")
        self.best = checkpoint.unpack(tensors, self.network, self.optimiser)
        self.progress = Progress(**found["progress"])
        self.log(f"goes on after epoch {self.progress.epoch}")


def real(words: Int[Tensor, "batch time"]) -> Bool[Tensor, "batch time"]:
    """Tell words and the first `END` behind them from what fills the row."""
    before = functional.pad(words[:, :-1], (1, 0), value=1)
    return before != END


def word_loss(
    network: nn.Module,
    target: Float[Tensor, "batch cell dim"],
    reference: Float[Tensor, "batch cell dim"],
    words: Int[Tensor, "batch time"],
) -> Float[Tensor, ""]:
    """Cross-entropy per word, given the pictures and the words before it."""
    given = functional.pad(words[:, :-1], (1, 0), value=END)
    counted = real(words)
    return functional.cross_entropy(network(target, reference, given)[counted], words[counted])
