"""SNQN: SQN that also learns from items the user did not take.

Xin et al. Supervised Advantage Actor-Critic for Recommender Systems. WSDM 2022.
"""

from recloop.models.sequential.negatives import Negatives
from recloop.models.sequential.sqn import SQN


class SNQN(Negatives, SQN):
    """Cross-entropy plus the TD errors of what the user did and of sampled negatives.

    Args: as `Negatives` and `SQN`.
    """
