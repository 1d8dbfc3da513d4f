"""IR_img and IR_txt: a Transformer that reads one modality only.

Wu et al. Goal-Oriented Multi-Modal Interactive Recommendation with Verbal and Non-Verbal Relevance Feedback.
RecSys 2023, S4.4.
"""

from jaxtyping import Float
from torch import Tensor

from recloop.models.dialogue.dialogue import Feedback, State
from recloop.models.dialogue.tracked import Attentive


class IR(Attentive):
    """One token per turn: the liked item, or the critique.

    Items are embedded without a gradient, so in a learned space IR_txt ranks by the image layer as it was drawn.

    Args:
        features: width of the encoder's vectors.
        modality: `img` or `txt`.
        settings: as `Attentive`.
    """

    def __init__(self, features: int, modality: str = "txt", **settings):
        super().__init__(features, **settings)
        if modality not in ("img", "txt"):
            raise ValueError(f"modality={modality!r}: take img or txt")
        self.modality = modality
        if modality == "img":
            del self.space.text  # nothing would ever go through it

    def read(
        self, state: State, feedback: Feedback
    ) -> tuple[Float[Tensor, "batch token dim"], dict[str, Tensor]]:
        """Return the token of the one modality."""
        if self.modality == "img":
            return self.space.image(feedback.liked)[:, None], {}
        return self.space.text(feedback.text)[:, None], {}
