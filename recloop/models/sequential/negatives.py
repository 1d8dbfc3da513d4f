"""What SNQN and SA2C add to Q-learning from a log: items that the user did not take, and how much better theirs was.

Xin et al. Supervised Advantage Actor-Critic for Recommender Systems. WSDM 2022.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from recloop.models.sequential.actor_critic import ActorCritic
from recloop.models.sequential.transitions import Step


class Negatives:
    """Stands before a Q-learning model and makes it value items that the user did not take.

    Args:
        negatives: items drawn per transition, never the one taken.
        negative_reward: reward of each of them, under every objective.
        Others: as the model behind it.
    """

    def __init__(self, negatives: int = 10, negative_reward: float = 0.0, **settings):
        super().__init__(**settings)
        self.negatives, self.negative_reward = negatives, negative_reward

    def actions(self, taken: Int[Tensor, " row"]) -> Int[Tensor, "row action"]:
        """Value what the user did and items drawn uniformly from all others."""
        shift = torch.randint(1, self.padding, (len(taken), self.negatives), device=taken.device)
        return torch.cat([taken[:, None], (taken[:, None] + shift) % self.padding], dim=1)

    def all_rewards(self, step: Step) -> Float[Tensor, "objective row action"]:
        """Reward negatives alike."""
        rewards = torch.full_like(step.values, self.negative_reward)
        rewards[..., 0] = self.rewards(step)
        return rewards

    def future(self, step: Step) -> Float[Tensor, "objective row action"]:
        """Leave the state as it is where an item is rejected, at the end of a session too (authors' code).

        The next state of one transition is the state of another, so that one search for the best item does for both.
        """
        stay = self.next_state_value(step, torch.ones_like(step.follows))
        move = step.next(stay)
        return torch.cat([move[..., None], stay[..., None].expand_as(step.values[..., 1:])], dim=2)


class Advantage(ActorCritic, Negatives):
    """Stands before a Q-learning model and imitates most where the user's choice stands out from the negatives.

    Args:
        advantage_low: smallest weight of an imitated action; None for no limits, neither this nor the next.
        advantage_limit: largest weight.
        Others: as `ActorCritic` and `Negatives`.
    """

    def __init__(
        self, advantage_low: float | None = 0.0, advantage_limit: float = 10.0, **settings
    ):
        super().__init__(**settings)
        self.advantage_low, self.advantage_limit = advantage_low, advantage_limit

    def critic(self, values: Float[Tensor, "objective row action"]) -> Float[Tensor, " row"]:
        """Compute how much better the taken action is than the mean action."""
        total = torch.einsum("o,ora->ra", self.weights, values)
        advantage = total[:, 0] - total.mean(1)
        if self.advantage_low is None:
            return advantage
        return advantage.clamp(self.advantage_low, self.advantage_limit)
