"""What a policy would bring, estimated from a log alone: fitted Q, weighted importance sampling, DualDICE.

Le et al. Batch Policy Learning under Constraints. ICML 2019 (FQE); Precup, Sutton, Singh. Eligibility Traces for
Off-Policy Policy Evaluation. ICML 2000 (per-decision weights); Nachum et al. DualDICE. NeurIPS 2019. The paper has none
of them: there learners are judged in the simulator.
"""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from recloop.models.offline.imitation import Imitation
from recloop.models.offline.learner import Learner, Sessions
from recloop.models.offline.off_policy import OffPolicy
from recloop.models.offline.saddle import Moments
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
    def estimate(self, pieces: Iterable[Sessions], judged: Judged) -> dict[str, float]:
        """Expect Q in first states.

        Args:
            pieces: sessions of the log, some at a time, all padded to one length.
            judged: the policy.

        Returns:
            `estimate`, the discounted return of a session.
        """
        found = []
        for piece in pieces:
            start = self.tracker.start(len(piece.real), piece.reward.device)
            found.append(expected(judged.at(piece)[:, 0], self.values(start)))
        return {"estimate": float(torch.cat(found).mean())}


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
    def estimate(self, pieces: Iterable[Sessions], judged: Judged) -> dict[str, float]:
        """Average discounted rewards, each weighed by how much likelier the session was until then."""
        clone, found = Judged(self, "drawn"), []
        for piece in pieces:
            mine, theirs = (taken(one.at(piece)[:, :-1], piece.action) for one in (clone, judged))
            ratio = ((theirs - mine) * piece.real).cumsum(1)
            found.append((ratio, piece.reward, piece.real))
        whole = (torch.cat(parts) for parts in zip(*found, strict=True))
        return {"estimate": weighted_return(*whole, self.discount)}


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


class DualDICE(FQE):
    """The correction alone: rewards of the log, weighed by how often the judged policy would meet them.

    States are those that fitted Q learns to see; on them the game is solved for (`saddle`), not played: networks that
    play it go around the solution, and are where they happen to be when their updates end.

    Args:
        ridge: see `Moments.solved`.
        given: what fitted Q takes.
    """

    def __init__(self, ridge: float, **given):
        super().__init__(**given)
        self.ridge = ridge

    @torch.no_grad()
    def estimate(self, pieces: Iterable[Sessions], judged: Judged) -> dict[str, float]:
        """Add up the weighed rewards of a session; their mean weight is given beside it, as a check."""
        moments = Moments(self.space, self.tracker.dim, self.discount, self.centre.device)
        for piece in pieces:
            turns, policies = self.prepared(piece, None)[0], judged.at(piece)
            start = self.tracker.start(len(piece.real), piece.reward.device)
            moments.add(turns, policies[:, 1:][piece.real], start, policies[:, 0])
        found = moments.solved(self.ridge)
        return {"estimate": found.worth, "ratio": found.ratio}
