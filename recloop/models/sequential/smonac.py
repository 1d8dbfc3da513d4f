"""SMONAC (reconstruction): SMORL with negative actions and an advantage that weights the imitation.

Zhou et al. Supervised Multi-Objective Negative Actor-Critic for Sequential Recommendation. IEEE TNNLS 2023. Neither its
text nor its code was at hand: it is rebuilt as SMORL's three values with the negatives of SNQN and the advantage of
SA2C (Xin et al. Supervised Advantage Actor-Critic for Recommender Systems. WSDM 2022).
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from recloop.data.batches import Batch
from recloop.models.sequential.double_q import Step
from recloop.models.sequential.smorl import SMORL


class SMONAC(SMORL):
    """SMORL that also values items the user did not take, and imitates most where the user's choice stood out.

    Args:
        negatives: items drawn per transition, never the one taken.
        advantage_limit: largest weight of an imitated action; the smallest is zero.
        warm_up: updates with all weights at one before the advantage counts.
        Others: as `SMORL`.
    """

    def __init__(
        self,
        negatives: int = 10,
        advantage_limit: float = 10.0,
        warm_up: int = 15000,
        **settings,
    ):
        super().__init__(**settings)
        self.negatives, self.advantage_limit, self.warm_up = negatives, advantage_limit, warm_up
        self.register_buffer("updates", torch.zeros((), dtype=torch.long))

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Imitation weighted by the advantage, plus TD errors of taken and of negative actions."""
        step = self.step(batch)
        states, taken = step.states[step.real], batch.following[step.real]
        others = self.draw(taken)
        values = torch.cat(
            [
                step.main.value_at(states, taken)[..., None],
                step.main.value_at(states[:, None].expand(-1, self.negatives, -1), others),
            ],
            dim=-1,
        )  # objective row action
        imitation = step.main.rank.loss(states, taken, self.advantage(values))
        errors = self.td_errors(step).mean(1) + self.negative_errors(step, values).mean(1)
        self.updates += 1
        return imitation + self.q_weight * (self.weights @ errors)

    def draw(self, taken: Int[Tensor, " row"]) -> Int[Tensor, "row negative"]:
        """Draw items uniformly from all but the one taken."""
        shift = torch.randint(1, self.padding, (len(taken), self.negatives), device=taken.device)
        return (taken[:, None] + shift) % self.padding

    def advantage(self, values: Float[Tensor, "objective row action"]) -> Float[Tensor, " row"]:
        """Say how much better the taken action is than the mean action, one during the warm-up."""
        if self.updates < self.warm_up:
            return values.new_ones(values.shape[1])
        total = torch.einsum("o,ora->ra", self.weights, values.detach())
        return (total[:, 0] - total.mean(1)).clamp(0, self.advantage_limit)

    def negative_errors(
        self, step: Step, values: Float[Tensor, "objective row action"]
    ) -> Float[Tensor, "objective row"]:
        """TD error of the negatives: no reward, and the state stays as it is."""
        states = step.states[step.real]
        with torch.no_grad():
            action = step.main.best_item(states, self.weights)
            target = self.discount * step.target.value_at(step.target_states[step.real], action)
        return 0.5 * ((target[..., None] - values[..., 1:]) ** 2).sum(-1)
