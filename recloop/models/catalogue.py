"""The output layer of every ranker: a score for each item of the catalogue, trained in bounded memory."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import embedding

from recloop.fitting import processor
from recloop.fitting.highest import highest

# Scores that one chunk holds: 2 MB on a CPU stay in its cache, 1 GiB on a GPU keep it busy.
CHUNK = {"cpu": 1 << 19, "cuda": 1 << 28}
FEWEST = 128  # rows of a chunk: with fewer the item table is read again too often
FEW = 32  # states for which adding the bias costs less than a copy of the item table with it
COPIED = 1 << 21  # numbers of drawn rows that are copied together: 8 MB
# Items per drawn one up to which a product with all of them is faster than copying rows: benchmarks/sampled.py.
DENSE = 64


class Catalogue(nn.Linear):
    """A linear layer from a state to one score per item, `W s + b`.

    Args:
        dim: width of a state.
        items: size of the catalogue; column j of the scores is item j.
    """

    def __init__(self, dim: int, items: int):
        super().__init__(dim, items)

    def forward(self, states: Float[Tensor, "*row dim"]) -> Float[Tensor, "*row item"]:
        """Score every item for each state."""
        few = states.numel() < FEW * self.in_features
        if few or states.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
            return super().forward(states)
        large = states.numel() * self.out_features >= processor.WORTHWHILE
        with processor.wide(large):
            return with_ones(states) @ with_bias(self.weight, self.bias).T

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
        states = states.to(self.weight.dtype)
        weights = torch.ones_like(states[:, 0]) if weights is None else weights
        with unrounded(states):
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
        all_of_them = self.out_features <= DENSE * items.shape[1]
        among = _AmongAll if all_of_them else _AmongDrawn
        with unrounded(states):
            return among.apply(states.to(self.weight.dtype), self.weight, self.bias, items)

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
    chunks = with_ones(states).split(rows_per_chunk(states, weight))
    matrix, room = with_bias(weight, bias).T, states.new_empty(len(chunks[0]), len(weight))
    found = []
    for chunk in chunks:
        with processor.wide(is_large(chunk, weight, len(room))):
            scores = torch.mm(chunk, matrix, out=room[: len(chunk)])
        found.append(highest(scores))
    return torch.cat(found)


def is_large(chunk: Tensor, weight: Tensor, rows: int) -> bool:
    """Check whether a chunk is a whole one, whose shape comes again, and its product with the item table is large."""
    return len(chunk) == rows and rows * weight.numel() >= processor.WORTHWHILE


def unrounded(states: Tensor) -> torch.autocast:
    """Switch autocast off: sums over all items are no place to round."""
    return torch.autocast(states.device.type, enabled=False)


class _CrossEntropy(torch.autograd.Function):
    """Cross-entropy whose gradients are made together with its value, while a chunk of scores is at hand."""

    @staticmethod
    def forward(ctx, states, weight, bias, targets, weights, correct=None):
        inputs, matrix = with_ones(states), with_bias(weight, bias)
        gradients = _Gradients(states, weight) if any(ctx.needs_input_grad) else None
        loss = states.new_zeros(())
        step = rows_per_chunk(states, weight)
        # Used again: fresh memory costs more.
        room = states.new_empty(min(step, len(states)), len(weight))
        for first in range(0, len(states), step):
            part = slice(first, first + step)
            index, share = targets[part, None].long(), weights[part]
            with processor.wide(is_large(inputs[part], weight, step)):
                scores = torch.mm(inputs[part], matrix.T, out=room[: len(inputs[part])])
                chances = torch.softmax(scores, 1, out=scores)
                chosen = chances.gather(1, index).squeeze(1)
                share = correct(chosen, index.squeeze(1)) * share if correct else share
                if gradients:
                    chances.scatter_add_(1, index, -torch.ones_like(share)[:, None])
                    gradients.add(part, chances, inputs[part], share[:, None])
            # Below the smallest normal float the value (not the gradient) saturates, at 87 nats.
            loss -= chosen.clamp_min(torch.finfo(chosen.dtype).tiny).log() @ share
        if gradients:
            ctx.save_for_backward(gradients.states, gradients.matrix)
        return loss

    @staticmethod
    def backward(ctx, slope):
        states, matrix = (gradient * slope for gradient in ctx.saved_tensors)
        return states, matrix[:-1].T, matrix[-1], None, None, None


class _Gradients:
    """Gradients of a loss over all items with respect to states, weight and bias, filled chunk by chunk.

    Attributes:
        states: shape (row, dim).
        matrix: of the weight and, in its last row, of the bias: (dim + 1, item). The other way round, a product of a
            short and wide matrix with a long one, takes twice as long.
    """

    def __init__(self, states, weight):
        self.weight, self.states = weight, torch.empty_like(states)
        self.matrix = weight.new_zeros(weight.shape[1] + 1, len(weight))

    def add(self, part, errors, inputs, share=None):
        """Add a chunk: errors of the scores, inputs with their column of ones, and weights of the rows."""
        found = torch.mm(errors, self.weight, out=self.states[part])
        if share is not None:
            # Rows are weighted on the narrow side of each product, not by a pass over all scores.
            found.mul_(share)
            inputs = inputs * share
        self.matrix.addmm_(inputs.T, errors)


def with_ones(states: Float[Tensor, "*row dim"]) -> Float[Tensor, "*row dim+1"]:
    """Append a column of ones, which the bias is multiplied with."""
    return torch.cat([states, torch.ones_like(states[..., :1])], -1)


def with_bias(
    weight: Float[Tensor, "item dim"], bias: Float[Tensor, " item"]
) -> Float[Tensor, "item dim+1"]:
    """Append the bias as one more column: adding it would be another pass over all scores, as would its gradient."""
    return torch.cat([weight, bias[:, None]], 1)


class _AmongAll(torch.autograd.Function):
    """Scores of some items per state picked among those of all, and their gradients."""

    @staticmethod
    def forward(ctx, states, weight, bias, items):
        ctx.save_for_backward(states, weight, items)
        inputs, matrix = with_ones(states), with_bias(weight, bias)
        found, step = states.new_empty(items.shape), rows_per_chunk(states, weight)
        room = states.new_empty(min(step, len(states)), len(weight))
        for first in range(0, len(states), step):
            part = slice(first, first + step)
            scores = torch.mm(inputs[part], matrix.T, out=room[: len(inputs[part])])
            torch.gather(scores, 1, items[part], out=found[part])
        return found

    @staticmethod
    def backward(ctx, slopes):
        states, weight, items = ctx.saved_tensors
        gradients, inputs = _Gradients(states, weight), with_ones(states)
        step = rows_per_chunk(states, weight)
        room = states.new_zeros(min(step, len(states)), len(weight))
        for first in range(0, len(states), step):
            part = slice(first, first + step)
            errors = room[: len(inputs[part])].scatter_add_(1, items[part], slopes[part])
            gradients.add(part, errors, inputs[part])
            errors.scatter_(1, items[part], 0.0)  # cheaper than zeros everywhere
        return gradients.states, gradients.matrix[:-1].T, gradients.matrix[-1], None


class _AmongDrawn(torch.autograd.Function):
    """Scores of some items per state by products with their rows, and their gradients."""

    @staticmethod
    def forward(ctx, states, weight, bias, items):
        ctx.save_for_backward(states, weight, bias, items)
        found = bias[items]
        for part in _AmongDrawn.parts(states, items):
            rows = embedding(items[part], weight)
            found[part] += torch.bmm(rows, states[part, :, None]).squeeze(2)
        return found

    @staticmethod
    def backward(ctx, slopes):
        states, weight, bias, items = ctx.saved_tensors
        to_states, to_weight = torch.empty_like(states), torch.zeros_like(weight)
        for part in _AmongDrawn.parts(states, items):
            rows, slope = embedding(items[part], weight), slopes[part]
            torch.bmm(slope[:, None], rows, out=to_states[part].unsqueeze(1))
            each = (slope[:, :, None] * states[part, None]).flatten(0, 1)
            to_weight.index_add_(0, items[part].flatten(), each)
        to_bias = torch.zeros_like(bias).index_add_(0, items.flatten(), slopes.flatten())
        return to_states, to_weight, to_bias, None

    @staticmethod
    def parts(states, items):
        """Cut the states into chunks whose drawn rows fit into memory."""
        numbers = items.shape[1] * states.shape[1]
        step = max(1, COPIED // numbers)
        return [slice(first, first + step) for first in range(0, len(states), step)]


def rows_per_chunk(states: Float[Tensor, "row dim"], weight: Float[Tensor, "item dim"]) -> int:
    """Count how many rows of scores over all items a chunk has: as many as it holds, and not too few."""
    return max(FEWEST, CHUNK.get(states.device.type, CHUNK["cpu"]) // len(weight))
