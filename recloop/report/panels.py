"""What a figure shows, as tidy data and panels; `recloop.report.figures` draws it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from string import ascii_lowercase

import polars as pl

from recloop.evaluation.results import Quantity
from recloop.plan import names as sweeps
from recloop.report import labels
from recloop.report.evidence import Evidence
from recloop.report.tables import split

POINT = {
    **dict.fromkeys(["panel", "dataset", "source", "stand_in", "model", "label"], pl.String),
    "series": pl.String,
    "place": pl.Float64,
    "metric": pl.String,
    "k": pl.Int64,
    "seed": pl.Int64,
    **dict.fromkeys(["value", "low", "high"], pl.Float64),
    "not_run": pl.String,
}


@dataclass(frozen=True)
class Panel:
    """One part of a figure.

    `lines` over a swept keyword, a panel per metric; `curves` of several runs over turns or a keyword; `bars` side by
    side; `dots` one below the other; `gains` of several series over a baseline, with their intervals.
    """

    letter: str
    title: str
    kind: str
    metrics: tuple[str, ...]
    axis: str = ""
    baseline: str | None = None
    measure: str = ""


@dataclass(frozen=True)
class Plot:
    """Panels with their data: one row per run, metric and seed; `drawn` draws what is no panels."""

    panels: tuple[Panel, ...]
    data: pl.DataFrame
    stamp: str
    drawn: Callable | None = None


def sweep(evidence: Evidence, entry: Mapping) -> Plot:
    """Show metrics over a swept keyword, one panel per data set; further `panels` of the entry are bars."""
    letters = iter(ascii_lowercase)
    drawn = [swept(evidence, entry, dataset, next(letters)) for dataset in entry["datasets"]]
    for extra in entry.get("panels", []):
        drawn += [
            compared(evidence, extra, dataset, next(letters), "bars")
            for dataset in extra["datasets"]
        ]
    return together(evidence, entry, drawn)


def subsets(evidence: Evidence, entry: Mapping) -> Plot:
    """Show runs one below the other, a column per metric, with the `baseline` of the entry as a line."""
    letters = iter(ascii_lowercase)
    drawn = [
        compared(evidence, entry, dataset, next(letters), "dots") for dataset in entry["datasets"]
    ]
    return together(evidence, entry, drawn)


def together(evidence: Evidence, entry: Mapping, drawn: list[tuple[Panel, list[dict]]]) -> Plot:
    """Join panels to a plot."""
    data = pl.DataFrame([point for _, points in drawn for point in points], schema=POINT)
    panels = [panel for panel, _ in drawn]
    if len(panels) > 1:
        panels = [replace(panel, title=f"({panel.letter}) {panel.title}") for panel in panels]
    return Plot(tuple(panels), data, labels.stamp(evidence, entry["datasets"]))


def swept(
    evidence: Evidence, entry: Mapping, dataset: str, letter: str
) -> tuple[Panel, list[dict]]:
    """Collect the runs of a sweep on one data set."""
    (model,) = entry["models"]
    places = [(place, name, None) for place, name in evidence.points(model, dataset)]
    title = labels.panel_title(evidence, dataset)
    axis = entry.get("axis") or sweeps.swept(model).replace("_", " ")
    panel = Panel(letter, title, "lines", tuple(entry["metrics"]), axis)
    return panel, points(evidence, letter, dataset, entry["metrics"], places)


def compared(
    evidence: Evidence, entry: Mapping, dataset: str, letter: str, kind: str
) -> tuple[Panel, list[dict]]:
    """Collect runs that stand side by side on one data set."""
    places = []
    for model in entry["models"]:
        for value, name in evidence.points(model, dataset):
            places.append(
                (None, name, labels.model(evidence.study, name) if value is None else str(value))
            )
    baseline = entry.get("baseline")
    if baseline:
        places.append((None, baseline, labels.model(evidence.study, baseline)))
    title = labels.panel_title(evidence, dataset)
    label = labels.model(evidence.study, baseline) if baseline else None
    panel = Panel(letter, title, kind, tuple(entry["metrics"]), baseline=label)
    return panel, points(evidence, letter, dataset, entry["metrics"], places)


def points(
    evidence: Evidence, letter: str, dataset: str, metrics: list[str], places: list[tuple]
) -> list[dict]:
    """Read the values of runs, one row per seed, or one that says why there is none."""
    rows = []
    for place, model, label in places:
        for metric, k in map(split, metrics):
            quantity = Quantity(dataset, model, metric, k)
            found = about(evidence, letter, quantity, label) | {"place": place}
            rows += [found | value for value in valued(evidence, quantity)]
    return rows


def about(evidence: Evidence, letter: str, quantity: Quantity, label: str | None) -> dict:
    """Say where a point stands and on which data it was measured."""
    source, stand_in = evidence.source(quantity.dataset), evidence.stand_in(quantity.dataset)
    place = {"panel": letter, "source": source, "stand_in": stand_in, "label": label}
    return place | quantity._asdict()


def valued(evidence: Evidence, quantity: Quantity) -> list[dict]:
    """Read the value of every seed, or why there is none."""
    saved = evidence.results.saved.get(quantity, {})
    found = [{"seed": seed, "value": value} for seed, value in saved.items()]
    return found or [{"not_run": evidence.why(quantity)}]
