"""Whether a training was trained out: the rule that all studies declare here, before any run."""

from collections.abc import Sequence

TAIL = 0.2  # the last part of the validations, in whole ones
LEAST = 5  # validations, without which nothing can be said
GAIN = 0.01  # by which the best of all may exceed the best before that part, relative to it


def trained_out(scores: Sequence[float], patience: int | None = None) -> bool:
    """Decide whether more updates were not going to help much: the last fifth of the validations gained less than 1%.

    A training that stopped because `patience` ran out is trained out, too; one with fewer than five validations is not.

    Args:
        scores: of the validations, in order; higher is better and 0 is nothing learned.
        patience: validations without a better one after which it stops; None for never.
    """
    if not len(scores) or max(scores) <= 0:
        return False  # nothing was learned
    best = max(scores)
    stale = len(scores) - 1 - list(scores).index(best)
    if patience is not None and stale >= patience:
        return True
    before = scores[: len(scores) - round(TAIL * len(scores))]
    return len(scores) >= LEAST and best <= max(before) * (1 + GAIN)
