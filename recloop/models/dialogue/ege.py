"""EGE: estimator, generator, evaluator; the evaluator judges a state by the critiques so far.

Wu et al. Partially Observable Reinforcement Learning for Dialog-based Interactive Recommendation. RecSys 2021, in the
form that GOMMIR (RecSys 2023) runs.
"""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from recloop.models.dialogue.dialogue import Dialogue, Feedback, State
from recloop.models.dialogue.valued import Valued


class EGE(Valued):
    """Q_t is the highest value of the state with any critique so far: max_j tanh(W_2 W_1 W_j (s_t + c_j)).

    Args:
        features: width of the encoder's vectors.
        settings: as `Valued`.
    """

    frozen: ClassVar = {"pretrain": ("evaluator",)}

    def __init__(self, features: int, **settings):
        super().__init__(features, **settings)
        dim = self.space.dim
        # released code: no activation between the three, so they are one linear map. Without biases (ours) the
        # score of a sum is the sum of scores, and turns x critiques pairs cost turns + critiques products.
        self.evaluator = nn.Sequential(
            nn.Linear(dim, dim, bias=False),
            nn.Linear(dim, dim, bias=False),
            nn.Linear(dim, 1, bias=False),
        )

    def observe(self, state: State, feedback: Feedback) -> State:
        """Track as DM does and keep the critique for the evaluator."""
        after = super().observe(state, feedback)
        return State(after.query, after.memory, {"critique": self.space.text(feedback.text)})

    def values(self, dialogue: Dialogue) -> Float[Tensor, "batch state"]:
        """Value each state under the critiques before it; -1 would be the value without any, so 0 stands there."""
        first = dialogue.first
        critiques = torch.stack([state.extra["critique"] for state in dialogue.states[1:]], dim=1)
        state_score = self.evaluator(dialogue.queries(first))  # batch state 1
        critique_score = self.evaluator(critiques).transpose(1, 2)  # batch 1 critique
        turn = torch.arange(first, len(dialogue.states), device=critiques.device)
        known = torch.arange(critiques.shape[1], device=critiques.device) < turn[:, None]
        value = (state_score + critique_score).masked_fill(~known, -torch.inf).amax(-1).tanh()
        return value.where(known.any(-1), 0.0)
