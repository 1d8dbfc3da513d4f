"""What a training is given before it starts: one schedule for every loop."""

import math
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields

DRAWS = ("passes", "independent")
PRECISIONS = ("float32", "bfloat16")
KEEPS = ("all", "trained")


@dataclass(frozen=True)
class Schedule:
    """Settings of the loop.

    Attributes:
        learning_rate: of the optimiser; its peak where it changes.
        batch_size: of a batch, in units of the objective (targets, dialogues, captions).
        epochs: most passes over the training part.
        patience: validations without a better score before it stops; None for all epochs.
        validate_every: updates between validations; None for once per epoch.
        clip_norm: largest norm of the gradient; None for no limit.
        clip_value: largest absolute value of each part of the gradient; None for no limit.
        draws: `passes` over the shuffled training part, or `independent`: every batch is drawn anew, with
            replacement, as the authors' code of the RL line does.
        second_rate: learning rate of the second Adam that a model with a warm-up gets after it (SA2C); None for none.
        weight_decay: of the optimiser.
        pace: how the learning rate changes, one of `PACES`.
        warm_up: updates in which it grows, for the paces that have a warm-up.
        floor: share of the learning rate below which a falling pace does not fall.
        accumulate: batches whose gradients make one update.
        average: decay of the moving average of the weights, which then is what is validated and kept; None for none.
        precision: `bfloat16` computes losses and scores under autocast, weights stay in float32.
        keeps: `trained` leaves frozen parameters out of checkpoints and of the best weights.
        processes: that share the `accumulate` batches of an update; a number lets each batch draw (dropout, noise) from
            a seed of its own, so that 1, 2 or 4 processes learn the same. None for one that draws on and on.

    Raises:
        ValueError: a value out of range.
    """

    learning_rate: float
    batch_size: int
    epochs: int
    patience: int | None = None
    validate_every: int | None = None
    clip_norm: float | None = None
    clip_value: float | None = None
    draws: str = "passes"
    second_rate: float | None = None
    weight_decay: float = 0.0
    pace: str = "constant"
    warm_up: int = 0
    floor: float = 0.0
    accumulate: int = 1
    average: float | None = None
    precision: str = "float32"
    keeps: str = "all"
    processes: int | None = None

    def __post_init__(self) -> None:
        choices = {"draws": DRAWS, "pace": tuple(PACES), "precision": PRECISIONS, "keeps": KEEPS}
        for name, allowed in choices.items():
            if (value := getattr(self, name)) not in allowed:
                raise ValueError(f"{name}={value!r}: expected one of {', '.join(allowed)}")
        for name, least in LEAST.items():
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise ValueError(f"{name}={value!r}: expected at least {least}")
        for name in ("clip_norm", "clip_value"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name}={value!r}: expected more than 0, or null for no limit")
        if self.accumulate % (self.processes or 1):
            raise ValueError(
                f"processes={self.processes}: {self.accumulate} batches make an update (accumulate), "
                f"expected a multiple of {self.processes}"
            )
        if not 0 <= self.floor <= 1:
            raise ValueError(f"floor={self.floor!r}: expected a share from 0 to 1")
        if self.average is not None and not 0 <= self.average < 1:
            raise ValueError(f"average={self.average!r}: expected a decay in [0, 1)")

    @classmethod
    def of(cls, training: dict, **moment) -> "Schedule":
        """Read the settings of a loop; `moment` holds what is not the same in all trainings of a run.

        Raises:
            KeyError: a setting that has no default is missing.
        """
        required = {field.name for field in fields(cls) if field.default is MISSING}
        known = {field.name for field in fields(cls)} & (training.keys() | required)
        return cls(**{name: training[name] for name in known - moment.keys()} | moment)

    def rate(self, peak: float, update: int, updates: int) -> tuple[float, float | None]:
        """Compute the learning rate of an update, counted from 0, and Adam's first beta where that changes too.

        Args:
            peak: learning rate that a group of parameters was given.
            update: number of the update.
            updates: how many there are at most.
        """
        rate, beta = PACES[self.pace](peak, update, updates, self.warm_up)
        if self.floor and update >= self.warm_up:
            rate = self.floor * peak + (1 - self.floor) * rate
        return rate, beta


LEAST = {
    "learning_rate": 0,
    "batch_size": 1,
    "epochs": 1,
    "patience": 1,
    "validate_every": 1,
    "second_rate": 0,
    "weight_decay": 0,
    "warm_up": 0,
    "accumulate": 1,
    "processes": 1,
}


def constant(peak: float, update: int, updates: int, warm_up: int) -> tuple[float, None]:
    """Leave the rate as it is."""
    return peak, None


def inverse_sqrt(peak: float, update: int, updates: int, warm_up: int) -> tuple[float, None]:
    """Grow for `warm_up` updates, then fall with the square root (Vaswani et al. NeurIPS 2017); 0 for a constant."""
    if not warm_up:
        return peak, None
    grown = (update + 1) / warm_up
    return peak * min(grown, grown**-0.5), None


def linear(peak: float, update: int, updates: int, warm_up: int) -> tuple[float, None]:
    """Grow for `warm_up` updates, then fall in a straight line to zero after the last one."""
    if update < warm_up:
        return peak * (update + 1) / warm_up, None
    return peak * (updates - update) / max(1, updates - warm_up), None


def cosine(peak: float, update: int, updates: int, warm_up: int) -> tuple[float, None]:
    """Grow for `warm_up` updates, then fall along half a cosine to zero after the last one."""
    if update < warm_up:
        return peak * (update + 1) / warm_up, None
    return anneal(peak, 0.0, (update - warm_up) / max(1, updates - warm_up)), None


def one_cycle(peak: float, update: int, updates: int, warm_up: int) -> tuple[float, float]:
    """Rise for a tenth of the updates and fall for the rest, the first beta the other way round.

    Smith and Topin. Super-Convergence. 2018, with the numbers of torch's OneCycleLR: from peak / 25 over the peak to
    peak / 250000, beta from 0.95 over 0.85 back to 0.95. `warm_up` has no meaning here.
    """
    turn, last, low = 0.1 * updates - 1, updates - 1, peak / 25
    if turn > 0 and update <= turn:
        share = update / turn
        return anneal(low, peak, share), anneal(0.95, 0.85, share)
    share = (update - turn) / (last - turn) if last > turn else 1.0
    return anneal(peak, low / 1e4, share), anneal(0.85, 0.95, share)


def anneal(start: float, end: float, share: float) -> float:
    """Go along half a cosine."""
    return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)


PACES: dict[str, Callable[[float, int, int, int], tuple[float, float | None]]] = {
    "constant": constant,
    "inverse_sqrt": inverse_sqrt,
    "linear": linear,
    "cosine": cosine,
    "one_cycle": one_cycle,
}
