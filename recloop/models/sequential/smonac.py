"""SMONAC (reconstruction): SMORL with negative actions and an advantage that weights the imitation.

Zhou et al. Supervised Multi-Objective Negative Actor-Critic for Sequential Recommendation. IEEE TNNLS 2023. Neither its
text nor its code was at hand: it is rebuilt as SMORL's three values with the negatives of SNQN and the advantage of
SA2C (Xin et al. Supervised Advantage Actor-Critic for Recommender Systems. WSDM 2022).
"""

from recloop.models.sequential.negatives import Advantage
from recloop.models.sequential.smorl import SMORL


class SMONAC(Advantage, SMORL):
    """SMORL that also values items the user did not take, and imitates most where the user's choice stood out.

    Args: as `Advantage` and `SMORL`.
    """
