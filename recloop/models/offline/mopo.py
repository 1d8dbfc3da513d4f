"""Model-based offline learning: models of users answer to the policy, and what they disagree about costs.

Yu et al. MOPO: Model-based Offline Policy Optimization. NeurIPS 2020, as Zhang et al. AAAI 2022 name it. What follows
an action is an item, which the shelf knows, and a reward, an end and a comment, which the models guess.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from recloop.models.offline.learner import Sessions, Turns
from recloop.models.offline.off_policy import OffPolicy
from recloop.models.offline.shelf import Shelf
from recloop.models.online.encoders import head


class UserModel(nn.Module):
    """Guesses what a user does about an item: reward, end, and the encoded comment, with how sure it is of the reward.

    Args:
        inputs: width of state and item.
        words: width of a comment.
        hidden: width of the hidden layer.
    """

    def __init__(self, inputs: int, words: int, hidden: int):
        super().__init__()
        self.words = words
        self.layers = head(inputs, hidden, 1, 3 + words)

    def forward(
        self, state: Float[Tensor, "turn dim"], seen: Float[Tensor, "turn inputs"]
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Give mean and log deviation of the reward, the score of an end, and the comment."""
        found = self.layers(torch.cat([state, seen], dim=-1))
        return found[:, 0], found[:, 1].clamp(-4.0, 2.0), found[:, 2], found[:, 3:]


class MOPO(OffPolicy):
    """Off-policy learning on turns of the log and on imagined ones.

    Args:
        models: how many of them.
        model_hidden: width of their hidden layer.
        horizon: imagined turns behind one of the log.
        uncertainty: weight of the largest deviation of a reward, which an imagined turn costs.
        words, inputs, given: what off-policy learning takes.
    """

    def __init__(
        self,
        models: int,
        model_hidden: int,
        horizon: int,
        uncertainty: float,
        inputs: int,
        words: int,
        **given,
    ):
        super().__init__(inputs=inputs, words=words, **given)
        self.horizon, self.uncertainty = horizon, uncertainty
        width = self.tracker.dim + inputs
        self.users = nn.ModuleList(UserModel(width, words, model_hidden) for _ in range(models))

    def meet(self, shelf: Shelf, sentences: Float[Tensor, "sentence words"]) -> None:
        """Learn what can be shown, and what can be said: an imagined comment is the nearest of those."""
        self.shelf, self.sentences = shelf, sentences
        self.generator = torch.Generator().manual_seed(0)

    def loss(
        self, batch: Sessions, start: Float[Tensor, "session dim"] | None = None
    ) -> Float[Tensor, ""]:
        """Add the errors of the models, and learn from imagined turns as from those of the log."""
        turns, later = self.prepared(batch, start)
        seen, heard = batch.seen[batch.real], batch.heard[batch.real]
        found = super().evaluation(turns, later) + self.improvement(turns)
        found = found + self.guessed(turns, seen, heard)
        for imagined, beyond in self.imagine(*self.begun(turns, later, len(batch.real))):
            value = self.evaluation(imagined, beyond)
            found = found + (value + self.improvement(imagined)) / self.horizon
        return found

    def guessed(
        self,
        turns: Turns,
        seen: Float[Tensor, "turn inputs"],
        heard: Float[Tensor, "turn words"],
    ) -> Float[Tensor, ""]:
        """Average the errors of all models: Gaussian for rewards, cross-entropy for ends, squares for comments.

        Rewards are guessed in units of the temperature, which is the size of what an action changes.
        """
        scale, state = self.temperature, turns.state.detach()
        unit = heard.square().mean().clamp_min(1e-6)
        losses = []
        for one in self.users:
            mean, deviation, ends, comment = one(state, seen)
            error = (turns.reward / scale - mean) / deviation.exp()
            losses.append(0.5 * error.square().mean() + deviation.mean())
            losses.append(binary_cross_entropy_with_logits(ends, turns.ends.float()))
            losses.append((comment - heard).square().mean() / unit)
        return torch.stack(losses).sum() / len(self.users)

    def begun(
        self, turns: Turns, later: Float[Tensor, "turn dim"], sessions: int
    ) -> tuple[Float[Tensor, "begun dim"], Float[Tensor, "begun dim"]]:
        """List where to go on from: first states, and those after logged turns of sessions that are not over.

        Returns:
            The states of the learning tracker, and those of the target's.
        """
        first, goes_on = self.tracker.start(sessions, later.device), ~turns.ends
        states = turns.after.detach(), later
        mine, theirs = (torch.cat([first, one[goes_on]]) for one in states)
        return mine, theirs

    @torch.no_grad()
    def imagine(
        self, state: Float[Tensor, "turn dim"], theirs: Float[Tensor, "turn dim"]
    ) -> list[tuple[Turns, Float[Tensor, "later dim"]]]:
        """Go on from states with the present policy; one model answers each time.

        Args:
            state: of the learning tracker, by which the policy acts and users are modelled.
            theirs: the same of the target's tracker, whose critic says what later states are worth.

        Returns:
            Turns, and the states after them of the target's tracker.
        """
        found = []
        for _ in range(self.horizon):
            action = self.space.draw(self.scores(state), self.generator)
            seen = self.shelf.vectors[self.shelf.nearest(action, self.generator)]
            reward, over, comment = self.answered(state, seen)
            after = self.tracker.advance(state, seen, comment)
            beyond = self.target["tracker"].advance(theirs, seen, comment)
            found.append((Turns(state, after, action, reward, over), beyond))
            state, theirs = after[~over], beyond[~over]
            if not len(state):
                break
        return found

    def answered(
        self, state: Float[Tensor, "turn dim"], seen: Float[Tensor, "turn inputs"]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Let one model answer; what the models are unsure of costs.

        Returns:
            Rewards, whether sessions are over, and comments.
        """
        told = [one(state, seen) for one in self.users]
        chosen = int(torch.randint(len(told), (1,), generator=self.generator))
        mean, _, ends, comment = told[chosen]
        worst = torch.stack([one[1].exp() for one in told]).amax(0)
        chance = torch.rand(len(state), generator=self.generator).to(state.device)
        reward = (mean - self.uncertainty * worst) * self.temperature
        return reward, chance < ends.sigmoid(), self.nearest_comment(comment)

    def nearest_comment(self, comment: Float[Tensor, "turn words"]) -> Float[Tensor, "turn words"]:
        """Take the sentence of the book that is nearest to a guess."""
        place: Int[Tensor, " turn"] = torch.cdist(comment, self.sentences).argmin(1)
        return self.sentences[place]
