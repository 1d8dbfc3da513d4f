"""CLIP4Cir: the next list from the last liked item and critique, combined in CLIP's own space.

Baldrati et al. Effective Conditioned and Composed Image Retrieval Combining CLIP-Based Features. CVPR 2022, in the form
that GOMMIR (RecSys 2023) runs: the encoder stays as it is, and the loss is the hinge of the other baselines.
"""

from torch.nn.functional import normalize

from recloop.models.dialogue.composition import Combiner
from recloop.models.dialogue.dialogue import DialogueModel, Feedback, State
from recloop.models.dialogue.spaces import Space


class CLIP4Cir(DialogueModel):
    """The combined feature, a unit vector, is the query; items are unit vectors, so Euclidean rank is cosine rank.

    Args:
        features: width of the encoder's vectors.
        dim: width of the Combiner's projections and hidden layers.
        dropout: share dropped in training.
        normalised_inputs: give the Combiner unit vectors. By default it gets them as the encoder made them, as in
            GOMMIR's code; CLIP's have length 10, beside which what is learned is small at first.
        margin, stop_at_target: see `DialogueModel`.
    """

    def __init__(
        self,
        features: int,
        dim: int = 512,  # GOMMIR's code
        dropout: float = 0.5,  # released code
        normalised_inputs: bool = False,
        margin: float = 0.1,  # released code
        stop_at_target: bool = False,
    ):
        super().__init__(Space(features, features, "unit"), margin, stop_at_target)
        self.normalised_inputs = normalised_inputs
        self.compose = Combiner(features, dim, dropout)

    def observe(self, state: State, feedback: Feedback) -> State:
        """Combine the liked item with the critique."""
        image, text = feedback.liked, feedback.text
        if self.normalised_inputs:
            image, text = self.space.image(image), self.space.text(text)
        return State(normalize(self.compose(image, text), dim=-1))
