"""An item tower that reads titles with a small BERT and pictures with a small ResNet."""

import pytest
import torch

from recloop.contents.items import ContentError
from recloop.models.content.mixed import MixedItems, marks

DIM = 6
TITLED, PICTURED, NEITHER = (
    [0, 1, 4, 5],
    [0, 1, 2, 4],
    3,
)  # of the items of tests/contents/conftest.py


@pytest.fixture
def sources(source):
    """Words and pictures of items that all have one of both: the one that has neither is never asked for."""
    found = {"words": source("words", "live"), "pictures": source("pictures", "live", "resnet")}
    found["words"].has = found["words"].has.clone()
    found["words"].has[NEITHER] = True
    return found


@pytest.fixture
def tower(sources):
    """Give a function that makes a tower with known weights."""

    def give(**settings):
        torch.manual_seed(1)
        return MixedItems(**sources, dim=DIM, pool_heads=2, **settings)

    return give


def test_an_item_without_a_title_and_a_picture_is_named(source):
    with pytest.raises(ContentError, match="item 3 has neither a title nor a picture, as 1 of 6"):
        MixedItems(source("words", "live"), source("pictures", "live", "resnet"), dim=DIM)


@pytest.mark.parametrize(("both", "titles"), [("words", [0, 1, 4, 5]), ("pictures", [5])])
def test_each_item_is_read_by_one_encoder_and_its_head(tower, both, titles):
    model, items = tower(both=both).eval(), torch.tensor([4, 2, 0, 5, 1])
    found = model(items)
    for place, item in enumerate(items.tolist()):
        kind = "words" if item in titles else "pictures"
        read, head = model.encoders[kind], model.heads[kind]
        inputs = read.source.take(torch.tensor([item]), "cpu")
        states = read.network.run(inputs).last_hidden_state
        if kind == "words":
            by_hand = head(states, inputs["attention_mask"].bool())
        else:
            by_hand = head.transform(states.mean((2, 3)))
        torch.testing.assert_close(found[place], by_hand[0])


def test_frozen_encoders_stay_and_drop_nothing(tower):
    model, items = tower(frozen=True).train(), torch.tensor([0, 2])
    torch.testing.assert_close(model(items), model(items))
    model(items).sum().backward()
    assert all(one.grad is None for one in model.encoders.parameters())
    assert all(one.grad is not None for one in model.heads.parameters())
    tuned = tower().train()
    tuned(items).sum().backward()
    reached = [name for name, one in tuned.encoders.named_parameters() if one.grad is not None]
    assert {name.partition(".")[0] for name in reached} == {"words", "pictures"}


def test_what_frozen_encoders_say_is_kept_and_the_same(tower, monkeypatch):
    model, items = tower(frozen=True).eval(), torch.tensor([4, 2, 0, 5, 1])
    first, asked = model(items), []
    read = model.encoders["words"].network.run
    monkeypatch.setattr(
        model.encoders["words"].network, "run", lambda given: asked.append(given) or read(given)
    )
    torch.testing.assert_close(model(items[[1, 3, 0]]), first[[1, 3, 0]])
    assert not asked
    for kept in model.kept.values():
        kept.most_bytes, kept.table = 10, None
        kept.sizes.zero_()
    torch.testing.assert_close(model(items), first)
    assert asked


def test_a_catalogue_without_titles_has_no_encoder_of_titles(sources):
    sources["words"].has = torch.zeros(6, dtype=torch.bool)
    sources["pictures"].has = torch.ones(6, dtype=torch.bool)
    model = MixedItems(**sources, dim=DIM)
    assert {*model.encoders} == {*model.heads} == {"pictures"}


def test_marks_are_of_one_kind_each():
    titled, pictured = torch.tensor([True, True, False]), torch.tensor([False, True, True])
    for both in ("words", "pictures"):
        found = marks(titled, pictured, both)
        assert torch.equal(found["words"] ^ found["pictures"], torch.ones(3, dtype=torch.bool))
        assert found[both][1]
    with pytest.raises(ValueError, match="both='sound': expected one of words, pictures"):
        marks(titled, pictured, "sound")
