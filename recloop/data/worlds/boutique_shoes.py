"""Shoes, seen from the side with the toe on the left."""

from __future__ import annotations

from collections.abc import Mapping

from recloop.data.worlds.boutique_canvas import Canvas, Colour, Number, Point, contrast, edge_of
from recloop.data.worlds.boutique_patterns import paint
from recloop.data.worlds.boutique_words import COLOURS

GROUND = 80.0
HEELS = {"flat": 3.0, "low": 11.0, "high": 26.0}
METAL = (214, 180, 90)


def draw_shoe(canvas: Canvas, seen: Mapping[str, str]) -> None:
    """Draw heel, sole, upper and fastening."""
    rise = HEELS[seen["heel"]]
    sole = COLOURS[seen["sole"]]
    paint(canvas, seen["pattern"], upright=True)
    _heel(canvas, rise, seen["kind"], sole)
    if seen["kind"] == "sandals":
        _sandal(canvas, rise, seen["fastening"])
    else:
        canvas.shape(_upper(seen["kind"], seen["toe"], rise), smooth=2)
        _fasten(canvas, seen, rise)
    _sole(canvas, rise, seen, sole)


def under(x: Number, rise: Number) -> float:
    """Compute the height of the foot's underside: flat below the toes, then up to the heel."""
    way = min(1.0, max(0.0, (x - 36) / 40))
    return GROUND - 3 - (rise - 3) * way * way * (3 - 2 * way)


def _heel(canvas: Canvas, rise: Number, kind: str, sole: Colour) -> None:
    thin = kind in ("heels", "sandals") and rise > 20
    front, back = (79.0, 82.5) if thin else (71.0, 85.0)
    top = [(70, under(70, rise)), (86, under(86, rise))]
    if rise > 4:
        canvas.shape([top[0], top[1], (back, GROUND), (front, GROUND)], sole, smooth=0)


def _sole(canvas: Canvas, rise: Number, seen: Mapping[str, str], sole: Colour) -> None:
    thick = 7.0 if seen["kind"] == "sneakers" else 3.6
    tip = 7 if seen["toe"] == "pointed" else 12
    steps = [tip, 22, 30, 36, 42, 48, 54, 60, 66, 72, 78, 87]
    upper = [(float(x), under(x, rise) - thick + 3.4) for x in steps]
    lower = [(float(x), under(x, rise) + 3.4) for x in steps]
    canvas.shape([*upper, *lower[::-1]], sole, smooth=1)


def _upper(kind: str, toe: str, rise: Number) -> list[Point]:
    """Outline the part above the sole, from the toe over the top to the heel."""
    u = {x: under(x, rise) for x in (40, 44, 48, 50, 56, 58, 62, 68, 70, 82, 84, 86, 88)}
    ground = GROUND - 2
    tip = [(4.0, ground - 1), (20.0, ground - 8)]
    if toe == "round":
        tip = [(11.0, ground), (10.0, ground - 10), (19.0, ground - 14)]
    base = [(86.0, u[86]), (70.0, u[70]), (56.0, u[56]), (44.0, u[44]), (30.0, ground)]
    if kind == "sneakers":
        top = [(34, ground - 21), (46, u[48] - 36), (54, u[56] - 42), (62, u[62] - 36)]
        return [*tip, *top, (72, u[70] - 31), (84, u[84] - 40), (89, u[88] - 22), *base]
    if kind == "boots":
        top = [(36, ground - 19), (50, u[50] - 30), (53, 30), (53, 8), (53, 8), (87, 8), (87, 8)]
        return [*tip, *top, (86, 30), (83, u[82] - 24), (89, u[88] - 10), *base]
    top = [(36, u[40] - 16), (43, u[44] - 16), (46, u[48] - 14), (58, u[58] - 7)]
    return [*tip, *top, (70, u[70] - 9), (82, u[82] - 24), (87, u[86] - 22), *base]


def _sandal(canvas: Canvas, rise: Number, fastening: str) -> None:
    u = {x: under(x, rise) for x in (40, 52, 60, 82)}
    front = [(15, GROUND - 1), (21, GROUND - 17), (37, GROUND - 21), (42, GROUND - 1)]
    canvas.shape(front, smooth=1)
    middle = [(46, u[52] + 2), (45, u[52] - 24), (59, u[60] - 25), (63, u[60] + 2)]
    canvas.shape(middle, smooth=1)
    if fastening == "buckle":
        back = [(79, u[82]), (80, u[82] - 28), (86, u[82] - 28), (87, u[82])]
        canvas.shape(back, smooth=0)
        _buckle(canvas, u[82] - 26, 56)


def _fasten(canvas: Canvas, seen: Mapping[str, str], rise: Number) -> None:
    kind, fastening = seen["kind"], seen["fastening"]
    ink = contrast(canvas.colour)
    low = under(56, rise)
    if fastening == "buckle":
        _buckle(canvas, under(82, rise) - 24, 50)
    elif fastening == "laces" and kind == "boots":
        _laces(canvas, [(47, low - 16), (55, low - 29), (56, low - 42)], ink)
    elif fastening == "laces":
        _laces(canvas, [(33, low - 16), (41, low - 24), (49, low - 33)], ink)
    elif fastening == "velcro":
        for x, y in ((33, low - 17), (44, low - 28)):
            canvas.shape(
                [(x, y), (x + 7, y - 6), (x + 19, y + 15), (x + 12, y + 19)], ink, smooth=0
            )
    elif fastening == "zip":
        canvas.line([(69, 10), (69, under(69, rise) - 6)], edge_of(canvas.colour), 3.4)
        canvas.line([(69, 10), (69, under(69, rise) - 6)], METAL, 1.8)
        canvas.disc((69, 13), 2.4, METAL)


def _buckle(canvas: Canvas, height: Number, left: Number) -> None:
    """Strap the ankle and put a buckle on it."""
    strap = [(left, height - 4), (88, height - 2), (88, height + 4), (left, height + 2)]
    canvas.shape(strap, smooth=1)
    canvas.disc((left + 12, height - 0.6), 4.4, METAL)
    canvas.disc((left + 12, height - 0.6), 2.0, canvas.colour)


def _laces(canvas: Canvas, eyes: list[Point], ink: Colour) -> None:
    for x, y in eyes:
        canvas.line([(x - 4, y - 3), (x + 9, y + 4)], ink, 2.0)
        canvas.line([(x - 4, y + 4), (x + 9, y - 3)], ink, 2.0)
