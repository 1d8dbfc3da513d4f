"""How far a training is, and the line that says so."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Metric:
    """What chooses the best epoch.

    Attributes:
        column: its name in learning curves and records.
        label: its name in the line of progress.
        higher: whether higher values are better.
    """

    column: str
    label: str
    higher: bool = True

    def better(self, score: float, best: float | None) -> bool:
        """Compare with the best score so far; equal is not better."""
        return best is None or (score > best if self.higher else score < best)


NDCG = Metric("valid_ndcg10", "NDCG@10")


@dataclass
class Progress:
    """What a checkpoint says besides tensors.

    Attributes:
        update: optimiser steps done.
        best: best validation score so far, and `best_update`, when it was; None before the first. Those of a head start
            are forgotten with the first one after it.
        stale: validations since then.
        curve: one row per validation.
        loss: sum of the losses since the last validation, over `losses` updates.
        seconds: time spent, over all resumptions.
        phase: which optimisers are in use, see `Objective.phase`.
    """

    update: int = 0
    best: float | None = None
    best_update: int = 0
    stale: int = 0
    curve: list[dict] = field(default_factory=list)
    loss: float = 0.0
    losses: int = 0
    seconds: float = 0.0
    phase: int = 0

    def enter(self, score: float | None, metric: Metric | None) -> bool:
        """Take a validation score; say whether it is the best so far."""
        self.stale += 1
        if metric is None or not metric.better(score, self.best):
            return False
        self.best, self.best_update, self.stale = score, self.update, 0
        return True


def run_facts(
    curve: Sequence[dict] = (),
    epochs: int | float = 0,
    best_epoch: int | float | None = None,
    tuning: Sequence[dict] = (),
    head_start: int = 0,
) -> dict:
    """List what the record of every run says of its training; by itself, that of a run without one.

    Args:
        curve: one row per validation.
        epochs: how often it went over the training part.
        best_epoch: after which the weights were kept; None for the last one.
        tuning: what was tried before, one row per learning rate.
        head_start: updates whose validations chose nothing, see `Objective.head_start`.
    """
    best = epochs if best_epoch is None else best_epoch
    facts = {"curve": [*curve], "tuning": [*tuning], "not_run": None, "head_start": head_start}
    return facts | {"epochs_run": epochs, "best_epoch": best}


def line(progress: Progress, metric: Metric | None, epochs: int, updates: int) -> str:
    """Describe the last validation: epoch, loss, score, time left.

    Args:
        progress: with at least one row of its curve.
        metric: what the score is; None if there is none.
        epochs: most epochs.
        updates: most updates.
    """
    row = progress.curve[-1]
    left = progress.seconds / progress.update * (updates - progress.update)
    score = ""
    if metric:
        score = f"  {metric.label} {row[metric.column]:.4f} (best {progress.best:.4f})"
    return (
        f"epoch {row['epoch']:.4g}/{epochs}  loss {row['loss']:.4f}{score}  "
        f"at most {left:.0f} s left"
    )
