"""Sampled softmax: cross-entropy of the next item among itself and a few drawn ones.

Jean et al. On Using Very Large Target Vocabulary for Neural Machine Translation. ACL 2015; for SASRec: Klenitskiy and
Vasilev. Turning Dross Into Gold Loss. RecSys 2023, and Tikhonovich et al. eSASRec. RecSys 2025.
"""

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from recloop.models.sequential.sampled import Sampled


class SampledSoftmax(Sampled):
    """Cross-entropy among drawn items; drawn uniformly, they need no correction of their scores.

    Args: as `Sampled`.
    """

    def contrast(
        self, right: Float[Tensor, " row"], wrong: Float[Tensor, "row negative"]
    ) -> Float[Tensor, ""]:
        """Average log(1 + sum exp(s- - s+)) over the positions."""
        return softplus(wrong.logsumexp(1) - right).mean()
