"""The one trainer: updates, validation, the best weights, early stopping, checkpoints, exact resumption."""

import json
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from recloop.fitting import processor
from recloop.fitting.averaging import Average
from recloop.fitting.context import TrainingContext
from recloop.fitting.finite import REMEDY, Diverged, Losses, check_finite
from recloop.fitting.objective import Objective
from recloop.fitting.progress import Progress, line
from recloop.fitting.signals import on_signal
from recloop.fitting.team import Team, agreed, of_the_first
from recloop.storage import checkpoint

KEEP_SECONDS = 300  # between two checkpoints where validations are further apart
# Of the seeds of batches that draw for themselves, above the numbers that batches are drawn by.
OWN_DRAWS = 1 << 40


class Trainer:
    """One training: an objective, its schedule, its optimisers and its checkpoint.

    It goes on where the checkpoint in the context's folder was written, if there is one of the same `origin`.

    Args:
        objective: what to minimise.
        context: seed, place of the checkpoint, device, log.
        origin: facts that a checkpoint must agree with, where its folder does not already say what it belongs to.
    """

    def __init__(self, objective: Objective, context: TrainingContext, origin: dict | None = None):
        self.objective, self.context = objective, context
        self.origin = json.loads(json.dumps(origin or {}))  # as a checkpoint gives it back
        self.schedule, self.model = objective.schedule, objective.model
        self.progress, self.best, self.stopping = Progress(), {}, False
        self.losses, self.kept_at = Losses(context.device), time.monotonic()
        self.team = Team(objective)
        self.optimisers = objective.optimisers(0)
        self.average = Average(self.model, self.schedule.average) if self.schedule.average else None
        if context.checkpoint and context.checkpoint.exists():
            self.resume()

    @property
    def epoch_updates(self) -> int:
        """Count the updates of an epoch."""
        return -(-self.objective.length // self.schedule.accumulate)

    @property
    def epochs(self) -> int:
        """Count the epochs there may be: those of the schedule, after a head start in whole epochs."""
        return self.schedule.epochs + -(-self.objective.head_start // max(1, self.epoch_updates))

    @property
    def last_update(self) -> int:
        """Count the updates of all epochs."""
        return self.epoch_updates * self.epochs

    @property
    def epoch(self) -> float:
        """Count the epochs done."""
        return self.progress.update / self.epoch_updates

    @property
    def best_epoch(self) -> float:
        """Count the epochs after which the weights were the best."""
        return self.progress.best_update / self.epoch_updates

    def per_second(self, of_epoch: int) -> float:
        """Say how much a second of the training took in, validations included.

        Args:
            of_epoch: how much an epoch has: targets, dialogues, tokens.
        """
        return self.epoch * of_epoch / self.progress.seconds

    def fit(self) -> dict[str, Tensor]:
        """Train until the best validation score is old or the epochs are over; give the best weights.

        Raises:
            Diverged: a loss or a score is not finite.
            ValueError: no epoch was ever the best.
            SystemExit: the job was asked to stop; a checkpoint is written.
        """
        started = time.monotonic() - self.progress.seconds
        with on_signal(self.stop):
            for group in self.groups():
                self.learn(group)
                self.progress.seconds = time.monotonic() - started
                self.follow_up()
                stopping, due = agreed(
                    self.stopping, time.monotonic() - self.kept_at > KEEP_SECONDS
                )
                if stopping or due:
                    self.keep()
                if stopping:
                    raise SystemExit(
                        f"told to stop after update {self.progress.update}; run again to go on"
                    )
        return self.chosen()

    def stop(self) -> None:
        """Ask for a checkpoint and an end after the current update."""
        self.stopping = True

    def groups(self) -> Iterator[list[Any]]:
        """List the batches of each update from this one on, until the best is old."""
        if not self.epoch_updates:
            return
        done, skip = divmod(self.progress.update, self.epoch_updates)
        for epoch in range(done, self.epochs):
            if self.stale():
                return
            skipped = skip * self.schedule.accumulate if epoch == done else 0
            batches = iter(self.objective.batches(epoch, skipped))
            while group := list(islice(batches, self.schedule.accumulate)):
                yield group
                if self.stale():
                    return
            if self.progress.update != (epoch + 1) * self.epoch_updates:
                raise ValueError(
                    f"epoch {epoch + 1} of {self.context.name} ended after update {self.progress.update}, "
                    f"expected {self.epoch_updates} updates an epoch"
                )

    def stale(self) -> bool:
        """Check whether the best score is too old."""
        patience = self.schedule.patience
        return patience is not None and self.progress.stale >= patience

    def learn(self, group: list[Any]) -> None:
        """Make one update from some batches."""
        self.start_phase()
        self.model.train()
        for optimiser in self.optimisers.values():
            self.set_pace(optimiser)
            optimiser.zero_grad()
        with processor.wide(self.objective.wide):
            loss = self.gradients(group)
        self.clip()
        for optimiser in self.optimisers.values():
            optimiser.step()
        self.objective.after_update()
        self.progress.update += 1
        if self.average:
            self.average.update(self.model, self.progress.update)
        self.note(loss)

    def gradients(self, group: list[Any]) -> Tensor:
        """Add up the gradients of the batches of an update, those of other processes too; return the loss."""
        losses, own = [], self.team.own(self.shares(group))
        for number, batch, factor in own:
            self.draw_for(number)
            with self.team.waiting(len(losses) + 1 < len(own)):
                losses.append(self.backward(batch, factor))
        self.draw_for(self.schedule.accumulate)  # what comes next is the same in all processes
        return self.team.mean(losses[0] if len(losses) == 1 else torch.stack(losses).sum())

    def draw_for(self, number: int) -> None:
        """Let a batch of the update draw from a seed of its own, where processes may share the update."""
        if self.schedule.processes is not None:
            place = self.progress.update * (self.schedule.accumulate + 1) + number
            torch.manual_seed(self.context.seed_of(OWN_DRAWS + place))

    def shares(self, group: list[Any]) -> list[tuple[Any, float]]:
        """Weigh the batches of an update by their sizes."""
        if len(group) == 1:
            return [(group[0], 1.0)]
        sizes = [self.objective.size(batch) for batch in group]
        return [(batch, size / sum(sizes)) for batch, size in zip(group, sizes, strict=True)]

    def note(self, loss: Tensor) -> None:
        """Add the loss of an update up, and stop if it is not finite."""
        try:
            self.losses.add(loss, self.progress.update)
        except Diverged as error:
            raise self.named(error) from None

    def start_phase(self) -> None:
        """Make new optimisers where a phase begins."""
        phase = self.objective.phase(self.progress.update)
        if phase != self.progress.phase:
            self.progress.phase, self.optimisers = phase, self.objective.optimisers(phase)

    def set_pace(self, optimiser: Optimizer) -> None:
        """Set the learning rates of this update."""
        if self.schedule.pace == "constant":
            return
        for group in optimiser.param_groups:
            peak = group.setdefault("initial_lr", group["lr"])
            group["lr"], beta = self.schedule.rate(peak, self.progress.update, self.last_update)
            if beta is not None and "betas" in group:
                group["betas"] = (beta, *group["betas"][1:])

    def backward(self, batch: Any, share: float) -> Tensor:
        """Add the gradient of a batch to those before it; return its share of the loss."""
        with self.autocast():
            loss = self.team.loss(batch)
        if isinstance(loss, Tensor):
            loss = loss if share == 1 else loss * share
            loss.backward()
            return loss.detach()
        return self.backward_each(loss, share)

    def backward_each(self, losses: dict[str, Tensor], share: float) -> Tensor:
        """Let every optimiser's parameters learn from their own loss alone."""
        last = list(losses)[-1]
        for name, loss in losses.items():
            groups = self.optimisers[name].param_groups
            parameters = [one for group in groups for one in group["params"]]
            (loss * share).backward(inputs=parameters, retain_graph=name != last)
        return torch.stack([loss.detach() for loss in losses.values()]).sum() * share

    def clip(self) -> None:
        """Limit the gradient."""
        if self.schedule.clip_norm:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.schedule.clip_norm)
        if self.schedule.clip_value:
            nn.utils.clip_grad_value_(self.model.parameters(), self.schedule.clip_value)

    def autocast(self) -> Any:
        """Compute in bfloat16 if the schedule says so."""
        if self.schedule.precision == "float32":
            return nullcontext()
        return torch.autocast(torch.device(self.context.device).type, torch.bfloat16)

    def follow_up(self) -> None:
        """Do what comes after an update: the end of an epoch, a validation."""
        if self.progress.update % self.epoch_updates == 0:
            self.objective.after_epoch(self.progress.update // self.epoch_updates - 1)
        every = self.schedule.validate_every or self.epoch_updates
        if not self.progress.update % every or self.progress.update == self.last_update:
            self.validate()

    def validate(self) -> None:
        """Judge the weights, keep them if they are the best, write a line and the checkpoint."""
        metric, done = self.objective.metric, self.progress
        if done.best_update <= self.objective.head_start < done.update:
            done.best = None  # the weights of a head start are not those of what is compared
        with self.average.in_place(self.model) if self.average else nullcontext():
            score = self.score() if metric else None
            if done.enter(score, metric):
                self.best = self.weights()
        if done.update <= self.objective.head_start:
            done.stale = 0
        row = {"update": done.update, "epoch": self.epoch, "loss": self.mean_loss()}
        row |= {metric.column: score} if metric else {}
        done.curve.append(row | {"seconds": done.seconds})
        self.losses.reset()
        self.context.log(line(done, metric, self.epochs, self.last_update))
        self.keep()

    @torch.no_grad()
    def score(self) -> float:
        """Evaluate the objective.

        Raises:
            Diverged: the score, or something on the way to it, is not finite.
        """
        self.model.eval()
        try:
            with self.autocast():
                score = of_the_first(self.objective.evaluate())
            return check_finite(score, f"the validation score {self.objective.metric.label}")
        except Diverged as error:
            raise self.named(error) from None

    def mean_loss(self) -> float:
        """Average the losses since the last validation."""
        try:
            return self.losses.mean()
        except Diverged as error:
            raise self.named(error) from None

    def named(self, error: Diverged) -> Diverged:
        """Add to an error which model diverged, and when."""
        when = f"update {self.progress.update} (epoch {self.epoch:.4g})"
        return type(error)(f"{self.context.name}, {when}: {error}")

    def weights(self) -> dict[str, Tensor]:
        """Copy the weights that are kept."""
        return {name: tensor.detach().clone() for name, tensor in self.kept().items()}

    def kept(self) -> dict[str, Tensor]:
        """Return the weights that a checkpoint holds: all, or without the parameters that are frozen."""
        tensors = self.model.state_dict()
        if self.schedule.keeps == "all":
            return tensors
        named = self.model.named_parameters(remove_duplicate=False)
        frozen = {name for name, one in named if not one.requires_grad}
        return {name: tensor for name, tensor in tensors.items() if name not in frozen}

    def chosen(self) -> dict[str, Tensor]:
        """Return the best weights, or the last ones where nothing is validated.

        Raises:
            Diverged: the last weights have NaN, of which no loss has told.
            ValueError: there was no validation.
        """
        if self.objective.metric is None and self.progress.update:
            with self.average.in_place(self.model) if self.average else nullcontext():
                last = self.weights()
            if lost := [name for name, one in last.items() if one.isnan().any()]:
                raise self.named(Diverged(f"{lost[0]} has NaN: {REMEDY}"))
            return last
        if self.progress.best is None:
            raise ValueError(
                f"{self.context.name}: training ended after update {self.progress.update} without a validation, "
                "so there are no best weights; look at epochs and at the size of the training part"
            )
        return self.best

    def keep(self) -> None:
        """Write the checkpoint, if there is a place for it."""
        self.kept_at = time.monotonic()
        if not self.context.checkpoint or not self.team.place.leads:
            return
        try:
            self.progress.loss, self.progress.losses = self.losses.sum(), self.losses.count
        except Diverged as error:
            raise self.named(error) from None
        parts = {
            "model": self.kept(),
            "best": self.best,
            "state": self.objective.state(),
            "average": self.average.tensors if self.average else {},
            "optimiser": checkpoint.optimiser_state(self.optimisers),
            "random": checkpoint.random_state(),
        }
        facts = {"origin": self.origin, "progress": asdict(self.progress)}
        checkpoint.save(self.context.checkpoint, checkpoint.join(parts), facts)

    def resume(self) -> None:
        """Go back to where the checkpoint was written, if it belongs to this training."""
        tensors, facts = checkpoint.load(self.context.checkpoint)
        if facts.get("origin") != self.origin:
            return self.context.log(
                "a checkpoint of other settings or data is left aside; starts anew"
            )
        self.progress = Progress(**facts["progress"])
        if self.progress.phase:
            self.optimisers = self.objective.optimisers(self.progress.phase)
        self.best = checkpoint.below(tensors, "best")
        self.model.load_state_dict(
            checkpoint.below(tensors, "model"), strict=self.schedule.keeps == "all"
        )
        self.objective.load_state(checkpoint.below(tensors, "state"))
        if self.average:
            kept = checkpoint.below(tensors, "average").items()
            self.average.tensors = {name: one.to(self.context.device) for name, one in kept}
        checkpoint.restore_optimisers(self.optimisers, checkpoint.below(tensors, "optimiser"))
        checkpoint.restore_random(checkpoint.below(tensors, "random"))
        self.losses.reset(self.progress.loss, self.progress.losses)
        self.context.log(f"goes on after update {self.progress.update}, epoch {self.epoch:.4g}")
