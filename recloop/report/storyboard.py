"""One dialogue as pictures: what was looked for and bought before, and the turns of two models side by side.

Per turn: the pictures shown, the liked one framed, the target framed twice when it is there, the critique under them,
and the rank of the target among items not shown before.
"""

from collections.abc import Mapping
from itertools import zip_longest
from textwrap import fill

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from recloop.data.pictures import Pictures
from recloop.report import labels
from recloop.report.drawing import wrapped

WIDTH = 7.0  # inches, both columns of acmart
COLUMN, TOP, ROW = 3.4, 1.1, 0.98  # width of a model, height of the head, height of a turn
SIZE = 0.6  # of a picture
PIXELS = 180  # of a picture: its size at 300 dpi
PLAIN, LIKED, TARGET = "0.85", "#029e73", "#d55e00"


def draw(
    names: list[str],
    turns: list[list[dict]],
    target: int,
    history: list[int],
    pictures: Pictures,
    title: str,
    stamp: str,
) -> Figure:
    """Draw the target, the history and the turns of both models below it.

    Args:
        names: printed names of the two models.
        turns: the rows of the lists of each model that are drawn, each with the `rank` of the target.
        target: catalogue item that is looked for.
        history: catalogue items bought before.
        pictures: of the catalogue.
        title: above.
        stamp: below.
    """
    lines = wrapped(stamp, 190)
    foot = 0.1 + 0.09 * len(lines)
    high = foot + TOP + ROW * max(map(len, turns))
    canvas = Canvas(high, pictures)
    canvas.write(0.05, high - 0.12, title, fontsize=7, va="center")
    canvas.write(0.05, high - 0.5, "looked for", fontsize=7, va="center")
    canvas.picture(target, 0.65, high - 0.82, frame=TARGET)
    if history:
        canvas.write(1.6, high - 0.5, "bought before", fontsize=7, va="center")
        for number, item in enumerate(history[-6:]):
            canvas.picture(item, 2.35 + number * (SIZE + 0.06), high - 0.82)
    for number, row in enumerate(zip_longest(*turns)):
        for column, turn in enumerate(row):
            if turn:
                canvas.turn(turn, 0.05 + column * (COLUMN + 0.1), high - TOP - ROW * number)
    for column, name in enumerate(names):
        style = {"fontsize": 8, "va": "center", "fontweight": "bold"}
        place = 0.05 + column * (COLUMN + 0.1)
        canvas.write(place, high - TOP + 0.08, labels.indexed(name), **style)
    style = {"fontsize": 5, "color": "0.35", "va": "center", "linespacing": 1.15}
    canvas.write(0.05, foot / 2, "\n".join(lines), **style)
    return canvas.figure


def draw_reason(reason: str, stamp: str) -> Figure:
    """Write why there is nothing to draw."""
    canvas = Canvas(0.6)
    canvas.write(0.05, 0.42, f"not run: {reason}", fontsize=7, va="center", color="0.35")
    canvas.write(0.05, 0.15, stamp, fontsize=5, va="center", color="0.35")
    return canvas.figure


class Canvas:
    """A figure on which everything is placed in inches from the lower left corner.

    Args:
        high: height of the figure.
        pictures: of the catalogue, where items are drawn.
    """

    def __init__(self, high: float, pictures: Pictures | None = None):
        self.figure, self.high, self.pictures = Figure(figsize=(WIDTH, high)), high, pictures

    def write(self, x: float, y: float, text: str, **style: object) -> None:
        """Write a text."""
        self.figure.text(x / WIDTH, y / self.high, text, **style)

    def picture(self, item: int, x: float, y: float, frame: str = PLAIN) -> None:
        """Put an item's picture with a frame."""
        box = (x / WIDTH, y / self.high, SIZE / WIDTH, SIZE / self.high)
        ax = self.figure.add_axes(box, xticks=[], yticks=[], facecolor="white")
        ax.grid(visible=False)
        ax.imshow(self.pixels(item), interpolation="none")
        ax.set_anchor("C")
        for spine in ax.spines.values():
            spine.set(visible=True, color=frame, linewidth=0.5 if frame == PLAIN else 1.8)

    def pixels(self, item: int) -> np.ndarray:
        """Decode an item's picture and scale it once, so that no file format has to: height, width, RGB."""
        image = self.pictures.decoded(item).convert("RGB")
        scale = PIXELS / max(image.size)
        size = [max(1, round(length * scale)) for length in image.size]
        return np.asarray(image.resize(size, Image.Resampling.LANCZOS))

    def turn(self, turn: Mapping, x: float, top: float) -> None:
        """Draw one list with the answer to it."""
        place = f"rank {turn['rank']:,.0f}" if not turn["solved"] else "shown"
        text = f"turn {turn['position']}\ntarget\n{place}"
        self.write(x, top - 0.32, text, fontsize=6, va="center", linespacing=1.3)
        for number, item in enumerate(turn["top"]):
            liked = LIKED if item == turn["liked"] else PLAIN
            frame = TARGET if item == turn["target"] else liked
            self.picture(item, x + 0.62 + number * (SIZE + 0.08), top - 0.66, frame)
        answer = "this is what I was looking for" if turn["solved"] else f"“{turn['critique']}”"
        style = {"fontsize": 6, "va": "top", "style": "italic", "linespacing": 1.1}
        self.write(x + 0.62, top - 0.7, fill(answer, 62, max_lines=2), **style)
