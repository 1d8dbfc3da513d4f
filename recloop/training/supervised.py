"""Logged sessions to weights: shuffled batches, validation, early stopping, resumption."""

import contextlib
import json
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from recloop.data.batches import Batch, Events, Sessions, cut
from recloop.evaluation.ranker import Diverged, Ranks
from recloop.evaluation.ranker import rank as rank_events
from recloop.evaluation.ranking import GAINS, expected_gain
from recloop.storage import checkpoint
from recloop.storage.files import write_json
from recloop.training.schedule import Progress, Schedule
from recloop.training.sequences import prepare, rank

__all__ = ["Trainer", "prepare", "rank", "train"]

SELECTION_CUTOFF = 10  # models are selected by NDCG@10 on the validation part, all of them


class Trainer:
    """One training: a model, its data, its schedule and the place of its checkpoint.

    A loop over something else than pieces of sessions has its own `count`, `batches`, `loss_of` and `ranks`; what it
    carries from one update to the next goes through `tensors` and `restore`. It sets what these need before it calls
    this constructor, which may resume.

    Args:
        model: has `loss(batch)` and `score(session)`.
        windows: the training part, cut.
        events: validation events, ranked against the full catalogue.
        schedule: see `Schedule`.
        seed: of the order of batches.
        path: checkpoint, written at each validation and when the job is told to stop; None keeps none.
        log: takes a line for the person who waits.
        device: where the model is.
    """

    def __init__(
        self,
        model: nn.Module,
        windows: Batch,
        events: Events,
        schedule: Schedule,
        seed: int,
        path: Path | None = None,
        log: Callable[[str], None] = print,
        device: torch.device | str = "cpu",
    ):
        self.model, self.windows, self.events, self.schedule = model, windows, events, schedule
        self.seed, self.path, self.log, self.device = seed, path, log, device
        self.optimiser = torch.optim.Adam(model.parameters(), lr=schedule.learning_rate, fused=True)
        self.progress, self.best, self.stopping = Progress(), {}, False
        self.count()
        if path and path.exists():
            self.resume()

    def count(self) -> None:
        """Set `targets`, the targets of an epoch, and `epoch_updates`, its updates."""
        self.targets = int((self.windows.following != self.events.padding).sum())
        self.rows = max(1, round(self.schedule.batch_size * len(self.windows) / self.targets))
        self.epoch_updates = -(-len(self.windows) // self.rows)

    def fit(self) -> dict[str, Tensor]:
        """Train until the best validation score is old or the epochs are over; give the best weights."""
        started = time.monotonic() - self.progress.seconds
        with stop_on_signal(self):
            for rows in self.batches():
                if self.progress.stale >= self.schedule.patience:
                    break
                self.learn(rows)
                self.progress.seconds = time.monotonic() - started
                if self.due():
                    self.validate()
                if self.stopping:
                    self.keep()
                    raise SystemExit(
                        f"told to stop after update {self.progress.update}; run again to go on"
                    )
        return self.best

    def batches(self) -> Iterator[Tensor]:
        """Give the rows of each batch from this update on; they depend only on the seed and on epoch or update."""
        if self.schedule.draws == "independent":
            return self.independent_batches()
        return self.shuffled_batches()

    def shuffled_batches(self) -> Iterator[Tensor]:
        """Give each piece once per epoch, in an order that depends only on seed and epoch."""
        done, skip = divmod(self.progress.update, self.epoch_updates)
        for epoch in range(done, self.schedule.epochs):
            order = torch.randperm(len(self.windows), generator=self.generator(epoch))
            yield from order.split(self.rows)[skip if epoch == done else 0 :]

    def independent_batches(self) -> Iterator[Tensor]:
        """Draw each batch from all pieces, whatever was drawn before."""
        for update in range(self.progress.update, self.last_update):
            yield torch.randint(len(self.windows), (self.rows,), generator=self.generator(update))

    def generator(self, number: int) -> torch.Generator:
        """Seed a generator with the run's seed and a number, so that a resumed training meets the same."""
        return torch.Generator().manual_seed(self.seed * 1_000_003 + number)

    def loss_of(self, rows: Any) -> Float[Tensor, ""]:
        """Compute the loss of one of the `batches`."""
        return self.model.loss(self.windows.take(rows, self.device))

    def ranks(self) -> Ranks:
        """Rank the validation events."""
        return rank_events(self.model, self.events, 0, self.device)

    def tensors(self) -> dict[str, Tensor]:
        """Name what the checkpoint holds beside the model, its optimiser and the state of chance."""
        return {}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Put `tensors`, which come on the CPU, back to their places."""

    def learn(self, rows: Any) -> None:
        """Make one update."""
        if self.switches and self.progress.update == self.model.warm_up:
            self.optimiser = torch.optim.Adam(
                self.model.parameters(), lr=self.schedule.second_rate, fused=True
            )
        self.model.train()
        self.optimiser.zero_grad()
        loss = self.loss_of(rows)
        loss.backward()
        if self.schedule.clip_norm:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.schedule.clip_norm)
        self.optimiser.step()
        self.progress.loss += loss.item()
        self.progress.counted += 1
        self.progress.update += 1

    @property
    def switches(self) -> bool:
        """Say whether a second optimiser takes over after the warm-up."""
        return self.schedule.second_rate is not None and hasattr(self.model, "warm_up")

    def due(self) -> bool:
        """Say whether this update is followed by a validation."""
        every = self.schedule.validate_every or self.epoch_updates
        return not self.progress.update % every or self.progress.update == self.last_update

    @property
    def last_update(self) -> int:
        return self.epoch_updates * self.schedule.epochs

    def validate(self) -> None:
        """Rank the validation events, keep the weights if they are the best, write the checkpoint."""
        done = self.progress
        ranks = self.ranks()
        score = (
            expected_gain(ranks.better, ranks.tied, SELECTION_CUTOFF, GAINS["NDCG"]).mean().item()
        )
        done.stale += 1
        if score > done.best:
            done.best, done.best_update, done.stale = score, done.update, 0
            self.best = {
                name: tensor.detach().clone() for name, tensor in self.model.state_dict().items()
            }
        done.curve.append(
            {
                "update": done.update,
                "epoch": done.update / self.epoch_updates,
                "loss": done.loss / done.counted,
                "valid_ndcg10": score,
                "seconds": done.seconds,
            }
        )
        done.loss, done.counted = 0.0, 0
        self.log(self.line())
        self.keep()

    def line(self) -> str:
        """Describe the last validation in a line."""
        done, row = self.progress, self.progress.curve[-1]
        left = done.seconds / done.update * (self.last_update - done.update)
        return (
            f"epoch {row['epoch']:.4g}/{self.schedule.epochs}  loss {row['loss']:.4f}  "
            f"NDCG@10 {row['valid_ndcg10']:.4f} (best {done.best:.4f})  at most {left:.0f} s left"
        )

    def keep(self) -> None:
        """Write the checkpoint."""
        if self.path:
            tensors = checkpoint.pack(self.model, self.optimiser, self.best, self.tensors())
            checkpoint.save(self.path, tensors, asdict(self.progress))

    def resume(self) -> None:
        """Go back to where the checkpoint was written."""
        tensors, facts = checkpoint.load(self.path)
        self.best = checkpoint.unpack(tensors, self.model, self.optimiser)
        self.progress = Progress(**facts)
        self.restore(checkpoint.below(tensors, "extra"))
        if self.switches and self.progress.update > self.model.warm_up:
            for group in self.optimiser.param_groups:
                group["lr"] = self.schedule.second_rate
        self.log(f"goes on after update {self.progress.update}")


class stop_on_signal:  # noqa: N801 a context manager, used like a function
    """Turn SIGTERM and SIGUSR1 (Slurm's warning before a time limit) into a checkpoint after the current update."""

    signals = (signal.SIGTERM, signal.SIGUSR1)

    def __init__(self, trainer: Trainer):
        self.trainer = trainer

    def __enter__(self) -> None:
        self.before = [signal.signal(number, self.ask) for number in self.signals]

    def __exit__(self, *_: object) -> None:
        for number, handler in zip(self.signals, self.before, strict=True):
            signal.signal(number, handler)

    def ask(self, *_: object) -> None:
        self.trainer.stopping = True


def train(
    make: Callable[[], nn.Module],
    parts: dict[str, Sessions],
    items: int,
    training: dict,
    seed: int,
    checkpoint_dir: Path,
    device: torch.device | str = "cpu",
    log: Callable[[str], None] = print,
) -> tuple[dict[str, Tensor], dict]:
    """Choose the learning rate on the validation part, then train with it.

    Every model has the same grid and the same number of epochs per value, and both are recorded.

    Args:
        make: makes a fresh model.
        parts: `train` and `valid`.
        items: size of the catalogue.
        training: settings of the loop, see a study's `training`.
        seed: of weights, batches, dropout and drawn items.
        checkpoint_dir: folder for the checkpoint, kept when the job is killed, emptied when it is done.

    Returns:
        The best weights and the facts for the record.
    """
    windows = cut(parts["train"], training["length"], items)
    events = Events.of(parts["valid"], training["length"], items).sample(
        training["validation_events"], seed=0
    )

    def trainer(rate: float, epochs: int, path: Path | None) -> Trainer:
        torch.manual_seed(seed)
        schedule = Schedule.of(training, rate, epochs)
        return Trainer(make().to(device), windows, events, schedule, seed, path, log, device)

    return fit_tuned(trainer, training, checkpoint_dir)


def fit_tuned(
    trainer: Callable[[float, int, Path | None], Trainer], training: dict, checkpoint_dir: Path
) -> tuple[dict[str, Tensor], dict]:
    """Try the learning rates if there are several, then train with the best.

    Args:
        trainer: makes a training from a rate, a number of epochs and the place of its checkpoint.
        training: `learning_rate`, `tuning_epochs` and `epochs`.
        checkpoint_dir: folder for checkpoints.

    Returns:
        The best weights and the facts for the record.
    """
    rates, tried = training["learning_rate"], []
    if len(rates) > 1:
        tried = tune(trainer, rates, training["tuning_epochs"], checkpoint_dir / "tuning.json")
    rate = max(tried, key=lambda row: row["valid_ndcg10"])["learning_rate"] if tried else rates[0]
    chosen = trainer(rate, training["epochs"], checkpoint_dir / "checkpoint.safetensors")
    weights, done = chosen.fit(), chosen.progress
    return weights, {
        "curve": done.curve,
        "learning_rate": rate,
        "tuning": tried,
        "epochs_run": done.update / chosen.epoch_updates,
        "best_epoch": done.best_update / chosen.epoch_updates,
        "valid_ndcg10": done.best,
        "targets_per_second": done.update / chosen.epoch_updates * chosen.targets / done.seconds,
        "not_run": None,
    }


def tune(trainer: Callable, rates: list[float], epochs: int, path: Path) -> list[dict]:
    """Train a little with each learning rate; what was tried before a kill is not tried again."""
    tried = json.loads(path.read_text()) if path.exists() else []
    for rate in rates[len(tried) :]:
        candidate = trainer(rate, epochs, None)
        candidate.log(f"tries learning_rate {rate}")
        with contextlib.suppress(Diverged):
            candidate.fit()
        tried.append(
            {"learning_rate": rate, "epochs": epochs, "valid_ndcg10": candidate.progress.best}
        )
        write_json(path, tried)
    return tried
