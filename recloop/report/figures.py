"""Drawing: one style sheet for all figures, sized for one column of an ACM paper; only here is seaborn imported."""

from pathlib import Path

import matplotlib as mpl

mpl.use("agg")

import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from recloop.report import labels
from recloop.report.panels import Panel, Plot
from recloop.report.tables import split

WIDTH = 3.33  # inches, one column of acmart
HEIGHTS = {"lines": 1.35, "bars": 1.5, "dots": 1.75}
EMPTY = 0.45
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


def save(plot: Plot, into: Path) -> None:
    """Draw a plot and write it beside its stem as .pdf, .svg, .png (300 dpi) and .csv."""
    into.parent.mkdir(parents=True, exist_ok=True)
    plot.data.write_csv(into.with_name(into.name + ".csv"))
    with sns.axes_style("ticks", {"axes.grid": True, "grid.color": "0.9"}), mpl.rc_context(STYLE):
        figure = draw(plot)
        for ending, metadata in METADATA.items():
            figure.savefig(into.with_name(f"{into.name}.{ending}"), dpi=300, metadata=metadata)


def draw(plot: Plot) -> Figure:
    """Draw the panels one below the other, and the stamp under them."""
    heights = [height(panel, plot) for panel in plot.panels]
    lines = wrapped(plot.stamp)
    foot = 0.09 * len(lines) + 0.06
    figure = Figure(figsize=(WIDTH, sum(heights) + foot), layout="constrained")
    rows = figure.subfigures(len(heights) + 1, 1, squeeze=False, height_ratios=[*heights, foot])[
        :, 0
    ]
    for panel, row in zip(plot.panels, rows, strict=False):
        draw_panel(panel, plot, row)
    rows[-1].text(
        0.01, 0.5, "\n".join(lines), fontsize=5, color="0.35", va="center", linespacing=1.15
    )
    return figure


def height(panel: Panel, plot: Plot) -> float:
    """Say how high a panel is, in inches; one that was not run needs a line only."""
    values = plot.data.filter(panel=panel.letter)["value"]
    return HEIGHTS[panel.kind] if values.drop_nulls().len() else EMPTY


def wrapped(stamp: str, width: int = 96) -> list[str]:
    """Break the stamp into lines between its parts."""
    lines = [""]
    for part in stamp.split("; "):
        joined = f"{lines[-1]}; {part}" if lines[-1] else part
        lines = [*lines[:-1], joined] if len(joined) <= width else [*lines, part]
    return list(filter(None, lines))


def draw_panel(panel: Panel, plot: Plot, row: SubFigure) -> None:
    """Draw one panel with its title."""
    data = plot.data.filter(panel=panel.letter)
    row.suptitle(panel.title, fontsize=8, x=0.01, ha="left")
    if data["value"].drop_nulls().is_empty():
        reason = data["not_run"].drop_nulls()
        row.text(
            0.5,
            0.25,
            f"not run: {reason[0]}" if len(reason) else "not run",
            ha="center",
            color="0.35",
        )
        return
    {"lines": draw_lines, "bars": draw_bars, "dots": draw_dots}[panel.kind](
        panel, data.to_pandas(), row
    )


def draw_lines(panel: Panel, data, row: SubFigure) -> None:
    """Draw every metric over the swept keyword: mean and standard deviation over seeds."""
    axes = row.subplots(1, len(panel.metrics), squeeze=False)[0]
    for number, (metric, ax) in enumerate(zip(panel.metrics, axes, strict=True)):
        name, k = split(metric)
        mine = data[(data["metric"] == name) & (data["k"] == k)]
        style = {"color": PALETTE[number], "marker": "os^D"[number % 4], "errorbar": "sd"}
        sns.lineplot(mine, x="place", y="value", ax=ax, err_kws={"linewidth": 0}, **style)
        ax.set(xlabel=panel.axis, ylabel=labels.formula(name, k))
        ax.locator_params(axis="y", nbins=4)
        finish(ax)


def draw_bars(panel: Panel, data, row: SubFigure) -> None:
    """Draw the runs side by side for every metric, from zero."""
    ax = row.subplots()
    cells = zip(data["metric"], data["k"], strict=True)
    data = data.assign(axis=[labels.formula(name, k) for name, k in cells])
    style = {"palette": PALETTE[: data["label"].nunique()], "errorbar": "sd"}
    sns.barplot(data, x="axis", y="value", hue="label", err_kws={"linewidth": 0.8}, ax=ax, **style)
    ax.set(xlabel="", ylabel="")
    ax.set_ylim(0, ax.get_ylim()[1] * 1.25)
    ax.legend(title="", loc="upper center", ncols=2, frameon=False, borderaxespad=0.1)
    finish(ax)


def draw_dots(panel: Panel, data, row: SubFigure) -> None:
    """Draw the runs one below the other, a column per metric, with the baseline as a dashed line."""
    axes = row.subplots(1, len(panel.metrics), squeeze=False, sharey=True)[0]
    for number, (metric, ax) in enumerate(zip(panel.metrics, axes, strict=True)):
        name, k = split(metric)
        mine = data[(data["metric"] == name) & (data["k"] == k)]
        shown = mine[mine["label"] != panel.baseline]
        style = {"color": PALETTE[number], "markers": "os^D"[number % 4], "linestyle": "none"}
        style |= {"errorbar": "sd", "err_kws": {"linewidth": 1}, "markersize": 3.5}
        sns.pointplot(shown, x="value", y="label", ax=ax, **style)
        level = mine[mine["label"] == panel.baseline]["value"].mean()
        ax.axvline(level, color=PALETTE[3], linestyle="--", linewidth=1)
        ax.set(xlabel=labels.formula(name, k), ylabel="")
        ax.locator_params(axis="x", nbins=2)
        finish(ax)
    if panel.baseline:
        row.text(
            0.99, 0.985, f"– – {panel.baseline}", color=PALETTE[3], fontsize=7, ha="right", va="top"
        )


def finish(ax: Axes) -> None:
    """Take away what is not needed."""
    sns.despine(ax=ax)
