"""The output layer of every ranker: a score for each item of the catalogue, trained in bounded memory."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import embedding

# Scores that one chunk may hold: 8 MB on a CPU stay near its cache, 1 GiB on a GPU keep it busy.
CHUNK = {"cpu": 1 << 21, "cuda": 1 << 28}


class Catalogue(nn.Linear):
    """A linear layer from a state to one score per item, `W s + b`.

    Args:
        dim: width of a state.
        items: size of the catalogue; column j of the scores is item j.
    """

    def __init__(self, dim: int, items: int):
        super().__init__(dim, items)

    def loss(
        self,
        states: Float[Tensor, "row dim"],
        targets: Int[Tensor, " row"],
        weights: Float[Tensor, " row"] | None = None,
        correct: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> Float[Tensor, ""]:
        """Mean cross-entropy of the targets over the full catalogue, each row times its weight.

        `correct` makes a second weight from the chances of some targets and the targets themselves, both of shape
        (row,), for whom a weight depends on the chance that this pass finds; no gradient flows through it.

        Memory is one chunk of scores, whatever the number of rows: gradients are formed chunk by chunk in the forward
        pass, in the three matrix products that a plain implementation needs too.
        """
        weights = torch.ones_like(states[:, 0]) if weights is None else weights
        return _CrossEntropy.apply(
            states, self.weight, self.bias, targets, weights / max(len(targets), 1), correct
        )

    def at(
        self, states: Float[Tensor, "*row dim"], items: Int[Tensor, "*row"]
    ) -> Float[Tensor, "*row"]:
        """Score one given item per state, without touching the others."""
        # Not weight[items]: its gradient is summed in the order that threads come by.
        weight, bias = embedding(items, self.weight), embedding(items, self.bias[:, None])
        return (states * weight).sum(-1) + bias.squeeze(-1)

    def among(
        self, states: Float[Tensor, "row dim"], items: Int[Tensor, "row drawn"]
    ) -> Float[Tensor, "row drawn"]:
        """Score the given items of each state, in bounded memory beside the scores themselves.

        Where many of a small catalogue are drawn, a product with all items and a pick among the scores costs less than
        copying the rows of the drawn ones together.
        """
        return _Among.apply(states, self.weight, self.bias, items)

    def mean_square(self, states: Float[Tensor, "row dim"]) -> Float[Tensor, ""]:
        """Mean square of the scores of all items, without making them: s'(W'W)s + 2 s'(W'b) + b'b over the items."""
        square, cross = self.weight.T @ self.weight, self.weight.T @ self.bias
        found = ((states @ square + 2 * cross) * states).sum(1) + self.bias @ self.bias
        return found.mean() / self.out_features

    @torch.no_grad()
    def best(self, states: Float[Tensor, "row dim"]) -> Int[Tensor, " row"]:
        """Find the item with the highest score for each state."""
        return best(states, self.weight, self.bias)


@torch.no_grad()
def best(
    states: Float[Tensor, "row dim"],
    weight: Float[Tensor, "item dim"],
    bias: Float[Tensor, " item"],
) -> Int[Tensor, " row"]:
    """Find the item with the highest `W s + b` for each state, a chunk of states at a time."""
    if not len(states):
        return states.new_empty(0, dtype=torch.long)
    chunks = states.split(rows_per_chunk(states, weight))
    return torch.cat([torch.addmm(bias, chunk, weight.T).argmax(1) for chunk in chunks])


class _CrossEntropy(torch.autograd.Function):
    """Cross-entropy whose gradients are made together with its value, while a chunk of scores is at hand."""

    @staticmethod
    def forward(ctx, states, weight, bias, targets, weights, correct=None):
        gradients = _Gradients(states, weight, bias) if any(ctx.needs_input_grad) else None
        loss = states.new_zeros(())
        step = rows_per_chunk(states, weight)
        for first in range(0, len(states), step):
            part = slice(first, first + step)
            scores = torch.addmm(bias, states[part], weight.T)
            chances = torch.softmax(scores, 1, out=scores)
            index, share = targets[part, None].long(), weights[part]
            chosen = chances.gather(1, index).squeeze(1)
            share = correct(chosen, index.squeeze(1)) * share if correct else share
            # Below the smallest normal float the value (not the gradient) saturates, at 87 nats.
            loss -= chosen.clamp_min(torch.finfo(chosen.dtype).tiny).log() @ share
            if gradients:
                chances.scatter_add_(1, index, -torch.ones_like(share)[:, None])
                gradients.add(part, chances, share[:, None])
        if gradients:
            ctx.save_for_backward(gradients.states, gradients.weight, gradients.bias)
        return loss

    @staticmethod
    def backward(ctx, slope):
        states, weight, bias = ctx.saved_tensors
        return states * slope, weight * slope, bias * slope, None, None, None


