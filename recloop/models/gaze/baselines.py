"""Rewards without a language model: chance, length, and gaze alone."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from recloop.models.gaze.reward import Texts


class RandomReward(nn.Module):
    """A number drawn for each text, the same whenever the text comes."""

    gaze_at = None

    def __init__(self):
        super().__init__()
        self.register_buffer("key", 1000 * torch.rand(2))

    def forward(self, texts: Texts) -> Float[Tensor, " batch"]:
        """Scramble the tokens of each text to a number in [0, 1)."""
        places = torch.arange(1, texts.ids.shape[1] + 1, device=texts.ids.device).flip(0)
        mixed = (texts.mask * (texts.ids + 1) * (places**2 + self.key[0])).double().sum(1)
        return (torch.sin(mixed + self.key[1]) * 43758.5453).frac().abs().float()


class LongerWins(nn.Module):
    """The number of tokens; where training pairs prefer shorter answers, its negative."""

    gaze_at = None

    def __init__(self):
        super().__init__()
        self.register_buffer("sign", torch.ones(1))

    def fit(self, chosen: Float[Tensor, " pair"], rejected: Float[Tensor, " pair"]) -> None:
        """Look which is preferred more often.

        Args:
            chosen, rejected: what this model says of the training pairs.
        """
        self.sign[0] = 1.0 if (chosen > rejected).sum() >= (chosen < rejected).sum() else -1.0

    def forward(self, texts: Texts) -> Float[Tensor, " batch"]:
        """Count the tokens of each text."""
        return texts.mask.sum(1).float() * self.sign


class GazeAlone(nn.Module):
    """A linear reward of what is known of the reading: means of the measures over what was read, and how much that is.

    Args:
        features: how many measures a step of gaze has.
        measures, placebo: as of `GazeConcat`.
    """

    gaze_at = "own"

    def __init__(self, features: int, measures: str = "all", placebo: str = "none"):
        super().__init__()
        self.told = {"measures": measures, "placebo": placebo}
        self.score = nn.Linear(features + 1, 1, bias=False)

    def forward(self, texts: Texts) -> Float[Tensor, " batch"]:
        """Compute the reward of each text."""
        read = (texts.gaze != 0).any(2).float()
        number = read.sum(1, keepdim=True)
        means = texts.gaze.sum(1) / number.clamp(min=1)
        return self.score(torch.cat([means, number.log1p()], 1)).squeeze(1)
