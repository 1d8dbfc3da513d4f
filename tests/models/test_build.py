"""From a description in a study to a model."""

import pytest
import torch

from recloop.models import build, keywords
from recloop.models.decision.mrdt import MRDT
from recloop.models.sequential.smonac import SMONAC
from recloop.models.sessions import last, lengths

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
    assert {"negatives", "item_vectors", "backbone"} <= keywords(SMONAC)
    assert {"alpha", "item_counts"} <= keywords(MRDT)
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
