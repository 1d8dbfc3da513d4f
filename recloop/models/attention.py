"""Attention, the part that all blocks share, in few passes on a processor.

Vaswani et al. Attention Is All You Need. NeurIPS 2017.

PyTorch's own has no fast dropout there, and takes up to nine times as long where oneDNN multiplies, which it asks for
many small products (benchmarks/README.md).
"""

from itertools import pairwise

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import scaled_dot_product_attention

from recloop.fitting import processor
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
        sees: what each asker sees; all, unless given. Who sees nothing gathers nothing.
        causal: whether asker t sees no more than the positions 0..t of those.
    """
    split = [part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in (query, key, value)]
    if query.device.type == "cpu" and (dropout or processor.rounding() != "none"):
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
    """Let every asker gather, in few products."""
    heads, (asker, time) = query.shape[1], (query.shape[2], key.shape[2])
    # Numbers of 16 bits are too few for weights that are summed.
    wide = torch.float64 if query.dtype == torch.float64 else torch.float32
    hides = unseeing = None
    if causal:
        past = torch.ones(1, asker, time, dtype=torch.bool).tril()
        sees = past if sees is None else sees & past
    if sees is not None:
        sees = sees.repeat_interleave(heads, 0) if len(sees) > 1 else sees
        hides = torch.zeros(sees.shape, dtype=wide).masked_fill_(~sees, -torch.inf)
        unseeing = ~sees.any(-1, keepdim=True)
        unseeing = unseeing if unseeing.any() else None
    flat = [part.flatten(0, 1).to(wide).contiguous() for part in (query, key, value)]
    with torch.autocast(query.device.type, enabled=False):
        gathered = _Attention.apply(*flat, dropout, hides, unseeing, causal)
    return gathered.to(query.dtype).unflatten(0, (-1, heads))


class _Attention(torch.autograd.Function):
    """Softmax, dropout and both products, some askers at a time; gradients from the weights and from what was kept."""

    @staticmethod
    def forward(ctx, query, key, value, rate, hides, unseeing, causal):
        scale, gathered = query.shape[-1] ** -0.5, torch.empty_like(query)
        made = []
        for part, seen in _Attention.parts(query, key, causal):
            asks, keys = rows(query, part), rows(key, seen).transpose(1, 2)
            if hides is None:
                scores = torch.bmm(asks * scale, keys)
            else:
                scores = torch.baddbmm(hides[:, part, seen], asks, keys, alpha=scale)
            weights = torch.softmax(scores, -1, out=scores)
            if unseeing is not None:
                weights.masked_fill_(unseeing[:, part], 0.0)  # who sees nothing gathers nothing
            left = kept(weights, rate) if rate else None
            used = weights if left is None else weights * left
            gathered[:, part] = torch.bmm(used, rows(value, seen))
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
        parts = _Attention.parts(query, key, ctx.causal)
        for (part, seen), weights, left in zip(parts, made[::2], made[1::2], strict=True):
            slopes, used = rows(slope, part), weights if left is None else weights * left
            to_value[:, seen] += torch.bmm(used.transpose(1, 2), slopes)
            to_weights = torch.bmm(slopes, rows(value, seen).transpose(1, 2))
            if left is not None:
                to_weights.mul_(left)
            to_scores = torch._softmax_backward_data(to_weights, weights, -1, weights.dtype)
            to_scores *= scale
            to_query[:, part] = torch.bmm(to_scores, rows(key, seen))
            to_key[:, seen] += torch.bmm(to_scores.transpose(1, 2), rows(query, part))
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
