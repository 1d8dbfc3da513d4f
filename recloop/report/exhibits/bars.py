"""`bars`: runs side by side for every metric, from zero; a panel per data set.

Keywords: `datasets`, `metrics`, `models` or `simulators`, `measure`, the label of the axis, and `names` of overrides.
"""

from collections.abc import Mapping

import polars as pl

from recloop.report import labels, plots
from recloop.report.evidence import Evidence
from recloop.report.plots import Drawn, Panel, Plot

NEEDS = ("datasets", "metrics")  # keywords
HEIGHT = 1.25  # inches, without the legend
LINE, LETTER, PATCH = (
    0.135,
    0.058,
    0.4,
)  # inches of a line of the legend, of a letter and of a patch with its gaps
ROOM = 2.95  # inches of a line


def make(evidence: Evidence, entry: Mapping, name: str) -> Plot:
    """Show runs side by side."""
    return plots.by_dataset(evidence, entry, panel)


def panel(evidence: Evidence, entry: Mapping, dataset: str, letter: str) -> Drawn:
    """Collect the runs on one data set; those of a sweep are named by its values."""
    study, names = evidence.study, entry.get("names", {})
    places = [(None, user, labels.model(study, user)) for user in entry.get("simulators", [])]
    for model in entry.get("models", []):
        for value, name in evidence.points(model, dataset):
            label = labels.called(study, names, name)
            places.append((None, name, label if value is None else str(value)))
    rows = plots.points(evidence, letter, dataset, entry["metrics"], places)
    title, metrics = labels.panel_title(evidence, dataset), tuple(entry["metrics"])
    measure, lines = entry.get("measure", ""), len(lined([name for *_, name in places]))
    height = HEIGHT + LINE * lines
    return Panel(letter, title, draw, height, metrics, measure=measure), rows


def lined(names: list[str]) -> list[list[str]]:
    """Lay the names of the legend out in lines, of two where any two that meet have room."""
    half = -(-len(names) // 2)
    widest = sum(max(map(len, part), default=0) for part in (names[:half], names[half:]))
    if LETTER * widest + 2 * PATCH > ROOM:
        return [[name] for name in names]
    return [names[place::half] for place in range(half)]


def draw(panel: Panel, data: pl.DataFrame, row) -> None:
    """Draw a group of bars per metric: means, with one standard deviation over seeds; none for what is not there."""
    from recloop.report import drawing

    data = data.drop_nulls("value")
    names = data["label"].unique(maintain_order=True).to_list()
    lines = lined(names)
    above = 0.22 + LINE * len(lines)
    (ax,) = row.axes(1, left=0.62 if panel.measure else 0.42, gap=0.0, below=0.2, above=above)
    axis = [labels.formula(*cell) for cell in data.select("metric", "k").iter_rows()]
    rows = data.with_columns(axis=pl.Series(axis, dtype=pl.String)).to_pandas()
    style = {
        "palette": drawing.PALETTE[: len(names)],
        "errorbar": "sd",
        "err_kws": {"linewidth": 0.8},
    }
    drawing.sns.barplot(rows, x="axis", y="value", hue="label", ax=ax, **style)
    ax.set(xlabel="", ylabel=panel.measure)
    ax.grid(visible=False, axis="x")
    low, high = ax.get_ylim()
    ax.set_ylim(min(low, 0), max(high, 0))
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.3}
    ax.legend(title="", ncols=len(lines[0]), frameon=False, labelspacing=0.25, **place)
