"""The learning rate, or another setting, chosen on the validation part: every model has as many values and epochs."""

import json
from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from recloop.fitting.context import TrainingContext
from recloop.fitting.finite import Diverged
from recloop.fitting.progress import Metric
from recloop.fitting.trainer import Trainer
from recloop.storage.files import write_json

RATE = "learning_rate"
LOST = -1.0  # the score on record of a trial that diverged
MakeTrainer = Callable[[float, int, TrainingContext], Trainer]


def fit_tuned(
    make: MakeTrainer, training: dict, context: TrainingContext, metric: Metric
) -> tuple[dict[str, Tensor], dict, Trainer]:
    """Try the learning rates if there are several, then train with the best.

    Args:
        make: makes a training from a rate, a number of epochs and a context.
        training: `learning_rate`, a list, `tuning_epochs` and `epochs`.
        context: of the run.
        metric: what chooses rate and epoch.

    Returns:
        The best weights, the facts for the record, and the training.
    """
    rates, tried = training["learning_rate"], []
    if len(rates) > 1:
        tried = tune(make, rates, training["tuning_epochs"], context, metric)
    rate = best_rate(tried, rates, metric)
    trainer = make(rate, training["epochs"], context)
    weights, done = trainer.fit(), trainer.progress
    facts = {
        "curve": done.curve,
        "learning_rate": rate,
        "tuning": tried,
        "epochs_run": trainer.epoch,
        "best_epoch": done.best_update / trainer.epoch_updates,
        metric.column: done.best,
        "not_run": None,
    }
    return weights, facts, trainer


def best_rate(tried: list[dict], rates: list[float], metric: Metric, setting: str = RATE) -> float:
    """Pick the rate, or value of another setting, with the best score; the first if none was tried or all diverged."""
    best, rate = None, rates[0]
    for row in tried:
        if row[metric.column] != LOST and metric.better(row[metric.column], best):
            best, rate = row[metric.column], row[setting]
    return rate


def tune(
    make: MakeTrainer,
    rates: list[float],
    epochs: int,
    context: TrainingContext,
    metric: Metric,
    setting: str = RATE,
) -> list[dict]:
    """Train a little with each learning rate; what was tried before a kill is not tried again.

    Args:
        make, epochs, context, metric: as for `fit_tuned`.
        rates: values to try.
        setting: what they are values of.
    """
    path = context.checkpoint_dir / "tuning.json" if context.checkpoint_dir else None
    tried = json.loads(path.read_text()) if path and path.exists() else []
    for rate in rates[len(tried) :]:
        context.log(f"tries {setting} {rate}")
        score = trial(make(rate, epochs, replace(context, checkpoint_dir=None)))
        tried.append({setting: rate, "epochs": epochs, metric.column: score})
        if path:
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
