"""Dropout: shares, scale, gradient, seeds; attention with it against PyTorch's."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from recloop.fitting import processor
from recloop.models import attention
from recloop.models.dropout import Dropout, draws, drop


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_the_share_is_dropped_and_the_mean_stays(rate):
    torch.manual_seed(1)
    found = drop(torch.ones(1000, 401), rate)
    assert (found == 0).float().mean() == pytest.approx(rate, abs=0.003)
    assert found.mean() == pytest.approx(1, abs=0.02)
    assert found.unique().tolist() == pytest.approx([0.0, 1 / (1 - rate)], rel=1e-4)


def test_the_gradient_passes_where_values_did():
    values = torch.randn(50, 7, requires_grad=True)
    found = drop(values, 0.3)
    found.sum().backward()
    torch.testing.assert_close(values.grad * values, found)


def test_a_seed_and_a_kept_state_give_the_same_masks_and_two_calls_others():
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first, second = drop(torch.ones(999), 0.5), drop(torch.ones(999), 0.5)
    torch.set_rng_state(state)
    assert torch.equal(drop(torch.ones(999), 0.5), first)
    assert not torch.equal(first, second)


def test_drawn_numbers_are_alike_and_independent():
    torch.manual_seed(2)
    found = draws(1_000_001).double()
    assert found.min() == -32768
    assert found.max() == 32767
    assert abs(found.mean()) < 60
    correlation = torch.corrcoef(torch.stack([found[:-1], found[1:]]))[0, 1]
    assert abs(correlation) < 0.005


def test_nothing_is_dropped_outside_of_training_or_at_rate_zero():
    values = torch.randn(9)
    assert torch.equal(Dropout(0.5).eval()(values), values)
    assert drop(values, 0.0) is values


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_an_impossible_share_is_refused(rate):
    with pytest.raises(ValueError, match="share from 0 to below 1"):
        Dropout(rate)


@pytest.mark.parametrize("mask", ["causal", "all", "some", "none seen", "some of the past"])
@pytest.mark.parametrize("block", [64, 3])
def test_attention_is_pytorch_s_but_for_what_is_dropped(monkeypatch, mask, block):
    monkeypatch.setattr(attention, "BLOCK", block)
    torch.manual_seed(3)
    query, key, value = (
        torch.randn(2, 3, 8, 4, requires_grad=True, dtype=torch.double) for _ in range(3)
    )
    sees = None if mask in ("causal", "all") else torch.rand(2, 8, 8) < 0.6
    if mask.startswith("some"):
        sees |= torch.eye(8, dtype=torch.bool)
    if mask == "none seen":
        sees[0, 2] = False
    past = torch.ones(8, 8, dtype=torch.bool).tril()
    causal = mask in ("causal", "some of the past")
    drawn = torch.rand(6, 8, 8).double()
    monkeypatch.setattr(
        attention, "kept", lambda weights, rate: drawn[:, -weights.shape[1] :, : weights.shape[2]]
    )
    if block == 3 and causal:  # its blocks ask for the rows 0-2, 3-5 and 6-7
        rows = iter([slice(0, 3), slice(3, 6), slice(6, 8)])
        monkeypatch.setattr(
            attention, "kept", lambda weights, rate: drawn[:, next(rows), : weights.shape[2]]
        )
    ours = attention.on_processor(query, key, value, 0.5, sees, causal)
    shown = torch.ones(2, 8, 8, dtype=torch.bool) if sees is None else sees
    shown = (shown & past if causal else shown)[:, None]
    scores = (query @ key.mT / 2).masked_fill(~shown, -torch.inf)
    theirs = (scores.softmax(-1).nan_to_num(0.0) * drawn.view(2, 3, 8, 8)) @ value
    torch.testing.assert_close(ours, theirs)
    slope = torch.randn_like(ours)
    inputs = (query, key, value)
    found = torch.autograd.grad((ours * slope).sum(), inputs)
    torch.testing.assert_close(found, torch.autograd.grad((theirs * slope).sum(), inputs))


def test_dropped_attention_keeps_the_mean():
    torch.manual_seed(4)
    query, key, value = (torch.randn(1, 2, 70, 4) for _ in range(3))
    plain = scaled_dot_product_attention(query, key, value, is_causal=True)
    found = [attention.on_processor(query, key, value, 0.3, causal=True) for _ in range(400)]
    torch.testing.assert_close(torch.stack(found).mean(0), plain, atol=0.15, rtol=0)
    assert not torch.equal(found[0], found[1])


SEEN = {"all": None, "one for all": 1, "one each": 5, "nobody": 5}


@pytest.mark.parametrize("rounding", ["none", "bf16"])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("seen", SEEN)
def test_attention_without_dropout_is_that_of_the_paper(monkeypatch, rounding, causal, seen):
    """By PyTorch's own function, and by ours where the library that multiplies is another."""
    monkeypatch.setattr(processor, "rounding", lambda: rounding)
    monkeypatch.setattr(attention, "BLOCK", 3)
    torch.manual_seed(5)
    askers, time = (8, 8) if causal else (4, 8)
    query, key, value = (torch.randn(5, steps, 6).double() for steps in (askers, time, time))
    sees = None if SEEN[seen] is None else torch.rand(SEEN[seen], askers, time) < 0.7
    if sees is not None:
        sees[..., 0] = seen != "nobody"
        sees[0, 0] = seen != "nobody"
    split = [one.unflatten(-1, (2, 3)).transpose(1, 2) for one in (query, key, value)]
    shown = torch.ones(1, askers, time, dtype=torch.bool) if sees is None else sees
    shown = (shown.tril() if causal else shown)[:, None]
    scores = (split[0] @ split[1].mT / 3**0.5).masked_fill(~shown, -torch.inf)
    expected = (scores.softmax(-1).nan_to_num(0.0) @ split[2]).transpose(1, 2).flatten(2)
    given = query, key, value, 2, 0.0, sees, causal
    torch.testing.assert_close(attention.attention(*given), expected)


def test_attention_of_16_bits_rounds_only_its_result(monkeypatch):
    monkeypatch.setattr(processor, "rounding", lambda: "bf16")
    torch.manual_seed(6)
    query, key, value = (torch.randn(2, 90, 8).bfloat16() for _ in range(3))
    found = attention.attention(query, key, value, 1, causal=True)
    exact = attention.attention(query.float(), key.float(), value.float(), 1, causal=True)
    assert found.dtype == torch.bfloat16 and torch.equal(found, exact.bfloat16())


@pytest.mark.parametrize("rounding", ["none", "bf16"])
def test_attention_hides_no_nan(monkeypatch, rounding):
    monkeypatch.setattr(processor, "rounding", lambda: rounding)
    query, key, value = (torch.randn(1, 4, 2) for _ in range(3))
    query[0, 1] = torch.nan
    sees = torch.ones(1, 4, 4, dtype=torch.bool)
    sees[0, 3] = False
    found = attention.attention(query, key, value, 1, sees=sees)
    assert found[0, 1].isnan().all() and not found[0, [0, 2]].isnan().any()
    assert torch.equal(found[0, 3], torch.zeros(2))