class _Among(torch.autograd.Function):
    """Scores of some items per state, and their gradients, by products with the whole table or with the drawn rows."""

    DENSE = 16  # items per drawn one up to which a product with all of them is faster; benchmarks/sampled.py

    @staticmethod
    def forward(ctx, states, weight, bias, items):
        ctx.save_for_backward(states, weight, bias, items)
        found, room = states.new_empty(items.shape), None
        for part, dense in _Among.parts(states, weight, items):
            if dense:
                room = states.new_empty(len(found[part]), len(weight)) if room is None else room
                scores = torch.addmm(bias, states[part], weight.T, out=room[: len(found[part])])
                torch.gather(scores, 1, items[part], out=found[part])
            else:
                rows = embedding(items[part], weight)
                torch.bmm(rows, states[part, :, None], out=found[part].unsqueeze(2))
                found[part] += bias[items[part]]
        return found

    @staticmethod
    def backward(ctx, slopes):
        states, weight, bias, items = ctx.saved_tensors
        to_states, to_weight = torch.empty_like(states), torch.zeros_like(weight)
        to_bias = torch.zeros_like(bias) if ctx.needs_input_grad[2] else None
        room = None
        for part, dense in _Among.parts(states, weight, items):
            index, slope, state = items[part], slopes[part], states[part]
            if dense:
                room = slope.new_zeros(len(index), len(weight)) if room is None else room
                errors = room[: len(index)].scatter_add_(1, index, slope)
                torch.mm(errors, weight, out=to_states[part])
                to_weight.addmm_(errors.T, state)
                errors.scatter_(1, index, 0.0)  # cheaper than zeros anew
            else:
                rows = embedding(index, weight)
                torch.bmm(slope[:, None], rows, out=to_states[part].unsqueeze(1))
                each = (slope[:, :, None] * state[:, None]).flatten(0, 1)
                to_weight.index_add_(0, index.flatten(), each)
        if to_bias is not None:
            to_bias.index_add_(0, items.flatten(), slopes.flatten())
        return to_states, to_weight, to_bias, None

    @staticmethod
    def parts(states, weight, items):
        """Cut the rows into chunks; say whether all items or the drawn ones are multiplied."""
        drawn = items.shape[1]
        dense = len(weight) <= _Among.DENSE * drawn
        numbers = len(weight) if dense else drawn * states.shape[1]
        step = max(1, CHUNK.get(states.device.type, CHUNK["cpu"]) // numbers)
        return [(slice(first, first + step), dense) for first in range(0, len(states), step)]


class _Gradients:
    """Gradients of the loss with respect to states, weight and bias, filled chunk by chunk."""

    def __init__(self, states, weight, bias):
        self.inputs, self.matrix = states, weight
        self.states = torch.empty_like(states)
        self.weight, self.bias = torch.zeros_like(weight), torch.zeros_like(bias)

    def add(self, part, errors, share):
        # Rows are weighted on the narrow side of each product, not by another pass over all scores.
        torch.mm(errors, self.matrix, out=self.states[part]).mul_(share)
        self.weight.addmm_(errors.T, self.inputs[part] * share)
        self.bias.addmv_(errors.T, share.squeeze(1))


def rows_per_chunk(states: Float[Tensor, "row dim"], weight: Float[Tensor, "item dim"]) -> int:
    """Count how many rows of scores over all items fit into one chunk."""
    return max(1, CHUNK.get(states.device.type, CHUNK["cpu"]) // len(weight))
