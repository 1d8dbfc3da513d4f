"""Compositions and spaces in the cases where the result is known."""

import pytest
import torch
from torch.nn.functional import normalize

BRANCHES = ("printed", "released", "original")


def composed(branches="printed", **parts):
    from recloop.models.dialogue.composition import GatedResidual

    torch.manual_seed(0)
    return GatedResidual(6, branches, **parts)


@pytest.mark.parametrize("branches", BRANCHES)
def test_an_open_gate_returns_the_image(branches):
    unit, (image, text) = composed(branches), torch.randn(2, 4, 6)
    with torch.no_grad():
        unit.residual_weight.zero_()
        unit.gate[-1].bias.fill_(100.0)
    assert unit(image, text).allclose(image, atol=1e-5)


@pytest.mark.parametrize("branches", BRANCHES)
def test_gate_and_residual_add_up(branches):
    whole, (image, text) = composed(branches).eval(), torch.randn(2, 4, 6)
    gate, residual = composed(branches, residual=False), composed(branches, gate=False)
    gate.load_state_dict(whole.state_dict(), strict=False)
    residual.load_state_dict(whole.state_dict(), strict=False)
    total = gate.eval()(image, text) + residual.eval()(image, text)
    assert whole(image, text).allclose(total, atol=1e-5)


def test_residual_by_hand():
    unit, (image, text) = composed("released", gate=False), torch.randn(2, 4, 6)
    both = torch.cat([image, text], 1)
    rows = (both - both.mean(0)) / (both.var(0, unbiased=False) + 1e-5).sqrt()
    wanted = rows.relu() @ unit.residual[-1].weight.T + unit.residual[-1].bias
    assert unit(image, text).allclose(wanted, atol=1e-5)


def test_the_original_residual_starts_ten_times_as_heavy():
    assert composed("original").residual_weight == 10
    assert len(composed("original").residual) > len(composed("released").residual)


def test_one_row_uses_running_statistics():
    from recloop.models.dialogue.composition import BatchNorm

    unit, row = BatchNorm(3), torch.randn(1, 3)
    assert unit(row).allclose(row, atol=1e-4)


def test_combiner_that_only_mixes():
    from recloop.models.dialogue.composition import Combiner

    unit, (image, text) = Combiner(6, 4).eval(), torch.randn(2, 3, 6)
    with torch.no_grad():
        unit.output.weight.zero_(), unit.output.bias.zero_()
        unit.weight[1].bias.fill_(100.0)
    assert unit(image, text).allclose(text, atol=1e-5)
    with torch.no_grad():
        unit.weight[1].bias.fill_(-100.0)
    assert unit(image, text).allclose(image, atol=1e-5)


def test_clip4cir_works_among_unit_vectors(make, world, converse):
    for changes in ({}, {"normalised_inputs": True}):
        dialogue = converse(make("clip4cir", **changes).eval(), world)
        for vectors in (dialogue.queries(1), dialogue.table):
            assert vectors.norm(dim=-1).allclose(torch.tensor(1.0))


def test_clip4cir_hears_scale_unless_told_otherwise(make, world, converse):
    loud = world | {"text": 5 * world["text"]}
    for changes, same in (({}, False), ({"normalised_inputs": True}, True)):
        model = make("clip4cir", **changes).eval()
        quiet, loud_queries = (converse(model, w).queries(1) for w in (world, loud))
        assert quiet.allclose(loud_queries, atol=1e-5) == same


def test_tirg_forgets(make, world, converse):
    model = make("tirg").eval()
    dialogue = converse(model, world)
    alone = model.observe(dialogue.states[0], dialogue.feedback[3])
    assert alone.query.equal(dialogue.states[4].query)


def test_spaces():
    from recloop.models.dialogue.spaces import Norm, Space

    vectors = 7 * torch.randn(4, 10)
    learned, linear, unit = (Space(10, 8, kind) for kind in ("learned", "linear", "unit"))
    assert (learned.dim, linear.dim, unit.dim) == (8, 8, 10)
    assert unit.image(vectors).allclose(normalize(vectors))
    assert linear.text(vectors).norm(dim=-1).allclose(torch.ones(4))
    assert not list(unit.parameters())
    normed = Norm(10)(vectors)
    assert normed.std(-1).allclose(torch.ones(4), atol=1e-4)  # the unbiased one
    assert normed.mean(-1).allclose(torch.zeros(4), atol=1e-5)
