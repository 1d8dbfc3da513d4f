"""MMRAN: a gated recurrent network reads the turns, attention reads its hidden states.

Wu et al. Multi-Modal Dialog State Tracking for Interactive Fashion Recommendation. RecSys 2022, in the form that GOMMIR
(RecSys 2023) runs.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from recloop.models.dialogue.dialogue import Feedback, State
from recloop.models.dialogue.mmt import MMT
from recloop.models.dialogue.tracker import GatedRecurrence


class MMRAN(MMT):
    """Two tokens per turn: the special one and the hidden state of a gated recurrence.

    Args:
        features: width of the encoder's vectors.
        settings: as `Attentive`.
    """

    def __init__(self, features: int, **settings):
        super().__init__(features, **settings)
        self.recurrence = GatedRecurrence(self.space.dim)

    def read(
        self, state: State, feedback: Feedback
    ) -> tuple[Float[Tensor, "batch token dim"], dict[str, Tensor]]:
        """Return the two tokens of a turn; the last token of the turn before is h_{t-1}, zeros at first."""
        liked, text = self.space.image(feedback.liked), self.space.text(feedback.text)
        past = state.memory["tokens"]
        before = past[:, -1] if past.shape[1] else torch.zeros_like(text)
        after = self.recurrence(liked, text, before)
        return torch.stack([self.special.expand_as(text), after], dim=1), {}
