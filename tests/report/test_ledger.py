"""When a cell is called reproduced."""

import pytest

from recloop.report.ledger import decided, margin

OWN = {
    "ours": 0.52,
    "difference": 0.02,
    "margin": 0.02,
    "stand_in": None,
    "source": "rc15",
    "why": None,
}


def test_margin_is_absolute_or_relative():
    assert margin({"absolute": 0.02}, 0.5) == 0.02
    assert margin({"relative": 0.05}, -0.5) == pytest.approx(0.025)
    assert margin(None, 0.5) is None


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, "reproduced"),
        ({"difference": 0.021}, "different"),
        ({"difference": -0.5}, "different"),
        ({"stand_in": "a world"}, "stand-in"),
        ({"stand_in": "a world", "difference": 0.0}, "stand-in"),
        ({"margin": None}, "no margin"),
        ({"ours": None, "why": "too large"}, "not run"),
    ],
)
def test_status(change, status):
    assert decided(OWN | change)["status"] == status


def test_what_was_not_trained_out_is_never_called_reproduced_or_different():
    for change in ({}, {"difference": -0.5}):
        assert decided(OWN | change, unfinished=1)["status"] == "not trained out"
    assert decided(OWN | {"stand_in": "a world"}, unfinished=1)["status"] == "stand-in"
