"""What a training is told before it starts, and how far it is."""

from dataclasses import dataclass, field

DRAWS = ("passes", "independent")
GIVEN = ("batch_size", "patience", "validate_every", "clip_norm")
OPTIONAL = ("draws", "second_rate")


@dataclass
class Progress:
    """How far a training is: what its checkpoint says besides tensors.

    Attributes:
        update: optimiser steps done.
        best: highest validation NDCG@10 so far, and `best_update`, when it was.
        stale: validations since then.
        curve: one row per validation.
        loss: sum of the losses since the last validation, over `counted` updates.
        seconds: time spent, over all resumptions.
    """

    update: int = 0
    best: float = -1.0
    best_update: int = 0
    stale: int = 0
    curve: list[dict] = field(default_factory=list)
    loss: float = 0.0
    counted: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Schedule:
    """Settings of the loop.

    Attributes:
        learning_rate: of Adam.
        batch_size: targets per update, on average; whole pieces of sessions make a batch.
        epochs: most passes over the training part.
        patience: validations without a better NDCG@10 before it stops.
        validate_every: updates between validations; None for once per epoch.
        clip_norm: largest norm of the gradient; None for no limit.
        draws: `passes` over the shuffled training part, or `independent`: every batch is drawn anew, with
            replacement, as the authors' code of the RL line does.
        second_rate: learning rate of the second Adam that a model with a warm-up gets after it (SA2C); None for none.

    Raises:
        ValueError: another word for `draws`.
    """

    learning_rate: float
    batch_size: int
    epochs: int
    patience: int
    validate_every: int | None
    clip_norm: float | None
    draws: str = "passes"
    second_rate: float | None = None

    def __post_init__(self) -> None:
        if self.draws not in DRAWS:
            raise ValueError(f"draws={self.draws!r}: expected one of {', '.join(DRAWS)}")

    @classmethod
    def of(cls, training: dict, rate: float, epochs: int) -> "Schedule":
        """Read the settings of a loop; rate and epochs are those of the moment, `draws` and `second_rate` optional."""
        given = {name: training[name] for name in GIVEN}
        given |= {name: training[name] for name in OPTIONAL if name in training}
        return cls(rate, epochs=epochs, **given)
