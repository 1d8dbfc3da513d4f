"""MMT: a Transformer that attends to every critique and every liked item so far.

Wu et al. Fashion IQ: A New Dataset Towards Retrieving Images by Natural Language Feedback. CVPR 2021, in the form that
GOMMIR (RecSys 2023) runs: one vector per critique instead of its words, no predicted attributes.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from recloop.models.dialogue.dialogue import Feedback, State
from recloop.models.dialogue.tracked import Attentive


class MMT(Attentive):
    """Three tokens per turn: a special one, the critique, the liked item.

    Args:
        features: width of the encoder's vectors.
        settings: as `Attentive`.
    """

    def __init__(self, features: int, **settings):
        super().__init__(features, **settings)
        # released code: zeros through a Norm, which leaves the Norm's bias, zero at the start
        self.special = nn.Parameter(torch.zeros(self.space.dim))

    def read(
        self, state: State, feedback: Feedback
    ) -> tuple[Float[Tensor, "batch token dim"], dict[str, Tensor]]:
        """Return the three tokens of a turn."""
        liked, text = self.space.image(feedback.liked), self.space.text(feedback.text)
        return torch.stack([self.special.expand_as(text), text, liked], dim=1), {}
