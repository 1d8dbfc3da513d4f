"""gSASRec's loss: binary cross-entropy over many drawn items, whose overconfidence is taken back.

Petrov and Macdonald. gSASRec: Reducing Overconfidence in Sequential Recommendation Trained with Negative Sampling.
RecSys 2023.
"""

import math

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from recloop.models.sequential.sampled import Sampled


class GBCE(Sampled):
    """Binary cross-entropy in which the probability of the next item is raised to the power of beta.

    With one negative and `calibration` 0 it is the loss of SASRec.

    Args:
        calibration: t in [0, 1]; 0 leaves the cross-entropy as it is, 1 makes probabilities of it that are calibrated.
        offset: what the loss adds to every score: `none` (the paper), or `prior`, log(beta / negatives), with which the
            loss is lowest for a model that scores all items 0. Without it small weights first have to move every score
            there, all items and states in one direction, and are then slow to tell them apart again.
        Others: as `Sampled`.
    """

    def __init__(self, calibration: float = 0.75, offset: str = "none", **settings):
        super().__init__(**settings)
        if not 0 <= calibration <= 1:
            raise ValueError(f"calibration={calibration}, but it is a number from 0 to 1")
        if offset not in ("none", "prior"):
            raise ValueError(f"offset={offset!r}, but it is none or prior")
        rate = self.negatives / (self.padding - 1)  # alpha: drawn share of the other items
        self.power = rate * (calibration * (1 - 1 / rate) + 1 / rate)  # beta, from t and alpha
        self.offset = math.log(self.power / self.negatives) if offset == "prior" else 0.0

    def contrast(
        self, right: Float[Tensor, " row"], wrong: Float[Tensor, "row negative"]
    ) -> Float[Tensor, ""]:
        """Average -[beta log sigma(s+) + sum log(1 - sigma(s-))] / (negatives + 1) over the positions."""
        right, wrong = right + self.offset, wrong + self.offset
        total = self.power * softplus(-right) + softplus(wrong).sum(1)
        return total.mean() / (self.negatives + 1)
