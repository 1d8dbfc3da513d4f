"""REINFORCE as GOMMIR and PMMIR print it: the log-policy of the target, weighted by the return of the dialogue.

Wu et al. (GOMMIR). RecSys 2023, Eqs. 5 to 8; Wu et al. (PMMIR). TORS 2024, Eqs. 7 to 10.
"""

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor

from recloop.models.dialogue import objectives
from recloop.models.dialogue.dialogue import Dialogue

WORDS = {  # what a setting may be
    "negatives": ("disliked", "random"),
    "placebo": ("none", "constant", "shuffled"),
    "returns": ("trajectory", "to_go"),
}


@dataclass(frozen=True)
class Reinforce:
    """The policy loss and its switches; it has no parameters, so both stages of a model have the same weights.

    "Policy gradient" is the papers' word: the policy is the likelihood of the target among negatives, not of the list
    that was shown, and there is no baseline. A negative return therefore pushes the target away.

    Args:
        discount: gamma.
        num_negatives: J.
        negatives: `disliked` items, or `random` ones of the pool.
        current_dislikes: whether the dislikes of a turn's own list are among its negatives.
        reward: whether the log-policy is weighted by the return; otherwise it is a supervised loss. What has a value
            beside the policy (EGE, DEERS) then learns none.
        placebo: what takes the place of the rewards (ours): `constant`, their mean over the batch; `shuffled`, the same
            rewards given to other turns and dialogues of the batch.
        disliked_reward: whether disliked items are rewarded too, not only the liked one.
        raw_reward: sums of dot products as printed; otherwise mean cosines (ours).
        returns: what weights a turn: the return of the whole `trajectory`, as printed, or what is yet `to_go`, as in
            the authors' code; see `objectives.returns`.
        temperature: divides the logits. 1 as printed: saturated for LayerNormed vectors, whose dot products reach
            hundreds, and nearly flat for unit vectors.
    """

    discount: float = 0.2  # GOMMIR S4.1, PMMIR S4.1
    num_negatives: int = 5  # GOMMIR S4.1, PMMIR S4.1
    negatives: str = "disliked"
    current_dislikes: bool = True
    reward: bool = True
    placebo: str = "none"
    disliked_reward: bool = True
    raw_reward: bool = True
    returns: str = "trajectory"
    temperature: float = 1.0

    def __post_init__(self):
        for name, words in WORDS.items():
            if (word := getattr(self, name)) not in words:
                raise ValueError(f"{name}={word!r}: take {' or '.join(words)}")

    def loss(self, dialogue: Dialogue, mask: Bool[Tensor, "batch state"]) -> Float[Tensor, ""]:
        """Minus the return-weighted log-policy (GOMMIR Eq. 6, PMMIR Eq. 8), no gradient through the return."""
        mask = mask[:, dialogue.first : -1]
        gain = self.log_policy(dialogue)
        if self.reward:
            # A list after the end of the dialogue earns nothing.
            rewards = self.rewards(dialogue) * mask
            gain = gain * objectives.returns(rewards, self.discount, self.returns == "to_go")
        return -objectives.mean_where(gain, mask)

    def log_policy(self, dialogue: Dialogue) -> Float[Tensor, "batch turn"]:
        """Log-policy of the target in every state that chose a list."""
        return objectives.log_policy(
            dialogue.queries(dialogue.first, -1),
            dialogue.table[dialogue.target],
            dialogue.table[self.draw(dialogue)[:, dialogue.first :]],
            self.temperature,
        )

    def rewards(self, dialogue: Dialogue) -> Float[Tensor, "batch turn"]:
        """Similarity of what was chosen to the target, by list (GOMMIR Eq. 8, PMMIR Eq. 10), or its placebo."""
        items = dialogue.shown if self.disliked_reward else dialogue.liked[..., None]
        earned = objectives.similarity_reward(
            dialogue.table, items[:, dialogue.first :], dialogue.target, self.raw_reward
        )
        if self.placebo == "constant":
            return earned.mean().expand_as(earned)
        if self.placebo == "shuffled":
            return objectives.shuffled(earned, dialogue.generator)
        return earned

    def draw(self, dialogue: Dialogue) -> Int[Tensor, "batch turn j"]:
        """Draw the negatives of every list: a_{d,j} of GOMMIR Eq. 7."""
        shape = (dialogue.shown.shape[1], self.num_negatives)
        drawn = objectives.random_items(
            len(dialogue.table), dialogue.target, shape, dialogue.generator
        )
        if self.negatives == "random":
            return drawn
        return objectives.disliked_items(
            dialogue.disliked, drawn, self.current_dislikes, dialogue.generator
        )
