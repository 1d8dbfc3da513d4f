"""Attention, the part that all blocks share, and its dropout on a processor.

Vaswani et al. Attention Is All You Need. NeurIPS 2017.
"""

from itertools import pairwise

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import scaled_dot_product_attention

from recloop.models.dropout import kept

# Askers at a time where none looks ahead, so that most of what they do not see is not computed either.
BLOCK = 64


def attention(
    query: Float[Tensor, "batch asker dim"],
    key: Float[Tensor, "batch time dim"],
    value: Float[Tensor, "batch time dim"],
    heads: int,
    dropout: float = 0.0,
    sees: Bool[Tensor, "#batch asker time"] | None = None,
    causal: bool = False,
) -> Float[Tensor, "batch asker dim"]:
    """Let every asker gather from the positions that it sees, once per head.

    Args:
        query, key, value: asker t gathers `value` by how `key` answers its `query`.
        heads: which share the width.
        dropout: share of the weights that is dropped.
        sees: what each asker sees; all, unless given.
        causal: whether asker t sees no more than the positions 0..t of those.
    """
    split = [part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in (query, key, value)]
    if dropout and query.device.type == "cpu":
        gathered = dropped_attention(*split, dropout, sees, causal)
    else:
        if causal and sees is not None:
            sees, causal = sees.tril(), False
        mask = None if sees is None else sees[:, None]
        gathered = scaled_dot_product_attention(
            *split, attn_mask=mask, dropout_p=dropout, is_causal=causal
        )
    return gathered.transpose(1, 2).flatten(2)  # batch asker dim


def dropped_attention(
    query: Float[Tensor, "batch head asker width"],
    key: Float[Tensor, "batch head time width"],
    value: Float[Tensor, "batch head time width"],
    dropout: float,
    sees: Bool[Tensor, "#batch asker time"] | None = None,
    causal: bool = False,
) -> Float[Tensor, "batch head asker width"]:
    """Let every asker gather, with some of its weights dropped, as PyTorch does in more passes over them."""
    heads, (asker, time) = query.shape[1], (query.shape[2], key.shape[2])
    gaps = sees is not None  # then an asker may see nothing
    if causal:
        past = torch.ones(1, asker, time, dtype=torch.bool, device=query.device).tril()
        sees = past if sees is None else sees & past
    hides = None
    if sees is not None:
        hides = query.new_zeros(sees.shape).masked_fill_(~sees, -torch.inf)
        if len(hides) > 1:
            hides = hides.repeat_interleave(heads, 0)
    flat = [part.flatten(0, 1) for part in (query, key, value)]
    with torch.autocast(query.device.type, enabled=False):
        gathered = _DroppedAttention.apply(*flat, dropout, hides, causal, gaps)
    return gathered.unflatten(0, (-1, heads))


class _DroppedAttention(torch.autograd.Function):
    """Softmax, dropout and both products, some askers at a time; gradients from the weights and from what was kept."""

    @staticmethod
    def forward(ctx, query, key, value, rate, hides, causal, gaps):
        scale, gathered = query.shape[-1] ** -0.5, torch.empty_like(query)
        made = []
        for part, seen in _DroppedAttention.parts(query, key, causal):
            keys = key[:, seen].transpose(1, 2)
            if hides is None:
                scores = torch.bmm(query[:, part] * scale, keys)
            else:
                scores = torch.baddbmm(hides[:, part, seen], query[:, part], keys, alpha=scale)
            weights = torch.softmax(scores, -1, out=scores)
            if gaps:
                weights.nan_to_num_(0.0)  # who sees nothing gathers nothing
            left = kept(weights, rate)
            gathered[:, part] = torch.bmm(weights * left, value[:, seen])
            made += [weights, left]
        ctx.save_for_backward(query, key, value, *made)
        ctx.causal = causal
        return gathered

    @staticmethod
    @once_differentiable
    def backward(ctx, slope):
        query, key, value, *made = ctx.saved_tensors
        scale, to_query = query.shape[-1] ** -0.5, torch.empty_like(query)
        to_key, to_value = torch.zeros_like(key), torch.zeros_like(value)
        parts = _DroppedAttention.parts(query, key, ctx.causal)
        for (part, seen), weights, left in zip(parts, made[::2], made[1::2], strict=True):
            to_value[:, seen] += torch.bmm((weights * left).transpose(1, 2), slope[:, part])
            to_weights = torch.bmm(slope[:, part], value[:, seen].transpose(1, 2)).mul_(left)
            to_scores = torch._softmax_backward_data(to_weights, weights, -1, weights.dtype)
            to_scores *= scale
            to_query[:, part] = torch.bmm(to_scores, key[:, seen])
            to_key[:, seen] += torch.bmm(to_scores.transpose(1, 2), query[:, part])
        return to_query, to_key, to_value, None, None, None, None

    @staticmethod
    def parts(query, key, causal):
        """List which askers are taken together, and the positions that they may see."""
        asker, time = query.shape[1], key.shape[1]
        if not causal:
            return [(slice(0, asker), slice(0, time))]
        edges = [*range(0, asker, BLOCK), asker]
        return [(slice(a, b), slice(0, b)) for a, b in pairwise(edges)]
