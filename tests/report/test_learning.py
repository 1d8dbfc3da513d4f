"""Learning curves: means of the last episodes at evenly spread steps, and the curves of others beside them."""

import polars as pl
import pytest

from recloop.report.exhibits.learning import POINTS, published, recent

STUDY = {"evaluation": {"recent": 2}}


def test_a_point_is_the_mean_of_the_last_episodes():
    played = {"steps": [10, 20, 30, 100], "return": [1.0, 3.0, 5.0, 8.0], "length": [1, 1, 1, 1]}
    found = recent(played, "return", STUDY)
    assert len(found) == POINTS - 2  # none before the first episode is over
    assert found[0] == (pytest.approx(12.0), 1.0)
    assert dict(found)[20.0] == 2.0
    assert dict(found)[96.0] == 4.0
    assert found[-1] == (100.0, 6.5)
    assert recent({}, "return", STUDY) == []


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
