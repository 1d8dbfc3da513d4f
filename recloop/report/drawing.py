"""How figures look: one style for all, sized for one column of an ACM paper. Only figures load seaborn.

The palette is safe for the colour-blind; it follows Wong. Points of view: Color blindness. Nature Methods 2011.
"""

from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten, wrap

import matplotlib as mpl

mpl.use("agg")

import numpy as np
import polars as pl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recloop.report import sheet
from recloop.report.labels import indexed
from recloop.report.plots import Panel, Plot

WIDTH = 3.33  # inches, one column of acmart
DPI = 300  # of what is no vector graphic
BELOW, ABOVE = 0.33, 0.22  # inches, of labels below and of the title above the axes
EMPTY = 0.4  # inches, a panel that was not run
BESIDE = 1.2  # inches, for the legend beside curves
LINE, SPACE = 0.1, 0.042  # inches, of a line in it and between two labels
WIDE = 25  # times; on a straight axis the labels of small places would lie on one another
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "<", ">", "p"]
PALETTE = sns.color_palette("colorblind")
INK = "0.15"
STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": INK,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 8,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same bytes on every machine
    "font.size": 8,
    "grid.color": "0.9",
    "grid.linewidth": 0.4,
    "legend.fontsize": 7,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "lines.solid_capstyle": "round",
    "pdf.fonttype": 42,  # TrueType, as ACM asks
    "svg.fonttype": "path",
    "svg.hashsalt": "recloop",  # the same identifiers in every run
    "text.color": INK,
    "xtick.color": INK,
    "xtick.labelsize": 7,
    "xtick.major.pad": 2,
    "xtick.major.size": 2,
    "ytick.color": INK,
    "ytick.labelsize": 7,
    "ytick.major.pad": 2,
    "ytick.major.size": 2,
}
# Without dates and versions two runs write the same bytes.
METADATA = {
    "pdf": {"CreationDate": None, "Creator": "recloop", "Producer": "recloop"},
    "svg": {"Date": None, "Creator": "recloop"},
    "png": {"Software": "recloop"},
}


