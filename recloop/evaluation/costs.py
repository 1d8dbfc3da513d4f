"""What learning took, from columns of the lists that say the same beside every event: the mean over events is the cost.

So costs are compared, tested and claimed like any other score; intervals over sessions say nothing of how they vary
from run to run. They have no cut-off, which is written as k = 0.

Fu et al. IISAN. SIGIR 2024: TPME = 0.45 t + 0.1 p + 0.45 m, where t, p and m are the seconds of an epoch, the numbers
that learn and the most memory of a model, brought to 0 for the least and 1 for the most of those compared. It means
nothing outside its set: one model more or less changes all values.
"""

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from recloop.evaluation.metric import Facts

EPOCH = {"Seconds": "epoch_seconds", "Memory": "epoch_memory", "Learned": "trained_numbers"}
COLUMNS = EPOCH | {"FLOPs": "flops", "BatchSeconds": "batch_seconds"}
WHY = "what this training took was not measured"
WEIGHTS = (0.45, 0.1, 0.45)  # of seconds, numbers and memory


def beside(facts: Facts) -> bool:
    """Say nothing of lists of next items unless asked by name: only some loops measure."""
    return True


def of(column: str) -> Callable[[pl.DataFrame, int, Facts], np.ndarray]:
    """Make the score of a record: the column as it stands."""
    return lambda lists, k, facts: lists[column].cast(pl.Float64).to_numpy()


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
