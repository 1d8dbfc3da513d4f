"""`learning`: what episodes brought while an agent learned, over the steps it had taken, a panel per measure.

Keywords: `datasets`, `models`, `measures` (`return`, `length`), perhaps `names` of overrides, as tables have them, and
perhaps `published`: curves of others, each with its `label`, its `steps` and a list for each measure; they are drawn
dashed, and the axis is then logarithmic. A stand-in has other rewards: there they are left out.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import product
from string import ascii_lowercase

import numpy as np
import polars as pl

from recloop.evaluation.results import Quantity
from recloop.report import labels, plots
from recloop.report.evidence import Evidence
from recloop.report.exhibits.curves import HEIGHT
from recloop.report.plots import Drawn, Panel, Plot

NEEDS = ("datasets", "models", "measures")  # keywords
POINTS = 25  # of a curve
FIRST = 0.01  # of the steps: where a curve over a logarithmic axis begins
PUBLISHED = "published"


def make(evidence: Evidence, entry: Mapping, name: str) -> Plot:
    """Show learning curves."""
    return plots.together(evidence, entry, panels(evidence, entry))


def panels(evidence: Evidence, entry: Mapping) -> Iterator[Drawn]:
    """Collect the curves of all runs and those of others, a panel per data set and measure."""
    pairs = product(entry["datasets"], entry["measures"])
    number, records = evidence.study["evaluation"]["recent"], played(evidence)
    for (dataset, measure), letter in zip(pairs, ascii_lowercase, strict=False):
        rows, others = [], published(entry, evidence.stand_in(dataset))
        for model in entry["models"]:
            quantity = Quantity(dataset, model, measure, 0)
            label = labels.called(evidence.study, entry.get("names", {}), model)
            found = plots.about(evidence, letter, quantity, label)
            given = records.get((dataset, model), []), measure, number, bool(others)
            known = [found | point for point in points(*given)]
            rows += known or [found | {"not_run": evidence.why_model(dataset, model)}]
        for curve in others:
            quantity = Quantity(dataset, curve["label"], measure, 0)
            found = plots.about(evidence, letter, quantity, curve["label"]) | {"series": PUBLISHED}
            pairs_ = zip(curve["steps"], curve[measure], strict=True)
            rows += [found | {"place": place, "value": value} for place, value in pairs_]
        title = f"{labels.panel_title(evidence, dataset)}, {measure}"
        yield Panel(letter, title, draw, HEIGHT, (), "steps", measure=measure, beside=True), rows


def published(entry: Mapping, stand_in: str | None) -> list[Mapping]:
    """List the curves of others, which can be compared on the data that they are of alone."""
    return [] if stand_in else entry.get(PUBLISHED, [])


def played(evidence: Evidence) -> dict[tuple[str, str], list[dict]]:
    """Read the records of runs that say how their episodes went, by data set and model."""
    found: dict[tuple[str, str], list[dict]] = {}
    for record in (json.loads(run.read_text()) for run in evidence.runs):
        if record.get("played"):
            found.setdefault((record["dataset"], record["model"]), []).append(record)
    return found


def points(records: list[dict], measure: str, number: int, ratios: bool) -> Iterator[dict]:
    """Average a number of last episodes at each place, by seed.

    The last episode of a seed ends some steps behind that of another one: places are those of the longest.
    """
    most = max((record["played"]["steps"][-1] for record in records), default=0)
    for record in records:
        for place, value in recent(record["played"], measure, spread(most, ratios), number):
            yield {"seed": record["seed"], "place": place, "value": value}


def spread(most: int, ratios: bool) -> np.ndarray:
    """Spread places evenly up to the most steps, or at equal ratios for a logarithmic axis."""
    if ratios:
        return np.geomspace(FIRST * most, most, POINTS)
    return np.linspace(0, most, POINTS + 1)[1:]


def recent(
    episodes: Mapping, measure: str, places: np.ndarray, number: int
) -> list[tuple[float, float]]:
    """Average a number of last episodes at each place; none before the first one is over."""
    steps, values = np.array(episodes["steps"]), np.array(episodes[measure], dtype=float)
    ends = np.searchsorted(steps, places, side="right")
    pairs = zip(places.tolist(), ends.tolist(), strict=True)
    return [
        (place, float(values[max(0, end - number) : end].mean())) for place, end in pairs if end
    ]


def draw(panel: Panel, data: pl.DataFrame, row) -> None:
    """Draw a curve per label, mean and standard deviation over seeds; those of others dashed."""
    from recloop.report import drawing

    (ax,) = row.axes(1, left=0.55, gap=0.0, right=drawing.BESIDE)
    data = data.drop_nulls("value")
    for number, name in enumerate(drawing.names(data)):
        mine = data.filter(label=name)
        place = number % len(drawing.PALETTE)
        others = PUBLISHED in mine["series"]
        style = {"label": drawing.folded(labels.indexed(name)), "linewidth": 1}
        style |= {"linestyle": "--" if others else "-", "markersize": 2, "markeredgewidth": 0}
        drawing.draw_line(ax, mine, drawing.PALETTE[place], drawing.MARKERS[place], **style)
    if PUBLISHED in data["series"]:
        ax.set_xscale("log")
        ax.set_xlabel(panel.axis, labelpad=1)
    else:
        drawing.ticks(ax, panel.axis, data)
    ax.set_ylabel(panel.measure)
    drawing.legend(ax)
