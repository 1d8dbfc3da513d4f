"""`bars`: runs side by side for every metric, from zero; a panel per data set.

Keywords: `datasets`, `metrics`, `models` or `simulators`, `measure`, the label of the axis, and `names` of overrides.
"""

from collections.abc import Mapping

import polars as pl

from recloop.report import labels, plots
from recloop.report.evidence import Evidence
from recloop.report.plots import Drawn, Panel, Plot

NEEDS = ("datasets", "metrics")  # keywords
HEIGHT = 1.4  # inches


def make(evidence: Evidence, entry: Mapping, name: str) -> Plot:
    """Show runs side by side."""
    return plots.by_dataset(evidence, entry, panel)


def panel(evidence: Evidence, entry: Mapping, dataset: str, letter: str) -> Drawn:
    """Collect the runs on one data set; those of a sweep are named by its values."""
    study, names = evidence.study, entry.get("names", {})
    places = [(None, user, labels.model(study, user)) for user in entry.get("simulators", [])]
    for model in entry.get("models", []):
        for value, name in evidence.points(model, dataset):
            label = labels.variant(study, names, name) or labels.model(study, name)
            places.append((None, name, label if value is None else str(value)))
    rows = plots.points(evidence, letter, dataset, entry["metrics"], places)
    title, metrics = labels.panel_title(evidence, dataset), tuple(entry["metrics"])
    measure = entry.get("measure", "")
    return Panel(letter, title, draw, HEIGHT, metrics, measure=measure), rows


def draw(panel: Panel, data: pl.DataFrame, row) -> None:
    """Draw a group of bars per metric: means, with one standard deviation over seeds."""
    from recloop.report import drawing

    (ax,) = row.axes(1, left=0.58 if panel.measure else 0.3, gap=0.0, below=0.2)
    names = data["label"].n_unique()
    axis = [labels.formula(*cell) for cell in data.select("metric", "k").iter_rows()]
    rows = data.with_columns(axis=pl.Series(axis, dtype=pl.String)).to_pandas()
    style = {"palette": drawing.PALETTE[:names], "errorbar": "sd", "err_kws": {"linewidth": 0.8}}
    drawing.sns.barplot(rows, x="axis", y="value", hue="label", ax=ax, **style)
    ax.set(xlabel="", ylabel=panel.measure)
    ax.grid(visible=False, axis="x")
    low, high = min(ax.get_ylim()[0], 0), max(ax.get_ylim()[1], 0)
    lines = -(-names // 2)  # of the legend, which stands above the bars
    ax.set_ylim(low, high + 0.25 * lines * (high - low))
    ax.legend(title="", loc="upper center", ncols=2, frameon=False, borderaxespad=0.1)
