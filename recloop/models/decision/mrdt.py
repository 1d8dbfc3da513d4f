"""MRDT: MODT4R with the token order of the original decision transformer and without return learning.

Wang et al. MODT4R. TKDE 2025, Sec 4.5.1 (Baselines); Chen et al. Decision Transformer. NeurIPS 2021.
"""

from recloop.models.decision.modt4r import MODT4R, OBJECTIVES


class MRDT(MODT4R):
    """Return, state, action: the action is read at the state.

    Args: as `MODT4R`, without those of the return loss.
    """

    order = (*OBJECTIVES, "state", "action")

    def __init__(self, **settings):
        super().__init__(return_loss=0.0, **settings)  # what MODT4R adds to it, Sec 4.5.2
