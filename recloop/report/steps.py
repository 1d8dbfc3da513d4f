"""The graph of all work as a figure: what is made of each kind, row by row from raw files to pages."""

from collections.abc import Mapping

import polars as pl

from recloop.report.plots import Plot

STEP = {"kind": pl.String, "count": pl.Int64, "made_from": pl.String}
HEAD = ("made", "how many", "of")
EDGE = 0.22  # of a row: half the height of a box
BEND = 0.35  # of an arrow that is not straight, as a share of its length
CENTRE = 0.5
NEAR = 0.01  # of the width: boxes that stand one below the other
TEXT = (
    "Each step with how many are made. Of the figure's arrows those that follow from others are left out; a dashed one "
    "leads back from trained weights to data that they make."
)


def rows(steps: Mapping[str, Mapping]) -> list[list[str]]:
    """Write the graph as a table."""
    return [
        [named(kind), f"{step['count']:,}", ", ".join(map(named, step["made_from"])) or "–"]
        for kind, step in steps.items()
    ]


def plot(steps: Mapping[str, Mapping]) -> Plot:
    """Make the figure, with a row of data per kind.

    Args:
        steps: see `recloop.plan.exhibits.steps`.
    """
    found = [
        {"kind": kind, "count": step["count"], "made_from": " ".join(step["made_from"])}
        for kind, step in steps.items()
    ]
    return Plot((), pl.DataFrame(found, schema=STEP), "", lambda: draw(steps))


def named(kind: str) -> str:
    """Write the name of a kind."""
    return kind.replace("_", " ")


def layers(steps: Mapping[str, Mapping]) -> dict[str, int]:
    """Put every kind below all that it is made of, as far as that stands before it."""
    found: dict[str, int] = {}
    for kind, step in steps.items():
        found[kind] = 1 + max((found[one] for one in step["made_from"] if one in found), default=-1)
    return found


def arrows(steps: Mapping[str, Mapping]) -> list[tuple[str, str]]:
    """List what leads from kind to kind, without what other arrows say already."""
    behind: dict[str, set[str]] = {}
    found = []
    for kind, step in steps.items():
        before = [one for one in step["made_from"] if one in behind]
        implied = {one for other in before for one in behind[other]}
        behind[kind] = {*before, *implied}
        found += [(one, kind) for one in step["made_from"] if one not in implied]
    return found


def placed(steps: Mapping[str, Mapping]) -> dict[str, tuple[float, float]]:
    """Place the boxes: a layer a row, and in it what is made of things at the left stands at the left."""
    depth = layers(steps)
    found: dict[str, tuple[float, float]] = {}
    for layer in range(max(depth.values()) + 1):
        row = [kind for kind in steps if depth[kind] == layer]
        above = {
            kind: [found[one][0] for one in steps[kind]["made_from"] if one in found]
            for kind in row
        }
        row.sort(key=lambda kind: sum(above[kind]) / max(len(above[kind]), 1))
        found |= {kind: ((number + 0.5) / len(row), -layer) for number, kind in enumerate(row)}
    return found


def draw(steps: Mapping[str, Mapping]):
    """Draw a box for every kind and an arrow for everything that is made of another."""
    from matplotlib.figure import Figure

    from recloop.report.drawing import INK, WIDTH

    places = placed(steps)
    number = 1 - min(y for _, y in places.values())
    figure = Figure(figsize=(2 * WIDTH, 0.55 * number))
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, 1), ylim=(0.5 - number, 0.5))
    ax.set_axis_off()
    for source, made in arrows(steps):
        (x, y), (to_x, to_y) = places[source], places[made]
        way = {"arrowstyle": "-|>", "color": "0.55", "linewidth": 0.6, "shrinkA": 0, "shrinkB": 0}
        if y < to_y:
            way |= {"linestyle": "--", "connectionstyle": f"arc3,rad={BEND}"}
        elif abs(x - to_x) < NEAR and y - to_y > 1:
            # Outwards around the boxes between, behind which a straight one would run.
            way |= {"connectionstyle": f"arc3,rad={-BEND if x > CENTRE else BEND}"}
        half = EDGE if y > to_y else -EDGE
        ax.annotate("", (to_x, to_y + half), (x, y - half), arrowprops=way)
    for kind, (x, y) in places.items():
        box = {
            "boxstyle": "round,pad=0.35",
            "facecolor": "white",
            "edgecolor": INK,
            "linewidth": 0.6,
        }
        text = f"{named(kind)}\n{steps[kind]['count']:,}"
        ax.text(x, y, text, fontsize=6, ha="center", va="center", linespacing=1.1, bbox=box)
    return figure
