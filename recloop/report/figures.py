"""Drawing: one style sheet for all figures, sized for one column of an ACM paper; only here is seaborn imported."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

import matplotlib as mpl

mpl.use("agg")

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recloop.report import labels
from recloop.report.panels import Panel, Plot
from recloop.report.tables import split

WIDTH = 3.33  # inches, one column of acmart
HEIGHTS = {"lines": 1.35, "bars": 1.4, "dots": 1.6, "curves": 1.75}
LEGEND = 1.2  # beside curves
EMPTY = 0.4  # a panel that was not run
LETTER = 0.062  # width of a letter of a tick label
GAIN = 0.25  # height of a row with gains
AROUND = 0.95  # what stands above and below these rows
LONG = 11  # letters of a metric that need a smaller label
TICKS = 10  # places of curves that can all be named
MARKERS = "os^D"
CURVES = ["o", "s", "^", "D", "v", "P", "X", "<", ">", "p"]  # filled, as seaborn asks
PALETTE = sns.color_palette("colorblind")
STYLE = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "axes.linewidth": 0.6,
    "grid.linewidth": 0.4,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "xtick.major.size": 2,
    "ytick.major.size": 2,
    "xtick.major.pad": 2,
    "ytick.major.pad": 2,
    "pdf.fonttype": 42,  # TrueType, as ACM asks
    "svg.hashsalt": "recloop",  # the same identifiers in every run
    "svg.fonttype": "path",
}
# Without dates and versions two runs write the same bytes.
METADATA = {
    "pdf": {"CreationDate": None, "Creator": "recloop", "Producer": "recloop"},
    "svg": {"Date": None, "Creator": "recloop"},
    "png": {"Software": "recloop"},
}


@dataclass(frozen=True)
class Row:
    """A strip of a figure for one panel, measured in inches from the bottom.

    Everything is placed by hand: the last digits of matplotlib's layout solvers differ from run to run.
    """

    figure: Figure
    bottom: float
    height: float

    def axes(
        self,
        count: int,
        left: float,
        gap: float,
        below: float = 0.33,
        right: float = 0.07,
        above: float = 0.22,
    ) -> list[Axes]:
        """Put axes side by side below the title, with room for labels at the left and below."""
        width = (WIDTH - left - right - gap * (count - 1)) / count
        bounds = (self.bottom + below, width, self.height - below - above)
        places = [(left + (width + gap) * number, *bounds) for number in range(count)]
        total = self.figure.get_figheight()
        scale = (WIDTH, total, WIDTH, total)
        parts = [[inch / whole for inch, whole in zip(box, scale, strict=True)] for box in places]
        return [self.figure.add_axes(part) for part in parts]

    def write(self, x: float, above: float, text: str, **style: object) -> None:
        """Write a text at a share of the width and at inches above the bottom of the strip."""
        self.figure.text(x, (self.bottom + above) / self.figure.get_figheight(), text, **style)


def save(plot: Plot, output: Path) -> None:
    """Draw a plot and write it beside its stem as .pdf, .svg, .png (300 dpi) and .csv."""
    output.parent.mkdir(parents=True, exist_ok=True)
    plot.data.write_csv(output.with_name(output.name + ".csv"))
    with sns.axes_style("ticks", {"axes.grid": True, "grid.color": "0.9"}), mpl.rc_context(STYLE):
        figure = plot.drawn() if plot.drawn else draw(plot)
        for ending, metadata in METADATA.items():
            figure.savefig(output.with_name(f"{output.name}.{ending}"), dpi=300, metadata=metadata)


def draw(plot: Plot) -> Figure:
    """Draw the panels one below the other, and the stamp under them."""
    heights = [height(panel, plot) for panel in plot.panels]
    lines = wrapped(plot.stamp)
    foot = 0.09 * len(lines) + 0.06
    figure = Figure(figsize=(WIDTH, sum(heights) + foot))
    for number, panel in enumerate(plot.panels):
        bottom = foot + sum(heights[number + 1 :])
        draw_panel(panel, plot, Row(figure, bottom, heights[number]))
    style = {"fontsize": 5, "color": "0.35", "va": "center", "linespacing": 1.15}
    Row(figure, 0.0, foot).write(0.01, foot / 2, "\n".join(lines), **style)
    return figure


def height(panel: Panel, plot: Plot) -> float:
    """Say how high a panel is, in inches; one that was not run needs a line only."""
    data = plot.data.filter(panel=panel.letter).drop_nulls("value")
    if data.is_empty():
        return EMPTY
    return HEIGHTS.get(panel.kind) or AROUND + GAIN * data["label"].n_unique()


def wrapped(stamp: str, width: int = 92) -> list[str]:
    """Break the stamp into lines between its parts."""
    lines = [""]
    for part in stamp.split("; "):
        joined = f"{lines[-1]}; {part}" if lines[-1] else part
        lines = [*lines[:-1], joined] if len(joined) <= width else [*lines, part]
    return list(filter(None, lines))


def draw_panel(panel: Panel, plot: Plot, row: Row) -> None:
    """Draw one panel with its title."""
    data = plot.data.filter(panel=panel.letter)
    size = 8 if len(panel.title) < 50 else 7
    row.write(0.01, row.height - 0.04, panel.title, fontsize=size, ha="left", va="top")
    if data["value"].drop_nulls().is_empty():
        reason = data["not_run"].drop_nulls()
        text = f"not run: {reason[0]}" if len(reason) else "not run"
        row.write(
            0.5, 0.08, shorten(text, 64, placeholder=" …"), ha="center", color="0.35", fontsize=7
        )
        return
    kinds: dict[str, Callable] = {"lines": draw_lines, "bars": draw_bars, "dots": draw_dots}
    kinds |= {"curves": draw_curves, "gains": draw_gains}
    kinds[panel.kind](panel, data.to_pandas(), row)


def draw_lines(panel: Panel, data: pd.DataFrame, row: Row) -> None:
    """Draw every metric over the swept keyword: mean and standard deviation over seeds."""
    axes = row.axes(len(panel.metrics), left=0.52, gap=0.56)
    for number, (metric, ax) in enumerate(zip(panel.metrics, axes, strict=True)):
        name, k = split(metric)
        mine = data[(data["metric"] == name) & (data["k"] == k)].dropna(subset=["value"])
        style = {"color": PALETTE[number], "marker": MARKERS[number % 4], "errorbar": "sd"}
        if len(mine):
            sns.lineplot(mine, x="place", y="value", ax=ax, err_kws={"linewidth": 0}, **style)
        else:
            ax.text(0.5, 0.5, "no such events", transform=ax.transAxes, ha="center", fontsize=7)
        ax.set(xlabel=panel.axis, ylabel=labels.formula(name, k))
        ax.yaxis.label.set_size(8 if len(metric) < LONG else 6.5)
        ax.locator_params(axis="y", nbins=4)
        ax.xaxis.labelpad = 1
        sns.despine(ax=ax)


def draw_curves(panel: Panel, data: pd.DataFrame, row: Row) -> None:
    """Draw a curve per label with the legend beside it: mean and standard deviation over seeds."""
    (ax,) = row.axes(1, left=0.55, gap=0.0, right=LEGEND)
    data = data.dropna(subset=["value"])
    data = data.assign(label=data["label"].map(labels.indexed).str.replace(", ", ",\n"))
    number = data["label"].nunique()
    style = {"palette": PALETTE[:number], "markers": CURVES[:number], "dashes": False}
    style |= {"errorbar": "sd", "err_kws": {"linewidth": 0, "alpha": 0.15}, "linewidth": 1}
    style |= {"markersize": 3, "markeredgewidth": 0}
    sns.lineplot(data, x="place", y="value", hue="label", style="label", ax=ax, **style)
    ax.set(xlabel=panel.axis, ylabel=panel.measure)
    places = sorted(data["place"].unique())
    if len(places) <= TICKS:
        ax.set_xticks(places)
    else:
        ax.locator_params(axis="x", nbins=4)
    ax.locator_params(axis="y", nbins=5)
    ax.xaxis.labelpad = 1
    place = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5), "fontsize": 6}
    ax.legend(title="", frameon=False, borderaxespad=0, handlelength=1.4, **place)
    sns.despine(ax=ax)


def draw_bars(panel: Panel, data: pd.DataFrame, row: Row) -> None:
    """Draw the runs side by side for every metric, from zero."""
    (ax,) = row.axes(1, left=0.46 if panel.measure else 0.3, gap=0.0, below=0.2)
    cells = zip(data["metric"], data["k"], strict=True)
    data = data.assign(axis=[labels.formula(name, k) for name, k in cells])
    style = {"palette": PALETTE[: data["label"].nunique()], "errorbar": "sd"}
    sns.barplot(data, x="axis", y="value", hue="label", err_kws={"linewidth": 0.8}, ax=ax, **style)
    ax.set(xlabel="", ylabel=panel.measure)
    low, high = ax.get_ylim()
    rows = -(-data["label"].nunique() // 2)  # of the legend, which stands above the bars
    ax.set_ylim(min(low, 0), high * (1 + 0.25 * rows))
    ax.legend(title="", loc="upper center", ncols=2, frameon=False, borderaxespad=0.1)
    sns.despine(ax=ax)


def draw_dots(panel: Panel, data: pd.DataFrame, row: Row) -> None:
    """Draw the runs one below the other, a column per metric, with the baseline as a dashed line."""
    names = data[data["label"] != panel.baseline]["label"]
    axes = row.axes(len(panel.metrics), left=0.1 + LETTER * names.str.len().max(), gap=0.12)
    for number, (metric, ax) in enumerate(zip(panel.metrics, axes, strict=True)):
        name, k = split(metric)
        mine = data[(data["metric"] == name) & (data["k"] == k)]
        style = {"color": PALETTE[number], "markers": MARKERS[number % 4], "linestyle": "none"}
        style |= {"errorbar": "sd", "err_kws": {"linewidth": 1}, "markersize": 3.5}
        sns.pointplot(mine[mine["label"] != panel.baseline], x="value", y="label", ax=ax, **style)
        level = mine[mine["label"] == panel.baseline]["value"].mean()
        ax.axvline(level, color=PALETTE[3], linestyle="--", linewidth=1)
        ax.set(xlabel=labels.formula(name, k), ylabel="")
        ax.margins(x=0.1)
        ax.tick_params(axis="y", labelleft=number == 0)
        ax.locator_params(axis="x", nbins=2)
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:.4g}".removeprefix("0") or "0")
        sns.despine(ax=ax)
    if panel.baseline:
        style = {"color": PALETTE[3], "fontsize": 7, "ha": "right", "va": "top"}
        row.write(0.98, row.height - 0.05, f"– – {panel.baseline}", **style)


def draw_gains(panel: Panel, data: pd.DataFrame, row: Row) -> None:
    """Draw gains over the baseline, a row per label, in it a dot per series with its interval."""
    names, kinds = (list(dict.fromkeys(data[column])) for column in ("label", "series"))
    left = 0.1 + LETTER * max(map(len, names))
    (ax,) = row.axes(1, left=left, gap=0.0, above=0.58)
    for number, kind in enumerate(kinds):
        mine = data[data["series"] == kind].dropna(subset=["value"])
        offset = 0.7 * ((number + 0.5) / len(kinds) - 0.5)
        rows = np.array([names.index(name) for name in mine["label"]]) + offset
        style = {"color": PALETTE[number], "label": kind, "marker": CURVES[number]}
        ax.hlines(rows, mine["low"], mine["high"], color=PALETTE[number], linewidth=0.8)
        ax.plot(mine["value"], rows, linestyle="none", markersize=3, **style)
    ax.axvline(0, color="0.3", linestyle="--", linewidth=0.8)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    text = f"change of {panel.measure} against {panel.baseline}"
    ax.set_xlabel(text, fontsize=7, loc="right")
    ax.locator_params(axis="x", nbins=5)
    ax.xaxis.labelpad = 1
    place = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0), "fontsize": 6, "ncols": 3}
    ax.legend(frameon=False, handletextpad=0.2, columnspacing=0.8, borderaxespad=0.2, **place)
    sns.despine(ax=ax)
