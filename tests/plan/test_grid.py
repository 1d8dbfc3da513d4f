"""Hosts times methods: one entry of a study for each of several backbones."""

import pytest

from recloop.plan.grid import spread
from recloop.storage.settings import SettingsError

HOSTS = {
    "gru": {"label": "GRU", "backbone": {"class": "a.B"}},
    "caser": {"label": "Caser", "backbone": {"class": "c.D"}},
}
METHODS = {"{host}_sqn": {"label": "{label}-SQN", "class": "e.F", "needs": {"start": "{host}"}}}
SWEEP = "{host}_sqn,discount={0.0,0.5}"


def study(**panel) -> dict:
    """A study with one table of two panels, of which the first is about no host, and one claim."""
    panels = [{"models": ["plain"]}, {"title": "{label}", "models": ["{host}_sqn", SWEEP]} | panel]
    return {
        "grid": {"hosts": HOSTS, "methods": METHODS},
        "models": {"plain": {"class": "g.H"}},
        "tables": {"table_1": {"panels": panels}},
        "figures": {},
        "claims": {"one": {"checks": [{"models": ["{host}_sqn"], "than": ["plain"]}]}},
    }


def test_a_method_is_a_model_on_every_host():
    models = spread(study(), "x")["models"]
    assert list(models) == ["plain", "gru_sqn", "caser_sqn"]
    assert models["caser_sqn"] == {
        "label": "Caser-SQN",
        "class": "e.F",
        "needs": {"start": "caser"},
        "backbone": {"class": "c.D"},
    }


def test_a_host_gives_its_model_or_its_backbone_and_words_are_no_settings():
    hosts = {
        "mf": {"label": "MF", "model": {"class": "a.MF", "dim": 8}},
        "dnn": {"label": "DNN", "word": "deep", "backbone": {"class": "b.D"}},
    }
    methods = {"{host}": {"label": "{label}"}, "{host}_wide": {"dim": 99}}
    grid = {"hosts": hosts, "methods": methods}
    models = spread(study() | {"grid": grid, "tables": {}, "claims": {}}, "x")["models"]
    assert models["mf"] == {"label": "MF", "class": "a.MF", "dim": 8}
    assert models["mf_wide"] == {"class": "a.MF", "dim": 99}
    assert models["dnn"] == {"label": "DNN", "backbone": {"class": "b.D"}}


def test_panels_and_checks_are_spread_and_sweeps_are_left_alone():
    found = spread(study(), "x")
    assert found["tables"]["table_1"]["panels"] == [
        {"models": ["plain"]},
        {"title": "GRU", "models": ["gru_sqn", "gru_sqn,discount={0.0,0.5}"]},
        {"title": "Caser", "models": ["caser_sqn", "caser_sqn,discount={0.0,0.5}"]},
    ]
    assert [check["models"] for check in found["claims"]["one"]["checks"]] == [
        ["gru_sqn"],
        ["caser_sqn"],
    ]


def test_a_panel_may_be_about_some_hosts():
    panels = spread(study(hosts=["caser"]), "x")["tables"]["table_1"]["panels"]
    assert [panel.get("title") for panel in panels] == [None, "Caser"]
    with pytest.raises(SettingsError, match="did you mean 'caser'"):
        spread(study(hosts=["casar"]), "x")


def test_a_study_without_a_grid_stays_as_it_is():
    plain = {"models": {}, "tables": {}, "figures": {}, "claims": {}}
    assert spread(plain, "x") == plain
