"""Learning curves: means of the last episodes at evenly spread steps, and the curves of others beside them."""

import numpy as np
import polars as pl
import pytest

from recloop.report.exhibits.learning import POINTS, points, published, recent, spread


def test_a_point_is_the_mean_of_the_last_episodes():
    played = {"steps": [10, 20, 30, 100], "return": [1.0, 3.0, 5.0, 8.0], "length": [1, 1, 1, 1]}
    found = recent(played, "return", spread(100, ratios=False), 2)
    assert len(found) == POINTS - 2  # none before the first episode is over
    assert found[0] == (pytest.approx(12.0), 1.0)
    assert dict(found)[20.0] == 2.0
    assert dict(found)[96.0] == 4.0
    assert found[-1] == (100.0, 6.5)


def test_places_of_a_logarithmic_axis_have_equal_ratios():
    places = spread(1000, ratios=True)
    assert (len(places), places[0], places[-1]) == (POINTS, 10, 1000)
    assert np.allclose(places[1:] / places[:-1], places[1] / places[0])


def test_seeds_share_their_places():
    """Otherwise there is no mean over seeds, and the line goes up and down between them."""
    records = [
        {"seed": seed, "played": {"steps": [50, last], "return": [1.0, 2.0 * seed]}}
        for seed, last in ((1, 100), (2, 103))
    ]
    found = [*points(records, "return", 1, ratios=False)]
    one, other = ([row for row in found if row["seed"] == seed] for seed in (1, 2))
    assert [row["place"] for row in one] == [row["place"] for row in other]
    assert (one[-1]["value"], other[-1]["value"]) == (2.0, 4.0)
    assert [*points([], "return", 1, ratios=False)] == []


def test_curves_of_others_are_marked(drawn):
    data = pl.read_csv(drawn("ialp") / "figure_logs.csv")
    others = data.filter(series="published")
    assert set(others["label"]) == {f"{name} (log of EasyRL4Rec)" for name in ("DQN", "PG", "A2C")}
    assert set(others["metric"]) == {"return", "length"}
    assert others["seed"].null_count() == len(others)
    assert data.filter(model="dqn")["value"].count() > 0


def test_curves_of_others_are_of_their_own_data_alone():
    entry = {"published": [{"label": "DQN", "steps": [1], "return": [2.0]}]}
    assert published(entry, None) == entry["published"]
    assert published(entry, "embedded racks") == published({}, None) == []
