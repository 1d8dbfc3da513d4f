"""What a figure shows, as tidy data and panels; `recloop.report.drawing` draws it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from string import ascii_lowercase

import polars as pl

from recloop.evaluation.results import Quantity
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

    Attributes:
        letter: by which the rows of the data name their panel.
        title: above it.
        draw: draws the panel's rows into a `recloop.report.drawing.Row`.
        height: in inches.
        metrics: in their order, as the study writes them.
        axis: what the horizontal axis shows.
        baseline: printed name of the run that others are compared with.
        measure: what the vertical axis shows.
        beside: whether its labels stand in a legend beside it; the panel is then at least as high.
    """

    letter: str
    title: str
    draw: Callable
    height: float
    metrics: tuple[str, ...]
    axis: str = ""
    baseline: str | None = None
    measure: str = ""
    beside: bool = False


Drawn = tuple[Panel, list[dict]]  # a panel with its rows


@dataclass(frozen=True)
class Plot:
    """Panels with their data: one row per run, metric and seed; `drawn` draws what is no panels."""

    panels: tuple[Panel, ...]
    data: pl.DataFrame
    stamp: str
    drawn: Callable | None = None

    def save(self, output: Path) -> None:
        """Write .pdf, .svg, .png and the data as .csv; `output` is the path without an ending."""
        from recloop.report.drawing import save  # loads matplotlib

        save(self, output)


def together(evidence: Evidence, entry: Mapping, drawn: Iterable[Drawn]) -> Plot:
    """Join panels to a plot."""
    drawn = list(drawn)
    data = pl.DataFrame([point for _, points in drawn for point in points], schema=POINT)
    panels = [panel for panel, _ in drawn]
    if len(panels) > 1:
        panels = [replace(panel, title=f"({panel.letter}) {panel.title}") for panel in panels]
    return Plot(tuple(panels), data, labels.stamp(evidence, entry["datasets"]))


def by_dataset(
    evidence: Evidence, entry: Mapping, panel: Callable[[Evidence, Mapping, str, str], Drawn]
) -> Plot:
    """Join a panel for each data set; `panel` takes evidence, entry, data set and letter."""
    named = zip(entry["datasets"], ascii_lowercase, strict=False)
    return together(evidence, entry, [panel(evidence, entry, *one) for one in named])


def points(
    evidence: Evidence, letter: str, dataset: str, metrics: Iterable[str], places: list[tuple]
) -> list[dict]:
    """Read the values of runs, one row per seed, or one that says why there is none.

    Args:
        evidence: of the exhibit.
        letter: of the panel.
        dataset: of all these runs.
        metrics: as the study writes them, such as `HR@10`.
        places: of every run, its place on the axis, its name and its printed name.
    """
    rows = []
    for place, model, label in places:
        for metric, k in map(split, metrics):
            quantity = Quantity(dataset, model, metric, k)
            found = about(evidence, letter, quantity, label) | {"place": place}
            rows += [found | value for value in values(evidence, quantity)]
    return rows


def about(evidence: Evidence, letter: str, quantity: Quantity, label: str | None) -> dict:
    """Describe where a point stands and on which data it was measured."""
    source, stand_in = evidence.source(quantity.dataset), evidence.stand_in(quantity.dataset)
    place = {"panel": letter, "source": source, "stand_in": stand_in, "label": label}
    return place | quantity._asdict()


def values(evidence: Evidence, quantity: Quantity) -> list[dict]:
    """Read the value of every seed, or why there is none."""
    saved = evidence.results.saved.get(quantity, {})
    found = [{"seed": seed, "value": value} for seed, value in saved.items()]
    return found or [{"not_run": evidence.why(quantity)}]
