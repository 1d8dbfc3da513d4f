"""Stripes, checks, dots and flowers, drawn over the whole sheet; shapes cut out what they need."""

from __future__ import annotations

from PIL import ImageDraw

from recloop.data.worlds.boutique_canvas import UNIT, Canvas, Number, contrast

PERIOD = 11.0  # between two stripes or dots
WHOLE = range(-1, 11)


def paint(canvas: Canvas, pattern: str, upright: bool = False) -> None:
    """Paint a pattern onto a canvas's cloth; solid and printed cloth stays as it is.

    Args:
        canvas: has the cloth.
        pattern: striped, checked, dotted or floral; anything else is solid.
        upright: whether stripes go up and down.
    """
    pen = ImageDraw.Draw(canvas.pattern)
    start = canvas.random.uniform(0, PERIOD)
    if pattern == "striped":
        _stripes(pen, canvas, start, upright, 4.6)
    elif pattern == "checked":
        _stripes(pen, canvas, start, False, 2.6)
        _stripes(pen, canvas, start, True, 2.6)
    elif pattern == "dotted":
        _dots(pen, canvas, start)
    elif pattern == "floral":
        _flowers(pen, canvas, start)


def _stripes(
    pen: ImageDraw.ImageDraw, canvas: Canvas, start: Number, upright: bool, width: Number
) -> None:
    ink = contrast(canvas.colour)
    for number in WHOLE:
        low = start + number * PERIOD
        box = (low, -5, low + width, 105) if upright else (-5, low, 105, low + width)
        pen.rectangle([edge * UNIT for edge in box], fill=ink)


def _dots(pen: ImageDraw.ImageDraw, canvas: Canvas, start: Number) -> None:
    ink = contrast(canvas.colour)
    for row in WHOLE:
        for column in WHOLE:
            x = start + (column + 0.5 * (row % 2)) * PERIOD
            _disc(pen, x, start + row * PERIOD * 0.8, 2.3, ink)


def _flowers(pen: ImageDraw.ImageDraw, canvas: Canvas, start: Number) -> None:
    """Four petals around a middle, on a grid that is shaken."""
    petal = contrast(canvas.colour)
    heart = (240, 180, 40) if petal[0] > 100 else (214, 52, 84)
    shaken = canvas.random.uniform(-2, 2, (len(WHOLE), len(WHOLE), 2))
    for row in WHOLE:
        for column in WHOLE:
            move = shaken[row + 1, column + 1]
            x = start + (column + 0.5 * (row % 2)) * 1.35 * PERIOD + move[0]
            y = start + row * 1.1 * PERIOD + move[1]
            for right, down in ((2.4, 0), (-2.4, 0), (0, 2.4), (0, -2.4)):
                _disc(pen, x + right, y + down, 2.0, petal)
            _disc(pen, x, y, 1.6, heart)


def _disc(
    pen: ImageDraw.ImageDraw, x: Number, y: Number, radius: Number, ink: tuple[int, int, int]
) -> None:
    pen.ellipse(
        [edge * UNIT for edge in (x - radius, y - radius, x + radius, y + radius)], fill=ink
    )
