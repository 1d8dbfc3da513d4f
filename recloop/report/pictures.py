"""One dialogue with two models side by side: what was shown, liked and said, turn by turn.

The dialogue is picked by a rule, not by eye. Per turn: the K pictures shown, the liked one framed, the target framed
twice when it is there, the critique under them, and the rank of the target among items not shown before.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from textwrap import fill

import numpy as np
import polars as pl

from recloop.data.pictures import Pictures
from recloop.evaluation.results import Quantity, read_lists
from recloop.report import labels
from recloop.report.evidence import Evidence
from recloop.report.panels import Plot

DATA = {
    "panel": pl.String,
    "dataset": pl.String,
    "model": pl.String,
    "dialogue": pl.Int64,
    "turn": pl.Int64,
    "place": pl.Int64,
    "item": pl.Int64,
    "liked": pl.Boolean,
    "target": pl.Boolean,
    "critique": pl.String,
    "rank": pl.Float64,
    "value": pl.Float64,
    "rule": pl.String,
    "not_run": pl.String,
}
SOON = (2, 4)  # ours: an example that fits on a page and is no luck of the first list
WIDTH = 7.0  # inches, both columns of acmart
SIDE, TOP, ROW = 3.4, 1.1, 0.98  # width of a model, height of the head, height of a turn
HIGH, WIDE = 0.6, 0.6  # of a picture
LIKED, TARGET = "#029e73", "#d55e00"  # of seaborn's colour-blind palette


@dataclass(frozen=True)
class Example:
    """A dialogue to draw.

    Attributes:
        names: printed names of the two models.
        turns: the rows of the lists of each model that are drawn.
        target: catalogue item that is looked for.
        history: catalogue items bought before.
        pictures: of the catalogue.
        title, stamp: what stands above and below.
    """

    names: list[str]
    turns: list[list[dict]]
    target: int
    history: list[int]
    pictures: Pictures
    title: str
    stamp: str


def example(evidence: Evidence, entry: Mapping) -> Plot:
    """Draw one test dialogue with the two models of an entry, the proposal second."""
    (dataset,), models = entry["datasets"], entry["models"]
    stamp = labels.stamp(evidence, [dataset])
    seeds = evidence.results.seeds(dataset, models)
    folder = evidence.pictures(dataset)
    if not seeds or not folder:
        reason = missing(evidence, dataset, models) or "its catalogue has no pictures"
        data = pl.DataFrame([{"dataset": dataset, "not_run": reason}], schema=DATA)
        return Plot((), data, stamp, partial(draw_reason, reason, stamp))
    lists = [read_lists(evidence.results.folders[dataset, name][seeds[0]]) for name in models]
    dialogue, rule = choose(*lists)
    turns = [drawn(rows.filter(session=dialogue), entry["turns"]) for rows in lists]
    data = pl.DataFrame(
        [
            row | {"dataset": dataset, "model": name, "dialogue": dialogue, "rule": rule}
            for name, shown in zip(models, turns, strict=True)
            for row in tidy(shown)
        ],
        schema=DATA,
    )
    title = f"{labels.panel_title(evidence, dataset)}: dialogue {dialogue}, {rule}"
    names = [labels.model(evidence.study, name) for name in models]
    past = history(evidence, dataset, dialogue)
    seen = Example(names, turns, turns[0][0]["target"], past, Pictures.open(folder), title, stamp)
    return Plot((), data, stamp, partial(draw, seen))


def missing(evidence: Evidence, dataset: str, models: list[str]) -> str | None:
    """Say why there is no run to draw."""
    reasons = (evidence.why(Quantity(dataset, name, "SR", 1)) for name in models)
    return next(filter(None, reasons), None)


def choose(other: pl.DataFrame, proposal: pl.DataFrame) -> tuple[int, str]:
    """Pick the dialogue by the declared rule, of which it says the part that applied."""
    found = success(other).join(success(proposal), on="session", suffix="_proposal").sort("session")
    soon = pl.col("turn_proposal").is_between(*SOON)
    later = pl.col("turn") > pl.col("turn_proposal")
    rules = {
        "the first in which the proposal needs 2 to 4 turns and the other more": soon & later,
        "the first in which the proposal is faster": later,
        "the first of all, the proposal is never faster": pl.lit(True),
    }
    picked = ((found.filter(mask), rule) for rule, mask in rules.items())
    rows, rule = next((rows, rule) for rows, rule in picked if len(rows))
    return rows["session"][0], rule


def success(lists: pl.DataFrame) -> pl.DataFrame:
    """Give the turn of success of every dialogue, infinity where there is none."""
    turn = pl.col("position").filter(pl.col("solved")).min().cast(pl.Float64)
    return lists.group_by("session").agg(turn=turn.fill_null(np.inf))


def drawn(rows: pl.DataFrame, most: int) -> list[dict]:
    """Give the turns of a dialogue up to its success, at most up to turn `most`."""
    rows = rows.filter(pl.col("position") <= most).sort("position")
    solved = rows["solved"].to_list()
    return rows.head(solved.index(True) + 1 if True in solved else len(solved)).to_dicts()


def tidy(turns: list[dict]) -> list[dict]:
    """Write one row per picture."""
    return [
        {
            "turn": turn["position"],
            "place": place,
            "item": item,
            "liked": item == turn["liked"],
            "target": item == turn["target"],
            "critique": turn["critique"],
            "rank": rank(turn),
        }
        for turn in turns
        for place, item in enumerate(turn["top"], start=1)
    ]


def rank(turn: Mapping) -> float:
    """Rank the target among items not shown before, in the middle of its ties; 1 is first."""
    return turn["better"] + (max(turn["tied"], 1) + 1) / 2


def history(evidence: Evidence, dataset: str, dialogue: int) -> list[int]:
    """Look up what the user of a dialogue bought before."""
    split = evidence.split(dataset)
    if not split:
        return []
    rows = pl.read_parquet(split["folder"] / "dialogues.parquet").filter(dialogue=dialogue)
    return rows["history"][0].to_list() if len(rows) else []


# -- drawing ----------------------------------------------------------------------------------------------------------


def draw(seen: Example):
    """Draw the target, the history and the turns of both models below it."""
    from recloop.report.figures import wrapped

    lines = wrapped(seen.stamp, 190)
    foot = 0.1 + 0.09 * len(lines)
    high = foot + TOP + ROW * max(map(len, seen.turns))
    canvas = Canvas(high)
    canvas.write(0.05, high - 0.12, seen.title, fontsize=7, va="center")
    canvas.write(0.05, high - 0.5, "looked for", fontsize=7, va="center")
    canvas.picture(seen, seen.target, 0.65, high - 0.82, frame=TARGET)
    if seen.history:
        canvas.write(1.6, high - 0.5, "bought before", fontsize=7, va="center")
        for number, item in enumerate(seen.history[-6:]):
            canvas.picture(seen, item, 2.35 + number * (WIDE + 0.06), high - 0.82)
    for number, turns in enumerate(zip_longest(*seen.turns)):
        for side, turn in enumerate(turns):
            if turn:
                canvas.turn(seen, turn, 0.05 + side * (SIDE + 0.1), high - TOP - ROW * number)
    for side, name in enumerate(seen.names):
        style = {"fontsize": 8, "va": "center", "fontweight": "bold"}
        canvas.write(0.05 + side * (SIDE + 0.1), high - TOP + 0.08, labels.indexed(name), **style)
    style = {"fontsize": 5, "color": "0.35", "va": "center", "linespacing": 1.15}
    canvas.write(0.05, foot / 2, "\n".join(lines), **style)
    return canvas.figure


def draw_reason(reason: str, stamp: str):
    """Write why there is nothing to draw."""
    canvas = Canvas(0.6)
    canvas.write(0.05, 0.42, f"not run: {reason}", fontsize=7, va="center", color="0.35")
    canvas.write(0.05, 0.15, stamp, fontsize=5, va="center", color="0.35")
    return canvas.figure


class Canvas:
    """A figure on which everything is placed in inches from the lower left corner.

    Args:
        high: height of the figure.
    """

    def __init__(self, high: float):
        from matplotlib.figure import Figure

        self.figure, self.high = Figure(figsize=(WIDTH, high)), high

    def write(self, x: float, y: float, text: str, **style: object) -> None:
        """Write a text."""
        self.figure.text(x / WIDTH, y / self.high, text, **style)

    def picture(self, seen: Example, item: int, x: float, y: float, frame: str = "0.85") -> None:
        """Put an item's picture with a frame."""
        box = (x / WIDTH, y / self.high, WIDE / WIDTH, HIGH / self.high)
        ax = self.figure.add_axes(box, xticks=[], yticks=[], facecolor="white")
        ax.grid(visible=False)
        pixels = np.asarray(seen.pictures.decoded(item).convert("RGB"))
        ax.imshow(pixels, interpolation="lanczos")
        ax.set_anchor("C")
        for spine in ax.spines.values():
            spine.set(visible=True, color=frame, linewidth=0.5 if frame == "0.85" else 1.8)

    def turn(self, seen: Example, turn: Mapping, x: float, top: float) -> None:
        """Draw one list with what was said about it."""
        place = f"rank {rank(turn):,.0f}" if not turn["solved"] else "shown"
        text = f"turn {turn['position']}\ntarget\n{place}"
        self.write(x, top - 0.32, text, fontsize=6, va="center", linespacing=1.3)
        for number, item in enumerate(turn["top"]):
            liked = LIKED if item == turn["liked"] else "0.85"
            frame = TARGET if item == turn["target"] else liked
            self.picture(seen, item, x + 0.62 + number * (WIDE + 0.08), top - 0.66, frame)
        said = "this is what I was looking for" if turn["solved"] else f"“{turn['critique']}”"
        style = {"fontsize": 6, "va": "top", "style": "italic", "linespacing": 1.1}
        self.write(x + 0.62, top - 0.7, fill(said, 62, max_lines=2), **style)
