"""What a policy would bring, estimated from a log alone: fitted Q, weighted importance sampling, DualDICE.

Le et al. Batch Policy Learning under Constraints. ICML 2019 (FQE); Precup, Sutton, Singh. Eligibility Traces for
Off-Policy Policy Evaluation. ICML 2000 (per-decision weights); Nachum et al. DualDICE. NeurIPS 2019. The paper has none
of them: there learners are judged in the simulator.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from recloop.models.offline.corrected import Corrected
from recloop.models.offline.imitation import Imitation
from recloop.models.offline.learner import Learner, Sessions
from recloop.models.offline.off_policy import OffPolicy
from recloop.models.offline.spaces import expected, taken


class Judged(nn.Module):
    """A policy that is judged: it learns nothing.

    Args:
        policy: of a learner.
        choose: how it chooses, `drawn` or `best`.
    """

    def __init__(self, policy: Learner, choose: str):
        super().__init__()
        self.policy, self.choose = policy, choose

    @torch.no_grad()
    def at(self, batch: Sessions) -> Float[Tensor, "session later attribute value"]:
        """Give its log probabilities in all states of some sessions."""
        states = self.policy.tracker.states(batch.seen, batch.heard, real=batch.real)
        scores, space = self.policy.scores(states), self.policy.space
        if self.choose == "drawn":
            return space.log_policy(scores)
        best = torch.nn.functional.one_hot(space.best(scores), space.values)
        return space.log_policy(SHARP * best.float())


SHARP = 100.0  # score of the best value where the best is chosen


class FQE(OffPolicy):
    """Fitted Q evaluation: a critic of the judged policy, asked in the first state."""

    def estimation_loss(self, batch: Sessions, judged: Judged) -> Float[Tensor, ""]:
        """Average half the squared Bellman error under the judged policy."""
        turns, later = self.prepared(batch, None)
        with torch.no_grad():
            after = self.valued(later, self.target["base"], self.target["critic"])
            value = expected(judged.at(batch)[:, 1:][batch.real], after)
            goal = turns.reward + self.discount * value * ~turns.ends
        error = taken(self.values(turns.state), turns.action) - goal
        return 0.5 * error.square().mean() / self.scale

    @torch.no_grad()
    def estimate(self, batch: Sessions, judged: Judged) -> float:
        """Expect Q in the first state."""
        start = self.tracker.start(len(batch.real), batch.reward.device)
        return float(expected(judged.at(batch)[:, 0], self.values(start)).mean())


class WIS(Imitation):
    """Weighted importance sampling turn by turn; who logged is not known, so that a clone gives the other probability.

    The clone learns from the sessions that are weighed: Hanna, Niekum, Stone. Importance Sampling Policy Evaluation
    with an Estimated Behavior Policy. ICML 2019.

    Args:
        discount: of rewards.
        given: what imitation takes.
    """

    def __init__(self, discount: float, **given):
        super().__init__(**given)
        self.discount = discount

    def estimation_loss(self, batch: Sessions, judged: Judged) -> Float[Tensor, ""]:
        """Clone who logged."""
        return self.loss(batch)

    @torch.no_grad()
    def estimate(self, batch: Sessions, judged: Judged) -> float:
        """Average discounted rewards, each weighed by how much likelier the session was until then."""
        clone = Judged(self, "drawn")
        mine, theirs = (taken(one.at(batch)[:, :-1], batch.action) for one in (clone, judged))
        ratio = ((theirs - mine) * batch.real).cumsum(1)
        return weighted_return(ratio, batch.reward, batch.real, self.discount)


def weighted_return(
    log_ratio: Float[Tensor, "session time"],
    reward: Float[Tensor, "session time"],
    real: Tensor,
    discount: float,
) -> float:
    """Average rewards with self-normalised weights at each turn; a session that is over keeps its last weight.

    Weights add up to 1 even where no session is likely under the policy: then the least unlikely one has them all.
    """
    weight = log_ratio.softmax(0)
    factor = discount ** torch.arange(reward.shape[1], device=reward.device)
    return float((weight * reward * real * factor).sum())


class DualDICE(Corrected):
    """The correction alone: rewards of the log, weighed by how often the judged policy would meet them.

    Args:
        given: what the correction takes, with `correction: dualdice`: GenDICE's ratios do not count visits.

    Raises:
        ValueError: another correction.
    """

    def __init__(self, **given):
        super().__init__(**given)
        if self.correction != "dualdice":
            raise ValueError(f"correction={self.correction!r}: expected dualdice")

    def estimation_loss(self, batch: Sessions, judged: Judged) -> Float[Tensor, ""]:
        """Let nu and the ratio play; the tracker learns from a critic of the judged policy, as fitted Q does."""
        turns, _ = self.prepared(batch, None)
        policies = judged.at(batch)
        _, game = self.played(turns, policies[:, 1:][batch.real], policies[:, 0])
        return FQE.estimation_loss(self, batch, judged) + game

    @torch.no_grad()
    def estimate(self, batch: Sessions, judged: Judged) -> float:
        """Add up the weighed rewards of a session; weights are discounted visits beside those of a logged session."""
        turns, _ = self.prepared(batch, None)
        policies = judged.at(batch)
        ratio, _ = self.played(turns, policies[:, 1:][batch.real], policies[:, 0])
        return float((ratio * turns.reward).sum() / len(batch.real))
