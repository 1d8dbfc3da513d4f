"""Sessions to a model that only counts: nothing to validate, nothing to resume."""

from collections.abc import Callable

from torch import Tensor, nn

from recloop.data.batches import Sessions
from recloop.fitting.context import TrainingContext
from recloop.fitting.progress import NDCG, run_facts
from recloop.models.nonparametric.state import DoesNotFit
from recloop.training.sequences import prepare, rank

__all__ = ["prepare", "rank", "train"]


def train(
    make: Callable[[], nn.Module],
    parts: dict[str, Sessions],
    items: int,
    training: dict,
    context: TrainingContext,
) -> tuple[dict[str, Tensor], dict]:
    """Count once over the training part.

    Returns:
        The weights and the facts for the record; a model that needs more memory than its settings allow has no
        weights and says why in `not_run`.
    """
    model = make()
    facts = run_facts(epochs=1) | {NDCG.column: None}
    try:
        model.fit(parts["train"].items, parts["train"].offsets)
    except DoesNotFit as reason:
        return {}, facts | {"not_run": str(reason)}
    return model.state_dict(), facts
