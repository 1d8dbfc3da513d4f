"""Trackers against torch.nn and against their own special cases."""

import pytest
import torch
from torch import nn


def tracker(**changes):
    from recloop.models.dialogue.tracker import TransformerTracker

    torch.manual_seed(0)
    size = {"inputs": 8, "dim": 8, "layers": 2, "heads": 2, "feed_forward": 12}
    return TransformerTracker(**size | changes).eval()


def test_transformer_is_torchs():
    """The same weights in torch.nn: scaled tokens, sinusoids, pre-norm layers, mean."""
    ours, tokens = tracker(), torch.randn(3, 5, 8)
    layer = nn.TransformerEncoderLayer(8, 2, 12, 0.0, norm_first=True, batch_first=True)
    theirs = nn.TransformerEncoder(layer, 2, nn.LayerNorm(8), enable_nested_tensor=False).eval()
    theirs.load_state_dict(ours.encoder.state_dict())
    place = torch.zeros(5, 8)
    for token in range(5):
        for pair in range(4):
            angle = torch.tensor(token / 10000 ** (2 * pair / 8))
            place[token, 2 * pair], place[token, 2 * pair + 1] = angle.sin(), angle.cos()
    wanted = theirs(tokens * 8**0.5 + place).mean(1)
    assert ours(tokens).allclose(wanted, atol=1e-5)


def test_layers_start_apart():
    first, second = (layer.linear1.weight for layer in tracker().encoder.layers)
    assert not first.equal(second)


def test_positions_and_their_twin():
    from recloop.models.dialogue.tracker import positions

    place = torch.arange(4)
    standard, twin = positions(place, 8), positions(place, 8, doubled_frequency=True)
    assert standard[:, 2].allclose((place / 10000 ** (2 / 8)).sin())
    assert standard[:, 3].allclose((place / 10000 ** (2 / 8)).cos())
    assert twin[:, 2].allclose((place / 10000 ** (4 / 8)).sin())
    assert twin[:, 3].allclose((place / 10000 ** (6 / 8)).cos())
    assert positions(place, 7).shape == (4, 7)


def test_padding_leaves_no_trace():
    ours, tokens = tracker(), torch.randn(2, 3, 8)
    gap = torch.cat([tokens[:, :1], torch.full((2, 2, 8), 9.0), tokens[:, 1:]], 1)
    real = torch.tensor([[True, False, False, True, True]] * 2)
    assert ours(gap, real).allclose(ours(tokens), atol=1e-5)


def test_nothing_said_is_zero():
    ours = tracker()
    assert ours(torch.zeros(2, 0, 8)).equal(torch.zeros(2, 8))
    nothing = torch.zeros(2, 3).bool()
    assert ours(torch.randn(2, 3, 8), nothing).eq(0).all()


def test_lead_goes_first_and_unscaled():
    ours, lead, tokens = tracker(), torch.randn(2, 8), torch.randn(2, 3, 8)
    joined = torch.cat([lead[:, None] / 8**0.5, tokens], 1)
    assert ours(tokens, lead=lead).allclose(ours(joined), atol=1e-5)


def test_twins_of_the_transformer_differ():
    tokens, outputs = torch.randn(2, 3, 8), []
    for changes in ({}, {"doubled_frequency": True}, {"scaled_tokens": False}):
        outputs.append(tracker(**changes)(tokens))
    assert not any(outputs[0].allclose(other) for other in outputs[1:])


def test_other_widths_are_led_in():
    assert tracker(inputs=6)(torch.randn(2, 3, 6)).shape == (2, 8)


def test_gated_recurrence_with_an_open_gate_is_a_gru(monkeypatch):
    from recloop.models.dialogue.tracker import GatedRecurrence

    unit = GatedRecurrence(6)
    image, text, hidden = torch.randn(3, 4, 6)
    monkeypatch.setattr(unit, "gate", lambda text, hidden: torch.ones_like(text))
    reference = nn.GRU(6, 6, batch_first=True)
    reference.load_state_dict({f"{k}_l0": v for k, v in unit.cell.state_dict().items()})
    joined = unit.fuse(image, text)
    wanted = reference(joined[:, None], hidden[None])[1][0]
    assert unit(image, text, hidden).allclose(wanted, atol=1e-6)


def test_gated_recurrence_by_hand():
    from recloop.models.dialogue.tracker import GatedRecurrence

    unit = GatedRecurrence(6)
    image, text, hidden = torch.randn(3, 4, 6)
    gate = 1 / (1 + (-(text + hidden)).exp())
    wanted = (1 - gate) * text + unit.cell(unit.fuse(image, text), hidden)
    assert unit(image, text, hidden).allclose(wanted, atol=1e-6)


@pytest.mark.parametrize("name, tokens", [("mmt", 3), ("mmran", 2), ("gommir", 2), ("ir_txt", 1)])
def test_tokens_per_turn(make, world, converse, name, tokens):
    states = converse(make(name).eval(), world).states
    assert [state.memory["tokens"].shape[1] for state in states] == [tokens * t for t in range(5)]


def test_dm_is_a_gru_over_joined_turns(make, world, converse):
    model = make("dm").eval()
    dialogue = converse(model, world)
    reference = nn.GRU(8, 8, bias=False, batch_first=True)
    reference.load_state_dict({f"{k}_l0": v for k, v in model.cell.state_dict().items()})
    turns = [
        model.fuse(model.space.image(utterances.liked), model.space.text(utterances.text))
        for utterances in dialogue.feedback
    ]
    hidden = reference(torch.stack(turns, 1))[0]
    assert model.head(hidden).allclose(dialogue.queries(1), atol=1e-5)


def test_mmran_reads_its_own_last_hidden_state(make, world, converse):
    model = make("mmran").eval()
    dialogue, hidden = converse(model, world), torch.zeros(5, 8)
    for utterances, state in zip(dialogue.feedback, dialogue.states[1:], strict=True):
        image, text = model.space.image(utterances.liked), model.space.text(utterances.text)
        hidden = model.recurrence(image, text, hidden)
        assert state.memory["tokens"][:, -1].allclose(hidden, atol=1e-5)
