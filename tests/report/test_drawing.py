"""Names beside curves."""

from itertools import pairwise

import polars as pl
import pytest
from matplotlib.figure import Figure

from recloop.report.drawing import folded, ticks, wrapped


def test_a_name_breaks_at_commas_and_at_the_width_of_its_room():
    assert folded("SASRec, alpha=1") == "SASRec,\nalpha=1"
    lines = folded("Likes less dislikes + critique, frozen").split("\n")
    assert lines == ["Likes less dislikes", "+ critique,", "frozen"]
    assert folded("DQN (log of EasyRL4Rec)") == "DQN (log of\nEasyRL4Rec)"
    assert folded("MODT4R") == "MODT4R"


@pytest.mark.parametrize(
    "places", [[0, 10, 30, 100, 1000], [0, 30, 100, 1000], [0.001, 0.01, 0.1, 1], [1, 2, 4, 5]]
)
def test_labels_of_places_lie_side_by_side(places):
    figure = Figure(figsize=(2.2, 1.75))
    ax = figure.subplots()
    ax.plot(places, places)
    ticks(ax, "alpha", pl.DataFrame({"place": places}, strict=False))
    figure.draw_without_rendering()
    labels = [label for label in ax.get_xticklabels() if label.get_text()]
    assert [float(label.get_text()) for label in labels] == places
    spans = [label.get_window_extent() for label in labels]
    assert all(one.x1 < other.x0 for one, other in pairwise(spans))


@pytest.mark.parametrize("places", [[0.05, 0.1, 0.2, 0.5, 1], [2, 4, 8, 16, 32]])
def test_labels_of_uneven_places_on_narrow_axes_do_not_touch(places):
    figure = Figure(figsize=(1.55, 1.35))
    ax = figure.subplots()
    ax.plot(places, places)
    ax.tick_params(labelsize=7)
    ticks(ax, "beta", pl.DataFrame({"place": places}, strict=False), 14)
    figure.draw_without_rendering()
    labels = [label for label in ax.get_xticklabels() if label.get_text()]
    assert len(ax.get_xticks()) == len(places) and labels[-1].get_text() == f"{places[-1]:g}"
    spans = [label.get_window_extent() for label in labels]
    assert all(one.x1 < other.x0 for one, other in pairwise(spans))


def test_a_place_without_room_on_narrow_axes_has_no_label():
    places = [1, 2, 5, 10, 20, 50, 100]
    figure = Figure(figsize=(1.55, 1.35))
    ax = figure.subplots()
    ax.plot(places, places)
    ax.tick_params(labelsize=7)
    ticks(ax, "steps", pl.DataFrame({"place": places}), 14)
    figure.draw_without_rendering()
    labels = [label for label in ax.get_xticklabels() if label.get_text()]
    assert [label.get_text() for label in labels] == ["1", "2", "5", "10", "20", "100"]
    assert len(ax.get_xticks()) == len(places)
    spans = [label.get_window_extent() for label in labels]
    assert all(one.x1 < other.x0 for one, other in pairwise(spans))


def test_a_stamp_never_leaves_the_figure():
    part = "Industry (small language model): amazon_scientific, stand-in for Industry (small language model)"
    lines = wrapped(f"tier real; {part}; seed 1")
    assert max(map(len, lines)) <= 92
    assert " ".join(lines).replace(";", "") == f"tier real {part} seed 1"
