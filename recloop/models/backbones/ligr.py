"""SASRec with LiGR's blocks, the session encoder of eSASRec.

Tikhonovich et al. eSASRec: Enhancing Transformer-based Recommendations in a Modular Fashion. RecSys 2025.
"""

from recloop.models.backbones.sasrec import SASRec
from recloop.models.blocks import LiGRBlock


class LiGR(SASRec):
    """Causal self-attention whose branches are gated.

    Args: as `SASRec`.
    """

    block = LiGRBlock
