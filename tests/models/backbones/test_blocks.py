"""The attention blocks against torch's own modules with the same weights."""

import pytest
import torch
from torch import nn

from recloop.models.blocks import CausalBlock, CausalBlocks, MutualAttention, SASRecBlock

BATCH, TIME, DIM = 5, 7, 12


@pytest.fixture
def states():
    torch.manual_seed(3)
    return torch.randn(BATCH, TIME, DIM)


@pytest.fixture
def future():
    return nn.Transformer.generate_square_subsequent_mask(TIME)


def shake(module):
    """Give every weight a value of its own, so that no swapped pair goes unseen."""
    for weight in module.parameters():
        nn.init.normal_(weight, std=0.5)
    return module.eval()


@pytest.mark.parametrize("heads", [1, 3])
def test_gpt_block_is_torch_encoder_layer(states, future, heads):
    block = shake(CausalBlock(DIM, heads))
    layer = nn.TransformerEncoderLayer(
        DIM, heads, 4 * DIM, activation="gelu", batch_first=True, norm_first=True
    )
    source = dict(block.named_parameters())
    names = {
        "self_attn.in_proj_": "query_key_value.",
        "self_attn.out_proj.": "project.",
        "linear1.": "feed_forward.0.",
        "linear2.": "feed_forward.2.",
        "norm1.": "attention_norm.",
        "norm2.": "feed_forward_norm.",
    }
    layer.load_state_dict(
        {a + end: source[b + end] for a, b in names.items() for end in ("weight", "bias")}
    )
    expected = layer.eval()(states, src_mask=future, is_causal=True)
    torch.testing.assert_close(block(states), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("heads", [1, 3])
def test_sasrec_block_is_torch_attention_on_a_normalised_query(states, future, heads):
    block = shake(SASRecBlock(DIM, heads))
    attention = nn.MultiheadAttention(DIM, heads, batch_first=True)
    projections = zip(block.query.parameters(), block.key_value.parameters(), strict=True)
    weight, bias = (torch.cat(pair) for pair in projections)
    attention.load_state_dict(
        {
            "in_proj_weight": weight,
            "in_proj_bias": bias,
            "out_proj.weight": torch.eye(DIM),
            "out_proj.bias": torch.zeros(DIM),
        }
    )
    query = block.query_norm(states)
    mixed = query + attention(query, states, states, attn_mask=future, need_weights=False)[0]
    mixed = block.feed_forward_norm(mixed)
    first, second = block.feed_forward[0], block.feed_forward[3]
    expected = mixed + second(first(mixed).relu())
    torch.testing.assert_close(block(states), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("heads", [1, 3])
def test_mutual_attention_is_torch_attention_with_a_shortcut_and_a_norm(states, heads):
    block = shake(MutualAttention(DIM, heads))
    whole = nn.MultiheadAttention(DIM, heads, batch_first=True)
    names = ["in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"]
    weights = [*block.query_key_value.parameters(), *block.project.parameters()]
    whole.load_state_dict(dict(zip(names, weights, strict=True)))
    expected = block.norm(states + whole(states, states, states, need_weights=False)[0])
    torch.testing.assert_close(block(states), expected, rtol=1e-4, atol=1e-4)


def test_a_sasrec_block_sees_what_it_is_told_to(states):
    block = shake(SASRecBlock(DIM, 3))
    past = torch.ones(TIME, TIME, dtype=torch.bool).tril().expand(BATCH, -1, -1)
    torch.testing.assert_close(block(states, past), block(states))
    alone = torch.eye(TIME, dtype=torch.bool).expand(BATCH, -1, -1)
    torch.testing.assert_close(block(states, alone)[:, 3], block(states[:, 3:4])[:, 0])


@pytest.mark.parametrize("make", [lambda: CausalBlocks(DIM, 2, 3), lambda: SASRecBlock(DIM, 3)])
def test_a_state_sees_only_its_past(states, make):
    blocks = shake(make())
    changed = states.clone()
    changed[:, 4:] = torch.randn(BATCH, TIME - 4, DIM)  # as padding may, on the right
    torch.testing.assert_close(blocks(changed)[:, :4], blocks(states)[:, :4])
    assert not torch.allclose(blocks(changed)[:, 4:], blocks(states)[:, 4:])


@pytest.mark.parametrize("make", [lambda: CausalBlocks(DIM, 2, 3), lambda: SASRecBlock(DIM, 3)])
def test_dropout_acts_in_training_only(states, make):
    blocks = make()
    assert not torch.equal(blocks(states), blocks(states))
    blocks.eval()
    assert torch.equal(blocks(states), blocks(states))


def test_gpt_ends_with_a_norm(states):
    ended = CausalBlocks(DIM, layers=2).eval()(states)
    torch.testing.assert_close(ended.mean(-1), torch.zeros(BATCH, TIME), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("count", "make"),
    [
        # four projections, a feed-forward layer four times as wide, two norms; one norm at the end
        (3 * (12 * DIM**2 + 13 * DIM) + 2 * DIM, lambda: CausalBlocks(DIM, layers=3)),
        # three projections and two square layers, two norms
        (5 * (DIM**2 + DIM) + 4 * DIM, lambda: SASRecBlock(DIM)),
    ],
)
def test_parameters_follow_the_formula(count, make):
    assert sum(weight.numel() for weight in make().parameters()) == count


@pytest.mark.parametrize("make", [CausalBlock, SASRecBlock, MutualAttention])
def test_heads_must_share_the_width(make):
    with pytest.raises(ValueError, match="dim=12 cannot be shared by heads=5"):
        make(DIM, heads=5)
