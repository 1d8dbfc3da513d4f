"""Off-policy actor-critic on a log, without any correction: what conservative learning is compared with.

Zhang et al. AAAI 2022, Eq. 3, and the second and third term of Eq. 7.
"""

import copy

import torch
from jaxtyping import Float
from torch import Tensor, nn

from recloop.models.offline.learner import Learner, Sessions, Turns, turns_of
from recloop.models.offline.spaces import expected, taken
from recloop.models.online.encoders import head


class OffPolicy(Learner):
    """A critic that is a sum over attributes, with a target that follows it, and a policy that climbs it.

    Args:
        critic_hidden: width of the critic's hidden layer.
        discount: of rewards, gamma.
        temperature: weight of the policy's entropy; with 1 the best policy is exp(Q), normalised, as in the text.
        target_rate: share by which the target moves to the critic after an update.
        given: what every learner takes.
    """

    def __init__(
        self,
        critic_hidden: int,
        discount: float,
        temperature: float,
        target_rate: float,
        **given,
    ):
        super().__init__(**given)
        self.discount, self.temperature, self.target_rate = discount, temperature, target_rate
        self.critic = self.scorer(critic_hidden)
        self.base = head(self.tracker.dim, critic_hidden, 1, 1)
        parts = {"tracker": self.tracker, "critic": self.critic, "base": self.base}
        parts = nn.ModuleDict(parts)
        self.target = copy.deepcopy(parts).requires_grad_(False)

    def values(self, state: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch attribute value"]:
        """Give what each value of each attribute adds to Q(s, a)."""
        return self.valued(state, self.base, self.critic)

    def valued(
        self, state: Float[Tensor, "*batch dim"], base: nn.Module, critic: nn.Module
    ) -> Float[Tensor, "*batch attribute value"]:
        """Add a value of the state, spread as returns are, and advantages in units of the temperature.

        Wang et al. Dueling Network Architectures. ICML 2016. So that exp(Q / temperature) is no sharper at first than
        a policy is, however large returns are. The value does not shape the tracker: it is the noisiest of all, and
        it is the same for all actions. Each attribute has its share of it.
        """
        common = self.centre + self.unit * base(state.detach())[..., None]
        scores = self.space.parted(critic(state))
        return common / self.space.attributes + self.temperature * scores

    @property
    def scale(self) -> Float[Tensor, ""]:
        """Scale of the loss of the critic: nothing but the size of its gradients beside the policy's."""
        return self.unit * self.temperature

    def loss(
        self, batch: Sessions, start: Float[Tensor, "session dim"] | None = None
    ) -> Float[Tensor, ""]:
        """Evaluate the policy and improve it (Algorithm 1).

        Args:
            batch: sessions, or turns of sessions that run side by side, where after one that ends another begins.
            start: states before the first turns; None where these are the first of a session.
        """
        turns, later = self.prepared(batch, start)
        return self.evaluation(turns, later) + self.improvement(turns)

    def prepared(
        self, batch: Sessions, start: Float[Tensor, "session dim"] | None
    ) -> tuple[Turns, Float[Tensor, "turn dim"]]:
        """Compute the states of the learning tracker, and those after each turn of the target's."""
        given = (batch.seen, batch.heard, start, None if start is None else batch.ends, batch.real)
        turns = turns_of(self.tracker.states(*given), batch)
        with torch.no_grad():
            later = self.target["tracker"].states(*given)[:, 1:][batch.real]
        return turns, later

    def evaluation(self, turns: Turns, later: Float[Tensor, "turn dim"]) -> Float[Tensor, ""]:
        """Average half the squared Bellman error (Eqs. 3 and 6, second term), over a scale.

        Args:
            turns: with the states of the learning tracker.
            later: states after them, of the target's.
        """
        error = taken(self.values(turns.state), turns.action) - self.backed_up(turns, later)
        return 0.5 * error.square().mean() / self.scale

    @torch.no_grad()
    def backed_up(self, turns: Turns, later: Float[Tensor, "turn dim"]) -> Float[Tensor, " turn"]:
        """Add the discounted value of what comes after to the reward; the expectation over the policy is exact."""
        after = self.valued(later, self.target["base"], self.target["critic"])
        value = self.worth(turns.after, after)
        return turns.reward + self.discount * value * ~turns.ends

    def worth(
        self,
        state: Float[Tensor, "turn dim"],
        values: Float[Tensor, "turn attribute value"],
    ) -> Float[Tensor, " turn"]:
        """Value states by what the policy does there."""
        return expected(self.log_policy(state), values)

    def improvement(self, turns: Turns) -> Float[Tensor, ""]:
        """Draw the policy to the best one for the critic."""
        return self.distance(turns).mean()

    def distance(self, turns: Turns) -> Float[Tensor, " turn"]:
        """Compute the cross-entropy between the policy and the best one for the critic.

        What is best for Eq. 7 is known, a product of exp(Q / temperature), normalised; a policy that is drawn to it
        this way cannot get stuck where it is sure of itself.
        """
        values = self.values(turns.state).detach() / self.temperature
        return -expected(self.space.log_policy(values), self.log_policy(turns.state))

    def after_update(self) -> None:
        """Let the target follow."""
        with torch.no_grad():
            for name in self.target:
                mine = getattr(self, name).parameters()
                for target, one in zip(self.target[name].parameters(), mine, strict=True):
                    target.lerp_(one, self.target_rate)
