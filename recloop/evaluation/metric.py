"""What a metric is: one record with all that evaluation, bootstrap, tables and claims ask of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

EVENT, SESSION, SYSTEM, TURN = UNITS = ("event", "session", "system", "turn")


class NotFinite(ValueError):
    """A score is NaN or infinite."""


@dataclass(frozen=True)
class Facts:
    """What some metrics need beside the lists.

    Attributes:
        counts: training events per item, shape (items,).
        purchases: those of them that count as purchases, shape (items,).
        rewards: of a click and of a purchase.
        vectors: item vectors of shape (items, dim).
        novel: mask of the novel items, shape (items,).
        users: whether earlier sessions of the users are known; their columns are then in the lists.
    """

    counts: np.ndarray | None = None
    purchases: np.ndarray | None = None
    rewards: Mapping[str, float] | None = None
    vectors: np.ndarray | None = None
    novel: np.ndarray | None = None
    users: bool = True


@dataclass(frozen=True)
class Metric:
    """One metric.

    Args:
        name: in files, studies and claims.
        score: from lists, k and facts to scores, whose form goes by `unit`.
        unit: `event`: one score per row of the lists; `session`: one per session in ascending order of its id;
            `system`: one number for all lists; `turn`: one per dialogue, from the rows of turn k alone.
        description: what it is, in a sentence for the page.
        label: as printed, without the cut-off; the name unless given.
        total: whether scores are added up; otherwise the metric is their mean.
        direction: 1 if more is better, -1 if less is.
        digits: decimals in tables.
        needs: attributes of `Facts` without which there is no such metric.
        filters: whether events can be filtered, as in HR_purchase; `all` if it is computed for every filter that a
            study declares.
        absent: tells from the facts that the metric says nothing here.
        why_absent: the reason, for tables.
        resample: of a metric of the system: values or deviations over draws of sessions, from halves, draws, lists, k
            and facts.
        weigh: of a metric of events: their weights, by which their mean is one, from lists; null for equal ones.

    Raises:
        ValueError: a unit or a direction that there is not, or a metric of the system that cannot be resampled.
    """

    name: str
    score: Callable[[pl.DataFrame, int, Facts], np.ndarray | float]
    unit: str
    description: str
    label: str = ""
    total: bool = False
    direction: int = 1
    digits: int = 4
    needs: tuple[str, ...] = ()
    filters: bool | str = False
    absent: Callable[[Facts], bool] | None = None
    why_absent: str | None = None
    resample: Callable[..., np.ndarray] | None = None
    weigh: Callable[[pl.DataFrame], np.ndarray] | None = None

    def __post_init__(self):
        if self.unit not in UNITS or self.direction not in (1, -1):
            raise ValueError(
                f"{self.name}: unit {self.unit!r} and direction {self.direction!r}; take one of {', '.join(UNITS)} "
                "and 1 or -1."
            )
        if self.unit == SYSTEM and not self.resample:
            raise ValueError(f"{self.name} is of the system; say how it is resampled.")

    def lacks(self, facts: Facts) -> list[str]:
        """List the facts that it needs and does not get."""
        given = {name: getattr(facts, name) for name in self.needs}
        return [name for name, fact in given.items() if fact is None or fact is False]

    def says_nothing(self, facts: Facts) -> bool:
        """Check whether the facts leave it nothing to say."""
        return bool(self.absent and self.absent(facts))


def check_finite(
    scores: np.ndarray | float, name: str, k: int | None, lists: pl.DataFrame | None
) -> None:
    """Stop at a score that is NaN or infinite, and name its event.

    Args:
        scores: of a metric.
        name, k: of the metric; without k at all turns.
        lists: the rows that the scores stand for; None where they are sessions or all lists.
    """
    wrong = np.flatnonzero(~np.isfinite(np.atleast_1d(scores)))
    if not len(wrong):
        return
    found = np.atleast_1d(scores)[wrong[0]]
    event = (
        lists.select(pl.col("^(session|position)$")).row(wrong[0], named=True)
        if lists is not None
        else {}
    )
    where = ", ".join(f"{column} {place}" for column, place in event.items())
    at = f"{name}@{k}" if k is not None else name
    raise NotFinite(f"{at} is {found}{f' at {where}' if where else ''}, {len(wrong)} in all")
