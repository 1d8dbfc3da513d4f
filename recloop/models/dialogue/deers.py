"""DEERS for dialogues: one GRU over liked items and critiques, one over what was disliked, a value over both.

Zhao et al. Recommendations with Negative Feedback via Pairwise Deep Reinforcement Learning. KDD 2018, in the form that
GOMMIR (RecSys 2023) runs: no regulariser between competitors.
"""

from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import pad

from recloop.models.dialogue.dialogue import Dialogue, Feedback, State
from recloop.models.dialogue.valued import Valued, stack


class DEERS(Valued):
    """Q(s+, s-, a) = tanh(W_o W_h [W_+ [s+; a]; W_- [s-; a]]), averaged over the shown items a; s+ ranks.

    Args:
        features: width of the encoder's vectors.
        shown: K; the layer that reads the K - 1 disliked items depends on it.
        shared_head: read s- with the head of s+, as the authors' code does by mistake; its own head then never learns.
        settings: as `Valued`.
    """

    frozen: ClassVar = {
        "pretrain": (
            "fuse_disliked",
            "negative_cell",
            "negative_head",
            "with_positive",
            "with_negative",
            "value",
        )
    }

    def __init__(self, features: int, shown: int, shared_head: bool = False, **settings):
        super().__init__(features, **settings)
        if shown < 2:
            raise ValueError(f"shown={shown}: DEERS reads disliked items, show two or more")
        dim, hidden = self.space.dim, self.cell.hidden_size
        self.shared_head = shared_head
        self.fuse_disliked = nn.Linear((shown - 1) * dim, hidden, bias=False)
        self.negative_cell = nn.GRUCell(hidden, hidden, bias=False)
        self.negative_head = nn.Linear(hidden, dim)
        self.with_positive, self.with_negative = (nn.Linear(2 * dim, dim) for _ in range(2))
        self.value = nn.Sequential(nn.Linear(2 * dim, dim), nn.Linear(dim, 1), nn.Tanh())

    def begin(
        self, history: Float[Tensor, "batch past features"], length: Int[Tensor, " batch"]
    ) -> State:
        """Start both hidden states with zeros."""
        state = super().begin(history, length)
        state.memory["negative"] = torch.zeros_like(state.memory["hidden"])
        return state

    def observe(self, state: State, feedback: Feedback) -> State:
        """Track the liked item and the critique as DM does, and the disliked items beside them."""
        after = super().observe(state, feedback)
        disliked = self.fuse_disliked(self.space.image(feedback.disliked).flatten(1))
        hidden = self.negative_cell(disliked, state.memory["negative"])
        negative = (self.head if self.shared_head else self.negative_head)(hidden)
        memory = after.memory | {"negative": hidden}
        return State(after.query, memory, {"negative": negative})

    def values(self, dialogue: Dialogue) -> Float[Tensor, "batch state"]:
        """Value each state by the list it chose; the last one chose none and its value is 0 (ours)."""
        first = dialogue.first
        actions = dialogue.table[dialogue.shown[:, first:]]  # batch turn k dim
        positive = beside(dialogue.queries(first, -1), actions)
        negative = beside(stack(dialogue, "negative")[:, :-1], actions)
        both = torch.cat([self.with_positive(positive), self.with_negative(negative)], dim=-1)
        return pad(self.value(both).squeeze(-1).mean(-1), (0, 1))


def beside(
    states: Float[Tensor, "batch turn dim"], actions: Float[Tensor, "batch turn k dim"]
) -> Float[Tensor, "batch turn k both"]:
    """Put each state beside each of its items."""
    return torch.cat([states[:, :, None].expand_as(actions), actions], dim=-1)
