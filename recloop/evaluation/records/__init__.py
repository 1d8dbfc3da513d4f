"""All metrics, one record each, by kind. To add one, write its function and its record; nothing else names metrics.

Evaluation, intervals, tables and claims go by the record; its fields are explained in `recloop.evaluation.metric`.
"""

from collections.abc import Iterable

from recloop.evaluation import filters
from recloop.evaluation.metric import TURN, Metric
from recloop.evaluation.records import (
    answers,
    dialogues,
    efficiency,
    episodes,
    judged,
    lists,
    texts,
    visits,
)
from recloop.storage.settings import nearest

KINDS = (lists, dialogues, episodes, efficiency, judged, texts, visits, answers)

METRICS: dict[str, Metric] = {}


class UnknownMetric(ValueError):
    """A name without a record."""


def register(*metrics: Metric) -> None:
    """Add metrics to those that are known.

    Raises:
        ValueError: a name that is taken.
    """
    for metric in metrics:
        if metric.name in METRICS:
            raise ValueError(f"There is a metric {metric.name} already.")
        METRICS[metric.name] = metric


for kind in KINDS:
    register(*kind.RECORDS)


def find(name: str) -> tuple[Metric, tuple[str, ...]]:
    """Look a metric up: `HR_purchase_new` is HR with two filters, `SR_cold` is SR for one group of users.

    Raises:
        ValueError: a filter that is not known.
        UnknownMetric: no such metric.
    """
    if name in METRICS:
        return METRICS[name], ()
    base, _, rest = name.partition("_")
    metric = METRICS.get(base)
    if metric and metric.unit == TURN:
        return metric, (rest,)
    if not metric or not metric.filters:
        raise UnknownMetric(f"No metric '{name}'{nearest(base, METRICS)}.")
    return metric, filters.check(name, tuple(rest.split("_")))


def describe(names: Iterable[str]) -> dict[str, str]:
    """Describe the metrics behind some names, each once by its label; measures without a record are left out."""
    found = [record(name) for name in names]
    return {metric.label or metric.name: metric.description for metric in found if metric}


def record(name: str) -> Metric | None:
    """Look up the record of a metric; None for a measure that has none, such as those of simulated users."""
    try:
        return find(name)[0]
    except UnknownMetric:
        return None


def direction(name: str) -> int:
    """Return 1 where a higher value is better, -1 where a lower one is; 1 where there is no record."""
    metric = record(name)
    return metric.direction if metric else 1


def needs(name: str) -> tuple[str, ...]:
    """List the facts that a metric and its filters need."""
    metric = record(name)
    if not metric:
        return ()
    counted = metric.filters and not set(filters.COUNTED).isdisjoint(find(name)[1])
    return metric.needs + (("counts",) if counted else ())


def why_absent(name: str) -> str | None:
    """Explain why a metric was asked for and not computed, as far as its record or its filters know."""
    metric = record(name)
    if not metric:
        return None
    return metric.why_absent or (filters.why_absent(find(name)[1]) if metric.filters else None)
