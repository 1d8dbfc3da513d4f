"""iALP and A-iALP: an actor-critic that learns from preferences, then goes on with rewards.

Wang et al. Large Language Model driven Policy Exploration for Recommender Systems. WSDM 2025; thesis, chapter 7.
"""

import copy

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.models.online.agent import Agent, Steps, chosen, gumbel
from recloop.models.online.encoders import head
from recloop.models.online.state import Seen

CANDIDATES = (
    "candidates"  # a way to choose: several items, of which a judge of preferences takes one
)


class IALP(Agent):
    """An actor and a critic of every item over one state, which learn from a memory of steps (Algorithms 5 and 6).

    Before it knows any reward it proposes candidates to a judge of preferences; with rewards it is A-iALP_ft, and
    without such a beginning a control.

    Args:
        weighted: whether the actor's loss is weighted by an advantage, as in Eq. 7.10; Eq. 7.13 is printed without.
        against: what an advantage is taken over: the value of the `action` itself, which makes it a TD error (Eq. 7.9),
            or that of the `state`, the mean of Q under the policy (ours).
        floor: whether a weight is at least 0, so that nothing is pushed away without end (ours; Eq. 7.9 has none).
        candidates: items that are proposed at once.
        proposed: whether these are `drawn` from the policy or its `top` ones.
        hidden, layers, settings: those of every agent.

    Raises:
        ValueError: another way to propose.
    """

    def __init__(
        self,
        weighted: bool,
        candidates: int,
        proposed: str,
        hidden: int,
        layers: int,
        against: str = "action",
        floor: bool = False,
        **settings,
    ):
        super().__init__(hidden=hidden, layers=layers, **settings)
        if against not in ("action", "state"):
            raise ValueError(f"against={against!r}: expected action or state")
        if proposed not in ("drawn", "top"):
            raise ValueError(f"proposed={proposed!r}: expected drawn or top")
        self.weighted, self.candidates, self.proposed = weighted, candidates, proposed
        self.against, self.floor = against, floor
        self.critic = head(self.encoder.dim, hidden, layers, self.items)

    def loss(self, steps: Steps) -> Float[Tensor, ""]:
        """Add the losses of actor and critic (Eqs. 7.6 to 7.10, 7.12 and 7.13)."""
        with torch.no_grad():
            best = self.critic(self.encoder(steps.after)).amax(1)
        states = self.encoder(steps.seen)
        values, policy = self.critic(states), self.logits(states, steps.seen).log_softmax(1)
        target = steps.gain + steps.discount * best
        error = target - chosen(values, steps.action)
        weight = self.advantage(target, error, values, policy).detach() if self.weighted else 1.0
        return -(chosen(policy, steps.action) * weight).mean() + error.square().mean()

    def advantage(
        self,
        target: Float[Tensor, " step"],
        error: Float[Tensor, " step"],
        values: Float[Tensor, "step item"],
        policy: Float[Tensor, "step item"],
    ) -> Float[Tensor, " step"]:
        """Say how much better actions were than expected: than they themselves (Eq. 7.9), or than the policy."""
        found = error if self.against == "action" else target - (policy.exp() * values).sum(1)
        return found.clamp_min(0.0) if self.floor else found

    def act(self, seen: Seen, generator: torch.Generator, explore: str) -> Tensor:
        """Choose an item for each episode, or propose candidates."""
        if explore != CANDIDATES:
            return super().act(seen, generator, explore)
        return self.propose(seen, generator)

    @torch.no_grad()
    def propose(self, seen: Seen, generator: torch.Generator) -> Int[Tensor, "episode candidate"]:
        """List different items: the top ones of the policy, or some drawn from it without replacement."""
        logits = self.score(seen)
        logits = gumbel(logits, generator) if self.proposed == "drawn" else logits
        return logits.topk(min(self.candidates, self.items), dim=1).indices

    def begin(self, weights: dict[str, Tensor]) -> None:
        """Go on from a policy that learned from preferences."""
        self.load_state_dict(weights)
        self.steps.zero_()


class AdaptiveIALP(IALP):
    """A-iALP_ap: the policy is a mixture of a frozen one and of one that learns (Eq. 7.14).

    Args:
        alpha: weight of the learning policy at the first step, and after `alpha_steps`; it grows in a straight line.
        alpha_steps: steps until then.
        actor: whether the learning policy begins `random` (Sec 7.5.4) or as a `copy` (Algorithm 6, line 2).
        settings: those of iALP.

    Raises:
        ValueError: another beginning.
    """

    def __init__(
        self,
        alpha: tuple[float, float] | list[float],
        alpha_steps: int,
        actor: str,
        **settings,
    ):
        super().__init__(**settings)
        if actor not in ("random", "copy"):
            raise ValueError(f"actor={actor!r}: expected random or copy")
        self.alpha, self.alpha_steps, self.actor = alpha, alpha_steps, actor
        parts = nn.ModuleDict({"encoder": self.encoder, "scores": self.scores})
        self.frozen = copy.deepcopy(parts).requires_grad_(False)

    @property
    def share(self) -> float:
        """Weight of the learning policy now."""
        done = min(1.0, int(self.steps) / max(1, self.alpha_steps))
        return self.alpha[0] + done * (self.alpha[1] - self.alpha[0])

    def logits(
        self, states: Float[Tensor, "episode dim"], seen: Seen
    ) -> Float[Tensor, "episode item"]:
        """Give the logarithm of (1 - alpha) pi_theta + alpha pi_beta."""
        learning = super().logits(states, seen).softmax(1)
        with torch.no_grad():
            frozen = self.frozen["scores"](self.frozen["encoder"](seen)).softmax(1)
        mixed = (1 - self.share) * frozen + self.share * learning
        return mixed.clamp_min(torch.finfo(mixed.dtype).tiny).log()

    def begin(self, weights: dict[str, Tensor]) -> None:
        """Freeze a policy that learned from preferences; encoder and critic go on from it, and a `copy` does."""
        own = {"encoder": self.encoder, "critic": self.critic}
        own |= {"scores": self.scores} if self.actor == "copy" else {}
        for name, part in (*own.items(), *self.frozen.items()):
            part.load_state_dict(under(weights, f"{name}."))


def under(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Pick the weights of a part."""
    return {key.removeprefix(prefix): one for key, one in weights.items() if key.startswith(prefix)}
