"""What trainings take beside how well they recommend: seconds, memory, numbers that learn, and TPME, all three in one.

Fu et al. IISAN. SIGIR 2024: TPME = 0.45 t + 0.1 p + 0.45 m, where t, p and m are the seconds of an epoch, the numbers
that learn and the most memory of a model, brought to 0 for the least and 1 for the most of those compared. It means
nothing outside its set: one model more or less changes all values.

Lists of a model that was trained have the columns `epoch_seconds`, `epoch_memory` (MiB) and `trained_numbers`, the same
in every row: what a run took is one observation, and intervals over sessions say nothing of how it varies.
"""

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

WEIGHTS = (0.45, 0.1, 0.45)  # of seconds, numbers and memory
COLUMNS = {"Seconds": "epoch_seconds", "Memory": "epoch_memory", "Learned": "trained_numbers"}
BATCHES = {"FLOPs": "flops", "BatchSeconds": "batch_seconds"}  # what TransRec's Table 3.4 has
WHY = "nothing was trained, or nobody looked at what it took"


def reading(name: str) -> Callable[[pl.DataFrame, int, object], np.ndarray]:
    """Make the score of a cost: what the lists say in every row."""
    column = (COLUMNS | BATCHES)[name]
    return lambda lists, k, facts: lists[column].to_numpy()


def tpme(
    seconds: Sequence[int | float],
    numbers: Sequence[int | float],
    memory: Sequence[int | float],
    weights: Sequence[float] = WEIGHTS,
) -> np.ndarray:
    """Compute TPME of all models of a set; less is better. What is the same for all adds nothing.

    Args:
        seconds, numbers, memory: of each model, in any units.
        weights: of the three; their sum is 1.
    """
    if not np.isclose(sum(weights), 1):
        raise ValueError(f"weights of TPME: {tuple(weights)} add up to {sum(weights):g}, not to 1")
    parts = [scaled(np.asarray(one, float)) for one in (seconds, numbers, memory)]
    return np.asarray(weights) @ np.stack(parts)


def scaled(values: np.ndarray) -> np.ndarray:
    """Bring values to 0 for the least and 1 for the most; zeros where all are the same."""
    span = np.ptp(values)
    return (values - values.min()) / span if span else np.zeros_like(values)
