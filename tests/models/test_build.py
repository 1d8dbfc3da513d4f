"""From a description in a study to a model."""

import pytest
import torch

from recloop.models import build, keywords, module_of
from recloop.models.decision.mrdt import MRDT
from recloop.models.sequential.smonac import SMONAC
from recloop.models.sessions import last, lengths
from recloop.storage.settings import SettingsError

BACKBONE = {"class": "backbones.sasrec.SASRec", "dim": 8}
SQN = {"class": "sequential.sqn.SQN", "backbone": BACKBONE}


def test_a_class_is_its_import_path_and_gets_the_facts_it_names(facts):
    model = build({"class": "sequential.next_item.NextItem", "backbone": BACKBONE}, **facts)
    assert type(model).__name__ == "NextItem"
    assert model.rank.weight.shape == (facts["items"], 8)
    assert model.backbone.length == facts["length"]


def test_a_model_with_two_networks_gets_two_backbones(facts):
    one, two = build(SQN, **facts).networks
    assert one.backbone is not two.backbone
    assert not torch.equal(one.backbone.position, two.backbone.position)


def test_settings_are_left_as_they_were(facts):
    settings = {**SQN, "backbone": dict(BACKBONE)}
    build(settings, **facts)
    assert settings == {**SQN, "backbone": BACKBONE}


def test_keywords_reach_up_to_the_class_that_takes_them():
    assert {"negatives", "item_vectors", "backbone"} <= keywords(SMONAC).keys()
    assert {"alpha", "item_counts"} <= keywords(MRDT).keys()
    assert "self" not in keywords(SMONAC)


@pytest.mark.parametrize(
    "settings",
    [
        {**SQN, "discuont": 0.5},
        {**SQN, "backbone": {**BACKBONE, "bolcks": 2}},
        {"class": "sequential.sqn.SQN"},
    ],
    ids=["unknown", "unknown in the backbone", "missing"],
)
def test_refuses_unknown_and_missing_keywords(settings, facts):
    with pytest.raises(TypeError, match=r"discuont|bolcks|backbone"):
        build(settings, **facts)


def test_finds_the_end_of_a_padded_session():
    session = torch.tensor([[1, 2, 9], [4, 9, 9], [9, 9, 9]])
    states = torch.arange(9.0).reshape(3, 3, 1)
    assert lengths(session, 9).tolist() == [2, 1, 0]
    assert last(states, session, 9).tolist() == [[1.0], [3.0], [6.0]]


def test_every_component_arrives_as_a_function_that_makes_it(facts):
    from recloop.models.decision.modt4r import MODT4R

    desired = {"class": "decision.returns.Desired", "horizon": 2.0}
    model = build({"class": "decision.modt4r.MODT4R", "desired": desired}, **facts)
    assert isinstance(model, MODT4R)
    assert (model.desired.horizon, model.desired.novelty_threshold) == (2.0, 0.5)


def test_settings_go_before_facts(facts):
    assert build({**BACKBONE, "length": 3}, **facts).length == 3


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of a user's own, with a backbone in it."""
    (tmp_path / "lab" / "models").mkdir(parents=True)
    code = "from recloop.models.backbones.sasrec import SASRec\n\n\nclass Mine(SASRec):\n    pass\n"
    (tmp_path / "lab" / "models" / "mine.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)


def test_a_class_may_come_from_a_package_of_ones_own(package, facts):
    backbone = {**BACKBONE, "class": "lab.models.mine.Mine"}
    model = build({"class": "sequential.next_item.NextItem", "backbone": backbone}, **facts)
    assert type(model.backbone).__name__ == "Mine"
    assert module_of("lab.models.mine.Mine") == "lab.models.mine"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sequential.sqm.SQN", "neither in recloop.models nor importable; did you mean"),
        ("sequential.sqn.SQM", "recloop.models.sequential.sqn has no 'SQM'; did you mean 'SQN'"),
        ("lab.models.nine.Mine", "'lab.models.nine.Mine' is neither"),
        ("SQN", "neither"),
    ],
)
def test_a_class_that_is_nowhere_is_named_with_the_nearest(package, facts, name, message):
    with pytest.raises(SettingsError, match=message):
        build({"class": name}, **facts)


def test_a_word_in_the_place_of_a_component_is_refused(facts):
    with pytest.raises(
        SettingsError, match="NextItem: backbone='sasrec': describe it by its class"
    ):
        build({"class": "sequential.next_item.NextItem", "backbone": "sasrec"}, **facts)
