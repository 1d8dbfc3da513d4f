"""`sweep`: metrics over the values of a swept keyword, a line per metric, a panel per data set.

Keywords: `datasets`, `metrics`, `models` (one, with braces) and `axis`, the name of the keyword in print. `panels` have
`models` of their own and may have the others; one whose models sweep nothing is drawn as bars.
"""

from collections.abc import Mapping
from string import ascii_lowercase

import polars as pl

from recloop.plan.names import swept
from recloop.report import labels, plots
from recloop.report.evidence import Evidence
from recloop.report.exhibits import bars
from recloop.report.plots import Drawn, Panel, Plot
from recloop.report.tables import split

NEEDS = ("datasets",)  # keywords
HEIGHT = 1.35  # inches
LONG = 11  # letters of a metric that need a smaller label
MOST = 14  # letters of values below the axes of one metric


def make(evidence: Evidence, entry: Mapping, name: str) -> Plot:
    """Show metrics over a swept keyword."""
    shared = {"metrics": entry["metrics"]} if "metrics" in entry else {}
    parts = [entry] * ("models" in entry) + [shared | one for one in entry.get("panels", [])]
    letters = iter(ascii_lowercase)
    drawn = [
        (panel if swept(part["models"][0]) else bars.panel)(evidence, part, dataset, next(letters))
        for part in parts
        for dataset in part.get("datasets", entry["datasets"])
    ]
    return plots.together(evidence, entry, drawn)


def panel(evidence: Evidence, entry: Mapping, dataset: str, letter: str) -> Drawn:
    """Collect the runs of a sweep on one data set."""
    (model,) = entry["models"]
    places = [(place, name, None) for place, name in evidence.points(model, dataset)]
    axis = entry.get("axis") or swept(model).replace("_", " ")
    title, metrics = labels.panel_title(evidence, dataset), tuple(entry["metrics"])
    rows = plots.points(evidence, letter, dataset, metrics, places)
    absent = [row for row in rows if row.get("not_run")]
    if absent and len({row["place"] for row in rows if "value" in row}) == 1:
        rows = absent  # one value alone is no sweep
    return Panel(letter, title, draw, HEIGHT, metrics, axis), rows


def draw(panel: Panel, data: pl.DataFrame, row) -> None:
    """Draw every metric on axes of its own: mean and standard deviation over seeds."""
    from recloop.report import drawing

    axes = row.axes(len(panel.metrics), left=0.58, gap=0.62)
    for number, (metric, ax) in enumerate(zip(panel.metrics, axes, strict=True)):
        name, k = split(metric)
        mine = data.filter(metric=name, k=k).drop_nulls("value")
        if len(mine):
            drawing.draw_line(ax, mine, drawing.PALETTE[number], drawing.MARKERS[number % 4])
            drawing.ticks(ax, panel.axis, mine, MOST)
        else:
            ax.text(0.5, 0.5, "no such events", transform=ax.transAxes, ha="center", fontsize=7)
        ax.set_ylabel(labels.formula(name, k), size=8 if len(metric) < LONG else 6.5)
        ax.set_xlabel(panel.axis, labelpad=1)
        ax.locator_params(axis="y", nbins=4)
