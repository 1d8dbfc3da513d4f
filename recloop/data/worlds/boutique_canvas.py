"""A sheet of paper for products: smooth shapes, patterns cut out by them, and a pose that is never twice the same.

Coordinates go from 0 to 100, right and down. Shapes are drawn four times too large and averaged: edges are soft.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

SIDE = 64  # pixels of the finished picture
OVER = 4  # pixels drawn for one in each direction
UNIT = SIDE * OVER / 100
EDGE = 0.62  # brightness of an outline

Number = int | float
Point = tuple[Number, Number]
Points = Sequence[Point]
Colour = tuple[int, int, int]


class Canvas:
    """Draws one product.

    Args:
        random: of the pose, the shade and the place of a pattern.
        colour: of the product, before its shade is drawn.
    """

    def __init__(self, random: np.random.Generator, colour: Colour):
        self.random = random
        self.colour = shaded(colour, random)
        self.paper = (255 - int(random.integers(0, 12)),) * 3
        self.picture = Image.new("RGB", (SIDE * OVER, SIDE * OVER), self.paper)
        self.pen = ImageDraw.Draw(self.picture)
        self.pattern = Image.new("RGB", self.picture.size, self.colour)
        self.pose = _pose(random)

    def shape(self, points: Points, colour: Colour | None = None, smooth: int = 2) -> None:
        """Fill a closed shape with a colour, or with the product's pattern, and outline it."""
        corners = self._placed(rounded(points, smooth))
        if colour is None:
            mask = Image.new("L", self.picture.size)
            ImageDraw.Draw(mask).polygon(corners, fill=255)
            self.picture.paste(self.pattern, mask=mask)
        else:
            self.pen.polygon(corners, fill=colour)
        edge = edge_of(colour or self.colour)
        self.pen.line([*corners, *corners[:2]], fill=edge, width=_wide(1.3), joint="curve")

    def cut_out(self, points: Points, smooth: int = 0) -> None:
        """Show the paper again."""
        self.pen.polygon(self._placed(rounded(points, smooth)), fill=self.paper)

    def line(self, points: Points, colour: Colour, width: Number = 1.5, smooth: int = 0) -> None:
        """Draw an open line."""
        curve = rounded(points, smooth, closed=False)
        self.pen.line(self._placed(curve), fill=colour, width=_wide(width), joint="curve")

    def disc(self, centre: Point, radius: Number, colour: Colour) -> None:
        """Draw a filled circle."""
        ((x, y),) = self._placed([centre])
        size = radius * UNIT
        self.pen.ellipse((x - size, y - size, x + size, y + size), fill=colour)

    def finished(self) -> Image.Image:
        """Return the picture in its final size."""
        return self.picture.reduce(OVER)

    def _placed(self, points: Points) -> list[Point]:
        placed = np.asarray(points, float) @ self.pose[:, :2].T + self.pose[:, 2]
        return [(float(x), float(y)) for x, y in placed * UNIT]


def _wide(width: Number) -> int:
    return max(1, round(width * UNIT))


def _pose(random: np.random.Generator) -> np.ndarray:
    """Turn, stretch and move a little about the middle of the sheet."""
    turn, size = np.deg2rad(random.uniform(-4, 4)), random.uniform(0.92, 1.04)
    wide = random.uniform(0.96, 1.04)
    cos, sin = np.cos(turn) * size, np.sin(turn) * size
    matrix = np.array([[cos * wide, -sin], [sin * wide, cos]])
    middle = np.array([50.0, 50.0])
    move = middle - matrix @ middle + random.uniform(-2.5, 2.5, 2)
    return np.column_stack([matrix, move])


def shaded(colour: Colour, random: np.random.Generator) -> Colour:
    """Vary a colour so little that its name stays right."""
    hue, light, full = colorsys.rgb_to_hls(*(channel / 255 for channel in colour))
    light = min(0.98, max(0.08, light + random.uniform(-0.035, 0.035)))
    full = min(1.0, full * random.uniform(0.88, 1.05))
    red, green, blue = colorsys.hls_to_rgb(hue, light, full)
    return round(red * 255), round(green * 255), round(blue * 255)


def brightness(colour: Colour) -> float:
    """Compute how bright a colour looks, 0 to 255 (the luma of ITU-R BT.601)."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def edge_of(colour: Colour) -> Colour:
    """Return the colour of an outline, lighter than a very dark shape and darker than any other."""
    if brightness(colour) < 50:
        return tuple(min(255, channel + 46) for channel in colour)
    return tuple(int(channel * EDGE) for channel in colour)


def contrast(colour: Colour) -> Colour:
    """Return a colour visible on another one: white on dark, dark blue on light."""
    return (250, 250, 246) if brightness(colour) < 150 else (32, 38, 78)


def rounded(points: Points, times: int, closed: bool = True) -> list[Point]:
    """Cut corners (Chaikin 1974); an open line keeps its ends."""
    curve = np.asarray(points, float)
    for _ in range(times):
        after = np.roll(curve, -1, axis=0) if closed else curve[1:]
        before = curve if closed else curve[:-1]
        cut = np.stack([0.75 * before + 0.25 * after, 0.25 * before + 0.75 * after], 1)
        ends = (curve[:1], curve[-1:]) if not closed else (curve[:0], curve[:0])
        curve = np.concatenate([ends[0], cut.reshape(-1, 2), ends[1]])
    return [(float(x), float(y)) for x, y in curve]


def mirrored(points: Points) -> list[Point]:
    """Reflect at the vertical through the middle."""
    return [(100 - x, y) for x, y in points]