@dataclass(frozen=True)
class Row:
    """A horizontal band of a figure for one panel, measured in inches from the bottom.

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
        below: float = BELOW,
        right: float = 0.07,
        above: float = ABOVE,
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
        """Write a text at a share of the width and at inches above the bottom of the band."""
        self.figure.text(x, (self.bottom + above) / self.figure.get_figheight(), text, **style)


def save(plot: Plot, output: Path) -> None:
    """Draw a plot and write it as .pdf, .svg, .png (`DPI`) and .csv beside `output`, a path without an ending."""
    output.parent.mkdir(parents=True, exist_ok=True)
    sheet.write(plot.data, output.with_name(output.name + ".csv"))
    with sns.axes_style("ticks"), mpl.rc_context(STYLE):
        figure = plot.drawn() if plot.drawn else draw(plot)
        for ending, metadata in METADATA.items():
            figure.savefig(output.with_name(f"{output.name}.{ending}"), dpi=DPI, metadata=metadata)


def draw(plot: Plot) -> Figure:
    """Draw the panels one below the other, and the stamp under them."""
    rows = [plot.data.filter(panel=panel.letter) for panel in plot.panels]
    heights = [height(panel, data) for panel, data in zip(plot.panels, rows, strict=True)]
    lines = wrapped(plot.stamp)
    foot = 0.09 * len(lines) + 0.06
    figure = Figure(figsize=(WIDTH, sum(heights) + foot))
    for number, (panel, data) in enumerate(zip(plot.panels, rows, strict=True)):
        bottom = foot + sum(heights[number + 1 :])
        draw_panel(panel, data, Row(figure, bottom, heights[number]))
    style = {"fontsize": 5, "color": "0.35", "va": "center", "linespacing": 1.15}
    Row(figure, 0.0, foot).write(0.01, foot / 2, "\n".join(lines), **style)
    return figure


def height(panel: Panel, data: pl.DataFrame) -> float:
    """Measure a panel in inches; one that was not run needs a line only."""
    if not data["value"].count():
        return EMPTY
    return max(panel.height, room(names(data)) if panel.beside else 0.0)


def names(data: pl.DataFrame) -> list[str]:
    """List what has values, in the order of the rows."""
    return data.drop_nulls("value")["label"].drop_nulls().unique(maintain_order=True).to_list()


def room(labels: list[str]) -> float:
    """Measure a panel that is as high as the legend beside it, which stands in the middle of the axes."""
    lines = sum(len(folded(indexed(label)).splitlines()) for label in labels)
    return lines * LINE + (len(labels) - 1) * SPACE + abs(BELOW - ABOVE) + SPACE


def legend(ax: Axes) -> None:
    """Put the legend beside the curves."""
    place = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5), "fontsize": 6}
    ax.legend(frameon=False, borderaxespad=0, handlelength=1.4, **place)


def folded(name: str, width: int = 20) -> str:
    """Break the name of a curve at its commas, and where a part is wider than the room beside the curves."""
    parts = name.split(", ")
    kept = [part + "," for part in parts[:-1]] + parts[-1:]
    return "\n".join(line for part in kept for line in wrap(part, width))


def wrapped(stamp: str, width: int = 92) -> list[str]:
    """Break the stamp into lines between its parts, and a part that is too long for one between its words."""
    lines, parts = [""], [line for part in stamp.split("; ") for line in wrap(part, width)]
    for part in parts:
        joined = f"{lines[-1]}; {part}" if lines[-1] else part
        lines = [*lines[:-1], joined] if len(joined) <= width else [*lines, part]
    return list(filter(None, lines))


def draw_panel(panel: Panel, data: pl.DataFrame, row: Row) -> None:
    """Draw one panel with its title, or the reason why there is nothing to draw."""
    size = 8 if len(panel.title) < 50 else 7
    row.write(0.01, row.height - 0.04, panel.title, fontsize=size, ha="left", va="top")
    if data["value"].count():
        return panel.draw(panel, data, row)
    reason = data["not_run"].drop_nulls()
    text = f"not run: {reason[0]}" if len(reason) else "not run"
    style = {"ha": "center", "color": "0.35", "fontsize": 7}
    return row.write(0.5, 0.08, shorten(text, 64, placeholder=" …"), **style)


def draw_line(ax: Axes, data: pl.DataFrame, color: tuple, marker: str, **style: object) -> None:
    """Draw means over `place` with a band of one standard deviation over seeds."""
    band = {"alpha": style.pop("band", 0.2), "linewidth": 0}
    given = {"color": color, "marker": marker, "errorbar": "sd", "err_kws": band} | style
    sns.lineplot(data.select("place", "value").to_pandas(), x="place", y="value", ax=ax, **given)


def ticks(ax: Axes, axis: str, data: pl.DataFrame, most: int = 24) -> None:
    """Label every place of the data on the horizontal axis where they are few, of `most` letters together.

    Places whose greatest is `WIDE` times the least stand at equal ratios, 0 half a power of ten below the first.
    """
    places = data["place"].unique().sort().to_list()
    first = next((place for place in places if place > 0), 1.0)
    if sum(len(f"{place:g}") for place in places) > most:
        ax.locator_params(axis="x", nbins=4)
    elif places[0] >= 0 and places[-1] / first >= WIDE:
        ax.set_xscale("symlog", linthresh=first, linscale=0.5)
        ways = ax.xaxis.get_transform()
        at = ways.transform(np.array(places, dtype=float))
        ends = at[[0, -1]] + 0.06 * np.ptp(at) * np.array([-1, 1])
        ax.set_xlim(ways.inverted().transform(ends))
        ax.set_xticks(places, with_room(places, at / np.ptp(at), most))
        ax.set_xticks([], minor=True)
    else:
        at = np.array(places, dtype=float)
        ax.set_xticks(places, with_room(places, at / (np.ptp(at) or 1.0), most))
    ax.set_xlabel(axis, labelpad=1)


def with_room(places: list[float], at: np.ndarray, most: int) -> list[str]:
    """Write each place that has room beside those behind it.

    Args:
        places: in order.
        at: where they lie, in shares of the axis.
        most: letters that fill two thirds of it.
    """
    texts, right = [], np.inf
    for place, middle in zip(reversed(places), at[::-1], strict=True):
        half = (len(f"{place:g}") + 1) / (3 * most)
        fits = middle + half <= right
        texts.append(f"{place:g}" if fits else "")
        right = middle - half if fits else right
    return texts[::-1]


def offsets(count: int, width: float) -> np.ndarray:
    """Spread marks or bars of one place evenly over a width, centred on 0."""
    return width * ((np.arange(count) + 0.5) / count - 0.5)
