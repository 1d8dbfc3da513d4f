"""What learning took, from columns of the lists that say the same beside every event: the mean over events is the cost.

So costs are compared, tested and claimed like any other score. They have no cut-off, which is written as k = 0.
"""

from collections.abc import Callable

import numpy as np
import polars as pl

from recloop.evaluation.metric import Facts

COLUMNS = {"FLOPs": "flops", "BatchSeconds": "batch_seconds"}
WHY = "what this training took was not measured"


def beside(facts: Facts) -> bool:
    """Say nothing of lists of next items unless asked by name: only some loops measure."""
    return True


def of(column: str) -> Callable[[pl.DataFrame, int, Facts], np.ndarray]:
    """Make the score of a record: the column as it stands."""
    return lambda lists, k, facts: lists[column].cast(pl.Float64).to_numpy()
