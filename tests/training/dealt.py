"""A loop whose updates may be shared: the next item of sessions, by a model that keeps nothing between batches."""

from functools import partial

from recloop.data.batches import cut
from recloop.training import supervised
from recloop.training.sequences import prepare, rank, validation_events

__all__ = ["prepare", "rank", "train"]


class Dealt(supervised.NextItems):
    """As its base."""

    divisible = True


def train(make, parts, items, training, context):
    """Train as `supervised` does."""
    windows = cut(parts["train"], training["length"], items)
    events = validation_events(parts["valid"], training, items)
    return supervised.fit_sessions(
        make, partial(Dealt, windows=windows, events=events), training, context
    )
