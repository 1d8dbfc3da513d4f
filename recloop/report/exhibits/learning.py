"""`learning`: what episodes brought while an agent learned, over the steps it had taken, a panel per measure.

Keywords: `datasets`, `models`, `measures` (`return`, `length`) and perhaps `published`: curves of others, each with its
`label`, its `steps` and a list for each measure; they are drawn dashed, and the axis is then logarithmic. A stand-in
has other rewards: there they are left out.
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
from recloop.report.exhibits.curves import HEIGHT, LEGEND
from recloop.report.plots import Drawn, Panel, Plot

NEEDS = ("datasets", "models", "measures")  # keywords
POINTS = 25  # of a curve
PUBLISHED = "published"


def make(evidence: Evidence, entry: Mapping, name: str) -> Plot:
    """Show learning curves."""
    return plots.together(evidence, entry, panels(evidence, entry))


def panels(evidence: Evidence, entry: Mapping) -> Iterator[Drawn]:
    """Collect the curves of all runs and those of others, a panel per data set and measure."""
    pairs = product(entry["datasets"], entry["measures"])
    for (dataset, measure), letter in zip(pairs, ascii_lowercase, strict=False):
        rows = []
        for model in entry["models"]:
            quantity = Quantity(dataset, model, measure, 0)
            found = plots.about(evidence, letter, quantity, labels.model(evidence.study, model))
            known = [found | point for point in points(evidence, quantity)]
            rows += known or [found | {"not_run": evidence.why_model(dataset, model)}]
        for curve in published(entry, evidence.stand_in(dataset)):
            quantity = Quantity(dataset, curve["label"], measure, 0)
            found = plots.about(evidence, letter, quantity, curve["label"]) | {"series": PUBLISHED}
            pairs_ = zip(curve["steps"], curve[measure], strict=True)
            rows += [found | {"place": place, "value": value} for place, value in pairs_]
        title = f"{labels.panel_title(evidence, dataset)}, {measure}"
        yield Panel(letter, title, draw, HEIGHT, (), "steps", measure=measure), rows


def published(entry: Mapping, stand_in: str | None) -> list[Mapping]:
    """List the curves of others, which can be compared on the data that they are of alone."""
    return [] if stand_in else entry.get(PUBLISHED, [])


def points(evidence: Evidence, quantity: Quantity) -> Iterator[dict]:
    """Read the played episodes of a model: at each point the mean of the last ones before it, by seed."""
    for run in evidence.runs:
        record = json.loads(run.read_text())
        if (record["dataset"], record["model"]) != (quantity.dataset, quantity.model):
            continue
        for place, value in recent(record.get("played", {}), quantity.metric, evidence.study):
            yield {"seed": record["seed"], "place": place, "value": value}


def recent(played: Mapping, measure: str, study: Mapping) -> list[tuple[float, float]]:
    """Average the last episodes at evenly spread steps."""
    if not played:
        return []
    steps, values = np.array(played["steps"]), np.array(played[measure], dtype=float)
    number = study["evaluation"]["recent"]
    places = np.linspace(0, steps[-1], POINTS + 1)[1:]
    ends = np.searchsorted(steps, places, side="right")
    pairs = zip(places.tolist(), ends.tolist(), strict=True)
    return [
        (place, float(values[max(0, end - number) : end].mean())) for place, end in pairs if end
    ]


def draw(panel: Panel, data: pl.DataFrame, row) -> None:
    """Draw a curve per label, mean and standard deviation over seeds; those of others dashed."""
    from recloop.report import drawing

    (ax,) = row.axes(1, left=0.55, gap=0.0, right=LEGEND)
    data = data.drop_nulls("value")
    for number, name in enumerate(data["label"].unique(maintain_order=True)):
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
    beside = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5), "fontsize": 6}
    ax.legend(frameon=False, borderaxespad=0, handlelength=1.4, **beside)
