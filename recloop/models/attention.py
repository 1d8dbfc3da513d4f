"""Attention, the part that all blocks share, in few passes on a processor.

Vaswani et al. Attention Is All You Need. NeurIPS 2017.

PyTorch's own takes up to nine times as long there for sessions (benchmarks/README.md), and has no fast dropout.
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
ROOM = 1 << 20  # weights at a time where no gradient is asked for: 4 MB


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
        sees: what each asker sees; all, unless given. Who sees nothing gathers nothing.
        causal: whether asker t sees no more than the positions 0..t of those.
    """
    split = [part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in (query, key, value)]
    if query.device.type == "cpu":
        gathered = on_processor(*split, dropout, sees, causal)
    else:
        if causal and sees is not None:
            sees, causal = sees.tril(), False
        mask = None if sees is None else sees[:, None]
        gathered = scaled_dot_product_attention(
            *split, attn_mask=mask, dropout_p=dropout, is_causal=causal
        )
    return gathered.transpose(1, 2).flatten(2)  # batch asker dim


def on_processor(
    query: Float[Tensor, "batch head asker width"],
    key: Float[Tensor, "batch head time width"],
    value: Float[Tensor, "batch head time width"],
    dropout: float = 0.0,
    sees: Bool[Tensor, "#batch asker time"] | None = None,
    causal: bool = False,
) -> Float[Tensor, "batch head asker width"]:
    """Let every asker gather; without gradients some rows of the batch at a time, so that memory is bounded."""
    rows = max(1, ROOM // (query.shape[1] * min(BLOCK, query.shape[2]) * key.shape[2]))
    if torch.is_grad_enabled() or len(query) <= rows:
        return gather(query, key, value, dropout, sees, causal)
    parts = zip(*(one.split(rows) for one in (query, key, value)), strict=True)
    if sees is None or len(sees) == 1:
        return torch.cat([gather(*part, dropout, sees, causal) for part in parts])
    seen = zip(parts, sees.split(rows), strict=True)
    return torch.cat([gather(*part, dropout, some, causal) for part, some in seen])


def gather(
    query: Float[Tensor, "batch head asker width"],
    key: Float[Tensor, "batch head time width"],
    value: Float[Tensor, "batch head time width"],
    dropout: float,
    sees: Bool[Tensor, "#batch asker time"] | None,
    causal: bool,
) -> Float[Tensor, "batch head asker width"]:
    """Let every asker of a whole batch gather."""
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
        gathered = _Attention.apply(*flat, dropout, hides, causal, gaps)
    return gathered.unflatten(0, (-1, heads))


class _Attention(torch.autograd.Function):
    """Softmax, dropout and both products, some askers at a time; gradients from the weights and from what was kept."""

    @staticmethod
    def forward(ctx, query, key, value, rate, hides, causal, gaps):
        scale, gathered = query.shape[-1] ** -0.5, torch.empty_like(query)
        made = []
        for part, seen in _Attention.parts(query, key, causal):
            asks, keys, values = rows(query, part), rows(key, seen), rows(value, seen)
            if hides is None:
                scores = torch.bmm(asks * scale, keys.transpose(1, 2))
            else:
                hidden = hides[:, part, seen]
                scores = torch.baddbmm(hidden, asks, keys.transpose(1, 2), alpha=scale)
            weights = torch.softmax(scores, -1, out=scores)
            if gaps:
                weights.nan_to_num_(0.0)  # who sees nothing gathers nothing
            left = kept(weights, rate) if rate else None
            gathered[:, part] = torch.bmm(weights if left is None else weights * left, values)
            made += [asks, keys, values, weights, left]
        ctx.save_for_backward(*made)
        ctx.causal, ctx.shapes = causal, (query.shape, key.shape)
        return gathered

    @staticmethod
    @once_differentiable
    def backward(ctx, slope):
        made, (asked, known) = ctx.saved_tensors, ctx.shapes
        scale, to_query = asked[-1] ** -0.5, slope.new_empty(asked)
        to_key, to_value = slope.new_zeros(known), slope.new_zeros(known)
        parts = _Attention.parts(slope, to_key, ctx.causal)
        pieces = (made[place::5] for place in range(5))
        for (part, seen), *found in zip(parts, *pieces, strict=True):
            asks, keys, values, weights, left = found
            slopes = rows(slope, part)
            used = weights if left is None else weights * left
            to_value[:, seen] += torch.bmm(used.transpose(1, 2), slopes)
            to_weights = torch.bmm(slopes, values.transpose(1, 2))
            if left is not None:
                to_weights.mul_(left)
            to_scores = torch._softmax_backward_data(to_weights, weights, -1, weights.dtype)
            to_scores *= scale
            to_query[:, part] = torch.bmm(to_scores, keys)
            to_key[:, seen] += torch.bmm(to_scores.transpose(1, 2), asks)
        return to_query, to_key, to_value, None, None, None, None

    @staticmethod
    def parts(query, key, causal):
        """List which askers are taken together, and the positions that they may see."""
        asker, time = query.shape[1], key.shape[1]
        if not causal:
            return [(slice(0, asker), slice(0, time))]
        edges = [*range(0, asker, BLOCK), asker]
        return [(slice(a, b), slice(0, b)) for a, b in pairwise(edges)]


def rows(
    values: Float[Tensor, "batch time width"], some: slice
) -> Float[Tensor, "batch row width"]:
    """Take some rows of each matrix, behind one another in memory: products copy others, and transposed ones slowly."""
    return values[:, some].contiguous()
