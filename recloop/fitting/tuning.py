"""The learning rate, or another setting, chosen on the validation part: every model has as many values and epochs."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from recloop.fitting.context import TrainingContext
from recloop.fitting.finite import Diverged
from recloop.fitting.objective import Objective
from recloop.fitting.progress import Metric, run_facts
from recloop.fitting.schedule import Schedule
from recloop.fitting.team import here
from recloop.fitting.trainer import Trainer
from recloop.storage.files import write_json

RATE = "learning_rate"
LOST = -1.0  # the score on record of a trial that diverged
MakeObjective = Callable[[Schedule, TrainingContext], Objective]


def fit_tuned(
    make: MakeObjective,
    training: dict,
    context: TrainingContext,
    metric: Metric,
    **fixed: Any,
) -> tuple[dict[str, Tensor], dict, Trainer]:
    """Try the learning rates if there are several, then train with the best.

    Args:
        make: makes an objective with a fresh model from a schedule and a context, whose seed torch has by then.
        training: settings of the loop: `learning_rate`, a list, `tuning_epochs`, `epochs`, and others of a `Schedule`.
        context: of the run.
        metric: what chooses rate and epoch.
        fixed: what of the `Schedule` is the loop's and no setting.

    Returns:
        The best weights, the facts for the record, and the training.
    """
    begin = partial(begun, make, training, fixed)
    rates, tried = training["learning_rate"], []
    if len(rates) > 1:
        tried = tune(begin, rates, training["tuning_epochs"], context, metric)
    rate = best_rate(tried, rates, metric)
    trainer = begin(rate, training["epochs"], context)
    weights, done = trainer.fit(), trainer.progress
    started = trainer.objective.head_start
    facts = run_facts(done.curve, trainer.epoch, trainer.best_epoch, tried, started)
    return weights, facts | {RATE: rate, metric.column: done.best}, trainer


def begun(
    make: MakeObjective,
    training: dict,
    fixed: dict[str, Any],
    rate: float,
    epochs: int,
    context: TrainingContext,
) -> Trainer:
    """Begin a training with a learning rate and a number of epochs."""
    torch.manual_seed(context.seed)
    schedule = Schedule.of(training, learning_rate=rate, epochs=epochs, **fixed)
    return Trainer(make(schedule, context), context)


def best_rate(tried: list[dict], rates: list[float], metric: Metric, setting: str = RATE) -> float:
    """Pick the rate, or value of another setting, with the best score; the first if none was tried or all diverged."""
    best, rate = None, rates[0]
    for row in tried:
        if row[metric.column] != LOST and metric.better(row[metric.column], best):
            best, rate = row[metric.column], row[setting]
    return rate


def tune(
    begin: Callable[[float, int, TrainingContext], Trainer],
    rates: list[float],
    epochs: int,
    context: TrainingContext,
    metric: Metric,
    setting: str = RATE,
) -> list[dict]:
    """Train a little with each learning rate; what was tried before a kill is not tried again.

    Args:
        begin: makes a training from a value, a number of epochs and a context.
        rates: values to try.
        epochs: of each trial.
        context, metric: as for `fit_tuned`.
        setting: what they are values of.
    """
    path = context.checkpoint_dir / "tuning.json" if context.checkpoint_dir else None
    tried = json.loads(path.read_text()) if path and path.exists() else []
    for rate in rates[len(tried) :]:
        context.log(f"tries {setting} {rate}")
        score = trial(begin(rate, epochs, replace(context, checkpoint_dir=None)))
        tried.append({setting: rate, "epochs": epochs, metric.column: score})
        if path and here().leads:
            write_json(path, tried)
    return tried


def trial(candidate: Trainer) -> float:
    """Train a candidate for its best score; one that diverges is a lost trial, not the end of the run."""
    try:
        candidate.fit()
    except Diverged as error:
        candidate.context.log(str(error))
        return LOST
    return candidate.progress.best
