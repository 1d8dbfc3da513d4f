"""`subsets`: runs one below the other, a column per metric, with the `baseline` as a dashed line.

Keywords: `datasets`, `metrics`, `models`, `baseline`, and `names` of overrides.
"""

from collections.abc import Mapping
from dataclasses import replace
from textwrap import wrap

import polars as pl

from recloop.report import labels, plots
from recloop.report.evidence import Evidence
from recloop.report.exhibits import bars
from recloop.report.plots import Drawn, Panel, Plot
from recloop.report.tables import split

NEEDS = ("datasets", "metrics", "models")  # keywords
HEIGHT = 1.6  # inches, the least
LETTER = 0.062  # inches, width of a letter of a tick label
LINE, GAP = 0.115, 0.03  # inches, height of a line of a tick label, and what is between two labels
AXIS = 0.5  # inches, height of what stands above and below the rows
WIDEST = 24  # letters of a line; a longer label has several


def make(evidence: Evidence, entry: Mapping, name: str) -> Plot:
    """Show runs one below the other."""
    return plots.by_dataset(evidence, entry, panel)


def panel(evidence: Evidence, entry: Mapping, dataset: str, letter: str) -> Drawn:
    """Collect the runs on one data set, the baseline last."""
    last = [entry["baseline"]] if "baseline" in entry else []
    runs = dict(entry) | {"models": [*entry["models"], *last]}
    found, rows = bars.panel(evidence, runs, dataset, letter)
    label = labels.model(evidence.study, last[0]) if last else None
    names = {row["label"] for row in rows if row.get("value") is not None} - {label}
    lines = 1 + max((in_lines(name).count("\n") for name in names), default=0)
    height = max(HEIGHT, AXIS + len(names) * (GAP + LINE * lines))
    return replace(found, draw=draw, height=height, baseline=label), rows


def draw(panel: Panel, data: pl.DataFrame, row) -> None:
    """Draw a dot per run with one standard deviation over seeds; runs that are not there have no row."""
    from recloop.report import drawing

    data = data.drop_nulls("value")
    names = data["label"].unique(maintain_order=True).to_list()
    names = [name for name in names if name != panel.baseline]
    widest = min(WIDEST, max(map(len, names)))
    axes = row.axes(len(panel.metrics), left=0.1 + LETTER * widest, gap=0.12)
    for number, (metric, ax) in enumerate(zip(panel.metrics, axes, strict=True)):
        name, k = split(metric)
        mine = data.filter(metric=name, k=k)
        style = {"color": drawing.PALETTE[number], "markers": drawing.MARKERS[number % 4]}
        style |= {"errorbar": "sd", "err_kws": {"linewidth": 1}, "markersize": 3.5}
        style |= {"linestyle": "none", "order": names}
        drawing.sns.pointplot(mine.to_pandas(), x="value", y="label", ax=ax, **style)
        level = mine.filter(label=panel.baseline)["value"].mean() if panel.baseline else None
        if level is not None:
            ax.axvline(level, color=drawing.PALETTE[3], linestyle="--", linewidth=1)
        tidy(ax, names, first=number == 0)
        ax.set(xlabel=labels.formula(name, k), ylabel="")
    if panel.baseline:
        style = {"color": drawing.PALETTE[3], "fontsize": 7, "ha": "right", "va": "top"}
        row.write(0.98, row.height - 0.05, f"– – {panel.baseline}", **style)


def in_lines(name: str) -> str:
    """Break a long label, before what is in brackets at its end if there is such a thing."""
    if len(name) <= WIDEST:
        return name
    head, bracket, tail = name.rpartition(" (")
    parts = [head, bracket.strip() + tail] if head else [tail]
    return "\n".join(line for part in parts for line in wrap(part, WIDEST))


def tidy(ax, names: list[str], first: bool) -> None:
    """Label the rows at the left of the first axes only, and keep numbers short."""
    ax.margins(x=0.1)
    ax.set_yticks(range(len(names)), [in_lines(name) for name in names])
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(visible=False, axis="y")
    ax.tick_params(axis="y", labelleft=first)
    ax.locator_params(axis="x", nbins=2)
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:.4g}".removeprefix("0") or "0")
