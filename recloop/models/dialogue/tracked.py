"""Dialogue models that differ only in what their tracker reads: tokens under attention, or one vector under a GRU.

Wu et al. Goal-Oriented Multi-Modal Interactive Recommendation with Verbal and Non-Verbal Relevance Feedback.
RecSys 2023, S3.2 and S4.4.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.models.dialogue.composition import Concatenation
from recloop.models.dialogue.dialogue import DialogueModel, Feedback, State
from recloop.models.dialogue.spaces import Space
from recloop.models.dialogue.tracker import TransformerTracker


class Attentive(DialogueModel):
    """Tokens of every turn under one Transformer: s = Linear(Tanh(Mean(TranEnc(tokens)))), GOMMIR Eq. 4.

    A subclass says in `read` which tokens a turn gives. The whole dialogue is encoded anew at every turn, and gradients
    flow through all earlier tokens.

    Args:
        features: width of the encoder's vectors.
        tracker: makes the Transformer, see `TransformerTracker`.
        dim: width of a learned space and of the Transformer.
        space: see `Space`.
        margin, stop_at_target: see `DialogueModel`.
    """

    def __init__(
        self,
        features: int,
        tracker: Callable[..., nn.Module] = TransformerTracker,
        dim: int = 512,  # S4.1
        space: str = "learned",
        margin: float = 0.1,  # released code
        stop_at_target: bool = False,
    ):
        super().__init__(Space(features, dim, space), margin, stop_at_target)
        self.tracker = tracker(inputs=self.space.dim, dim=dim)
        self.head = nn.Linear(dim, self.space.dim)

    def begin(
        self, history: Float[Tensor, "batch past features"], length: Int[Tensor, " batch"]
    ) -> State:
        """Start with no tokens."""
        empty = history.new_zeros(len(history), 0, self.space.dim)
        return State(history.new_zeros(len(history), self.space.dim), {"tokens": empty})

    def observe(self, state: State, feedback: Feedback) -> State:
        """Append the tokens of this turn and encode all of them."""
        fresh, extra = self.read(state, feedback)
        tokens = torch.cat([state.memory["tokens"], fresh], dim=1)
        query = self.head(self.tracker(tokens).tanh())
        return State(query, {"tokens": tokens}, extra)

    def read(
        self, state: State, feedback: Feedback
    ) -> tuple[Float[Tensor, "batch token dim"], dict[str, Tensor]]:
        """Return the tokens of this turn, and the `extra` of the state that they lead to."""
        raise NotImplementedError


class Recurrent(DialogueModel):
    """Image and critique joined by a linear layer, then a GRU, then s = Linear(h).

    Args:
        features: width of the encoder's vectors.
        dim: width of a learned space and of the GRU.
        space: see `Space`.
        margin, stop_at_target: see `DialogueModel`.
    """

    def __init__(
        self,
        features: int,
        dim: int = 512,  # GOMMIR S4.1
        space: str = "learned",
        margin: float = 0.1,  # released code
        stop_at_target: bool = False,
    ):
        super().__init__(Space(features, dim, space), margin, stop_at_target)
        self.fuse = Concatenation(self.space.dim, dim)
        self.cell = nn.GRUCell(dim, dim, bias=False)  # released code
        self.head = nn.Linear(dim, self.space.dim)

    def begin(
        self, history: Float[Tensor, "batch past features"], length: Int[Tensor, " batch"]
    ) -> State:
        """Start with a hidden state of zeros."""
        hidden = history.new_zeros(len(history), self.cell.hidden_size)
        return State(history.new_zeros(len(history), self.space.dim), {"hidden": hidden})

    def observe(self, state: State, feedback: Feedback) -> State:
        """Take one turn into the hidden state."""
        liked, text = self.space.image(feedback.liked), self.space.text(feedback.text)
        hidden = self.cell(self.fuse(liked, text), state.memory["hidden"])
        return State(self.head(hidden), {"hidden": hidden})
