"""The heads of TransRec by hand."""

import math

import pytest
import torch

from recloop.models.content.pooling import AttentionPooling, PooledMLP


def test_attention_pooling_by_hand():
    """Query and key are the state itself, the value twice the state: a softmax of products, then the mean."""
    pool = AttentionPooling(inputs=1, dim=1)
    with torch.no_grad():
        pool.query_key_value.weight.copy_(torch.tensor([[1.0], [1.0], [2.0]]))
        pool.query_key_value.bias.zero_()
    states = torch.tensor([[[1.0], [2.0], [9.0]]])
    real = torch.tensor([[True, True, False]])
    first = (math.exp(1) * 2 + math.exp(2) * 4) / (math.exp(1) + math.exp(2))
    second = (math.exp(2) * 2 + math.exp(4) * 4) / (math.exp(2) + math.exp(4))
    assert pool(states, real).item() == pytest.approx((first + second) / 2)


def test_padding_tokens_say_nothing():
    torch.manual_seed(1)
    pool = AttentionPooling(inputs=6, dim=8, heads=2)
    states = torch.randn(3, 5, 6)
    real = torch.arange(5) < torch.tensor([[5], [2], [1]])
    found = pool(states, real)
    for row, size in enumerate((5, 2, 1)):
        alone = pool(states[row : row + 1, :size], real[row : row + 1, :size])
        torch.testing.assert_close(alone[0], found[row])


def test_pooling_first_and_transforming_first():
    torch.manual_seed(1)
    cells = torch.randn(2, 4, 3)
    first, then = PooledMLP(3, 5), PooledMLP(3, 5, first="transform")
    then.load_state_dict(first.state_dict())
    real = torch.ones(2, 4, dtype=torch.bool)
    torch.testing.assert_close(first(cells, real), first.transform(cells.mean(1)))
    torch.testing.assert_close(then(cells, real), first.transform(cells).mean(1))
    assert not torch.allclose(first(cells, real), then(cells, real))
    with pytest.raises(ValueError, match="first='last': expected one of pool, transform"):
        PooledMLP(3, 5, first="last")
