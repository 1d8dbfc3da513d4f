"""Dresses, shirts, T-shirts and tops, seen from the front."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from recloop.data.worlds.boutique_canvas import Canvas, Number, Point, contrast, edge_of, mirrored
from recloop.data.worlds.boutique_patterns import paint

MIDDLE = 50.0
BELTS = ((168, 92, 36), (24, 24, 28), (250, 250, 246))


@dataclass(frozen=True)
class Cut:
    """Measures of a garment: heights from the top of the sheet, widths from its middle."""

    top: Number  # of the shoulders
    armpit: Number
    waist: Number
    hem: Number
    chest: Number  # half widths
    waist_width: Number
    hem_width: Number
    cuff: Number  # height at which a long sleeve ends
    shoulder: Number = 16.0


def draw_dress(canvas: Canvas, seen: Mapping[str, str]) -> None:
    """Draw a dress: sleeves, body with its hem, neckline, belt."""
    hem = {"mini": 62.0, "knee": 77.0, "maxi": 95.0}[seen["length"]]
    flared = seen["shape"] == "flared"
    width = 13.0 + (hem - 40) * 0.42 if flared else 15.0
    cut = Cut(8, 24, 42, hem, 14, 10.5 if flared else 12.5, width, 54, shoulder=14)
    paint(canvas, seen["pattern"])
    _body(canvas, cut, seen["sleeve"])
    _neckline(canvas, cut, seen["neckline"])
    if seen["belt"] == "yes":
        _belt(canvas, cut.waist_width + 1.2)


def _belt(canvas: Canvas, wide: Number) -> None:
    """Put on the belt that stands out most from cloth and pattern."""
    cloth = (canvas.colour, contrast(canvas.colour))
    leather = max(BELTS, key=lambda belt: min(math.dist(belt, colour) for colour in cloth))
    band = [(MIDDLE - wide, 39.5), (MIDDLE + wide, 39.5), (MIDDLE + wide, 45), (MIDDLE - wide, 45)]
    canvas.shape(band, leather, smooth=0)
    canvas.disc((MIDDLE, 42.2), 3.0, (226, 178, 60))


def draw_shirt(canvas: Canvas, seen: Mapping[str, str]) -> None:
    """Draw a shirt: sleeves, body, a row of buttons, collar, pocket."""
    cut = _top_cut(seen["fit"], 84)
    paint(canvas, seen["pattern"], upright=True)
    _body(canvas, cut, seen["sleeve"])
    ink = contrast(canvas.colour)
    edge = edge_of(canvas.colour)
    canvas.line([(MIDDLE + 3, cut.top + 4), (MIDDLE + 3, cut.hem)], edge, 1.2)
    canvas.line([(MIDDLE - 3, cut.top + 4), (MIDDLE - 3, cut.hem)], edge, 1.2)
    for number in range(6):
        canvas.disc((MIDDLE, cut.top + 13 + number * 9.5), 1.5, ink)
    if seen["pocket"] == "yes":
        pocket = [(57, 37), (66, 37), (66, 46), (61.5, 49), (57, 46)]
        canvas.shape(pocket, canvas.colour, smooth=0)
        canvas.line([*pocket, pocket[0]], ink, 1.2)
    _neckline(canvas, cut, "round")
    _collar(canvas, cut, seen["collar"])


def draw_top(canvas: Canvas, seen: Mapping[str, str]) -> None:
    """Draw a T-shirt or a top: sleeves, body, neckline, print."""
    cut = _top_cut(seen["fit"], {"short": 62.0, "long": 86.0}[seen["length"]])
    paint(canvas, seen["pattern"])
    _body(canvas, cut, seen["sleeve"])
    if seen["neckline"] == "polo":
        _neckline(canvas, cut, "round")
        canvas.line([(MIDDLE, cut.top + 5), (MIDDLE, cut.top + 20)], edge_of(canvas.colour), 1.4)
        _collar(canvas, cut, "pointed")
    else:
        _neckline(canvas, cut, seen["neckline"])
    _print(canvas, seen["pattern"], (MIDDLE, 47))


def _top_cut(fit: str, hem: Number) -> Cut:
    slim = fit == "slim"
    chest, waist = (16.0, 12.5) if slim else (20.0, 21.5)
    return Cut(16, 36, 52, hem, chest, waist, waist + (2 if slim else 3), 74, 17 if slim else 19)


def _body(canvas: Canvas, cut: Cut, sleeve: str) -> None:
    shoulder = cut.shoulder if sleeve != "sleeveless" else cut.shoulder - 4
    if sleeve != "sleeveless":
        arm = _sleeve(cut, sleeve)
        canvas.shape(arm, smooth=0)
        canvas.shape(mirrored(arm), smooth=0)
    side = [
        (MIDDLE - 7, cut.top),
        (MIDDLE - shoulder, cut.top + 3),
        (MIDDLE - shoulder + 1, (cut.top + cut.armpit) / 2 + 2),
        (MIDDLE - cut.chest, cut.armpit + 1),
        (MIDDLE - cut.waist_width, cut.waist),
        *[(MIDDLE - cut.hem_width, cut.hem)] * 3,  # said thrice, a corner stays sharp
    ]
    canvas.shape(side + mirrored(side[::-1]), smooth=1)


def _sleeve(cut: Cut, sleeve: str) -> list[Point]:
    """Outline the left sleeve: from the shoulder down to the middle of the arm or to the hand."""
    low = cut.cuff if sleeve == "long" else cut.armpit + 1
    out = 13.0 if sleeve == "long" else 9.0
    wide = 6.5 if sleeve == "long" else 8.5
    start = MIDDLE - cut.shoulder
    return [
        (start + 3, cut.top + 1),
        (start - out * 0.45, cut.top + 8),
        (start - out, low - 2),
        (start - out + wide, low),
        (MIDDLE - cut.chest + 3, cut.armpit + 4),
    ]


def _neckline(canvas: Canvas, cut: Cut, neckline: str) -> None:
    """Cut the opening out and hem it."""
    top, left = cut.top - 1.5, MIDDLE - 8.5
    line = {
        "round": [
            (left, top),
            (left + 1.5, top + 7),
            (MIDDLE, top + 10),
            (98.5 - left, top + 7),
            (100 - left, top),
        ],
        "v": [(left, top), (MIDDLE, top + 19), (100 - left, top)],
        "square": [(left, top), (left + 0.5, top + 11), (99.5 - left, top + 11), (100 - left, top)],
    }[neckline]
    smooth = 2 if neckline == "round" else 0
    opening = [(left, top - 4), *line, (100 - left, top - 4)]
    canvas.cut_out(opening, smooth if neckline == "round" else 0)
    canvas.line(line, edge_of(canvas.colour), 2.0, smooth)


def _collar(canvas: Canvas, cut: Cut, collar: str) -> None:
    top = cut.top
    if collar == "band":
        band = [
            (41, top - 3),
            (45, top + 5),
            (50, top + 7.5),
            (55, top + 5),
            (59, top - 3),
            (60.5, top + 2),
            (56, top + 9),
            (50, top + 12),
            (44, top + 9),
            (39.5, top + 2),
        ]
        canvas.shape(band, canvas.colour, smooth=1)
        return
    flap = [(41, top - 4), (50, top + 7), (44, top + 17), (36, top + 4)]
    canvas.shape(flap, canvas.colour, smooth=0)
    canvas.shape(mirrored(flap), canvas.colour, smooth=0)


def _print(canvas: Canvas, pattern: str, centre: Point) -> None:
    ink = contrast(canvas.colour)
    x, y = centre
    if pattern == "star print":
        turns = [math.pi * (number / 5 - 0.5) for number in range(10)]
        size = [11 if number % 2 == 0 else 4.6 for number in range(10)]
        star = [
            (x + r * math.cos(t), y + r * math.sin(t)) for r, t in zip(size, turns, strict=True)
        ]
        canvas.shape(star, ink, smooth=0)
    if pattern == "heart print":
        turns = [2 * math.pi * number / 28 for number in range(28)]
        heart = [
            (
                x + 0.66 * 16 * math.sin(t) ** 3,
                y
                - 0.66
                * (13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)),
            )
            for t in turns
        ]
        canvas.shape(heart, ink, smooth=0)
