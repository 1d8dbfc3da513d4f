"""TIRG: the next list from the last liked item and critique alone.

Vo et al. Composing Text and Image for Image Retrieval: an Empirical Odyssey. CVPR 2019, in the form that GOMMIR
(RecSys 2023) runs: encoder vectors, and the hinge of the other baselines.
"""

from recloop.models.dialogue.composition import GatedResidual
from recloop.models.dialogue.dialogue import DialogueModel, Feedback, State
from recloop.models.dialogue.spaces import Space


class TIRG(DialogueModel):
    """The composed feature is the query; the turns before are forgotten.

    Args:
        features: width of the encoder's vectors.
        dim: width of a learned space.
        branches: see `GatedResidual`.
        space: see `Space`.
        margin, stop_at_target: see `DialogueModel`.
    """

    def __init__(
        self,
        features: int,
        dim: int = 512,  # GOMMIR S4.1
        branches: str = "printed",
        space: str = "learned",
        margin: float = 0.1,  # released code
        stop_at_target: bool = False,
    ):
        super().__init__(Space(features, dim, space), margin, stop_at_target)
        self.compose = GatedResidual(self.space.dim, branches)

    def observe(self, state: State, feedback: Feedback) -> State:
        """Compose the liked item with the critique."""
        return State(self.compose(self.space.image(feedback.liked), self.space.text(feedback.text)))
