"""Two trained models in turn."""

import pytest
import torch


@pytest.fixture
def join(settings):
    from recloop.models import build

    def joined(first, then):
        torch.manual_seed(4)
        model = {"class": "dialogue.pipeline.Pipeline", "first": settings[first]}
        facts = {"features": 10, "shown": 3, "turns": 4, "items": 30}
        return build(model | {"then": settings[then]}, **facts)

    return joined


PAIRS = [("gru_hist", "ege_unit"), ("transformer_hist", "transformer_img_txt")]


@pytest.mark.parametrize("first, then", PAIRS)
def test_first_model_opens_and_second_goes_on(join, make, world, converse, first, then):
    model, opening, rest = join(first, then).eval(), make(first).eval(), make(then, seed=1).eval()
    weights = {f"first.{name}": value for name, value in opening.state_dict().items()}
    weights |= {f"then.{name}": value for name, value in rest.state_dict().items()}
    model.load_state_dict(weights)
    together = converse(model, world)
    assert model.personal
    assert together.table.equal(rest.embed(world["images"]))
    assert together.states[0].query.equal(converse(opening, world).states[0].query)
    alone = converse(rest, world).states[1:]
    assert all(a.query.equal(b.query) for a, b in zip(together.states[1:], alone, strict=True))


@pytest.mark.parametrize("loss", ["pretrain_loss", "joint_loss"])
def test_a_pipeline_does_not_learn(join, world, converse, loss):
    model = join(*PAIRS[0])
    with pytest.raises(NotImplementedError, match="stage: none"):
        getattr(model, loss)(converse(model, world))


@pytest.mark.parametrize(
    "first, then, word",
    [("gru_img_txt", "ege_unit", "no list"), ("gru_hist", "ege", "then: its space is 'learned'")],
)
def test_refuses_pairs_that_do_not_fit(join, first, then, word):
    with pytest.raises(ValueError, match=word):
        join(first, then)
