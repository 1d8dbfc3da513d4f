"""Reward models: one number for a text, from a language model that may be told how an eye would read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from recloop.language_models.bodies import Body
from recloop.models.gaze.projector import GazeProjector

if TYPE_CHECKING:
    from recloop.language_models.model import LanguageModel

UNREAD = ("projected", "nothing")


@dataclass(frozen=True)
class Texts:
    """Some texts, ends aligned.

    Attributes:
        ids: token numbers, shape (batch, time).
        mask: 1 where there is a token.
        gaze: measures of reading, shape (batch, step, feature): of the reader's own tokens for `concat`, of those of
            `ids` for `add` (then step is time).
        seen: 1 where there is a step.
    """

    ids: Int[Tensor, "batch time"]
    mask: Int[Tensor, "batch time"]
    gaze: Float[Tensor, "batch step feature"]
    seen: Int[Tensor, "batch step"]


class RewardModel(nn.Module):
    """A language model with one number behind its last token; no gaze.

    Args:
        language: opened for this model alone.
        tuning, layers, rank, alpha, lora_dropout, recompute: see `Body`.
    """

    gaze_at: str | None = (
        None  # where a text's gaze goes: `own` tokens of the reader, or those of the `text`
    )

    def __init__(
        self,
        language: LanguageModel,
        tuning: str = "lora",
        layers: int | None = None,
        rank: int = 8,
        alpha: int | float = 32,
        lora_dropout: float = 0.1,
        recompute: bool = False,
    ):
        super().__init__()
        self.body = Body(language, tuning, layers, rank, alpha, lora_dropout, recompute)
        self.score = nn.Linear(self.body.dim, 1, bias=False)

    def embedded(
        self, texts: Texts
    ) -> tuple[Float[Tensor, "batch place dim"], Int[Tensor, "batch place"]]:
        """Look the tokens up; with them comes the mask of those that are no padding."""
        return self.body.embedding(texts.ids), texts.mask

    def forward(self, texts: Texts) -> Float[Tensor, " batch"]:
        """Compute the reward of each text."""
        last = self.body(*self.embedded(texts))[:, -1].float()
        with torch.autocast(last.device.type, enabled=False):  # bfloat16 has too few rewards
            return self.score(last).squeeze(1)


class GazeConcat(RewardModel):
    """The projected gaze between two marks before the text: [<eye/>] P(f) [</eye>] E(x).

    Args:
        language: opened for this model alone.
        features: how many measures a step of gaze has.
        measures, placebo: which these are, and what stands in the place of gaze, as the loop has prepared them.
        hidden, dropouts, norm_weight: see `GazeProjector`.
        settings: of `RewardModel`.
    """

    gaze_at = "own"

    def __init__(
        self,
        language: LanguageModel,
        features: int,
        measures: str = "all",
        placebo: str = "none",
        hidden: int = 128,
        dropouts: Sequence[float] = (0.1, 0.3),
        norm_weight: float = 1.0,
        **settings,
    ):
        super().__init__(language, **settings)
        self.projector = GazeProjector(features, self.body.dim, hidden, dropouts, norm_weight)
        self.told = {"measures": measures, "placebo": placebo}
        scale = self.body.embedding.weight.detach().float().std()
        self.marks = nn.Parameter(scale * torch.randn(2, self.body.dim))

    def embedded(
        self, texts: Texts
    ) -> tuple[Float[Tensor, "batch place dim"], Int[Tensor, "batch place"]]:
        """Put gaze before the text; there are step + 2 + time places."""
        words, mask = super().embedded(texts)
        gaze = self.projector(texts.gaze).to(words.dtype)
        marks = self.marks.to(words.dtype).expand(len(words), 2, -1)
        one = mask.new_ones(len(mask), 1)
        vectors = torch.cat([marks[:, :1], gaze, marks[:, 1:], words], 1)
        return vectors, torch.cat([one, texts.seen, one, mask], 1)


class GazeAdd(GazeConcat):
    """The projected gaze of each token on top of the token: E(x) + P(f).

    Args:
        language, features: as for `GazeConcat`.
        unread: what a token without gaze gets: `projected`, P(0), as released, or `nothing`.
        settings: of `GazeConcat`.
    """

    gaze_at = "text"

    def __init__(
        self, language: LanguageModel, features: int, unread: str = "projected", **settings
    ):
        if unread not in UNREAD:
            raise ValueError(f"unread={unread!r}: expected one of {', '.join(UNREAD)}")
        super().__init__(language, features, **settings)
        del self.marks
        self.unread = unread

    def embedded(
        self, texts: Texts
    ) -> tuple[Float[Tensor, "batch place dim"], Int[Tensor, "batch place"]]:
        """Add gaze to the tokens."""
        words, mask = RewardModel.embedded(self, texts)
        gaze = self.projector(texts.gaze).to(words.dtype)
        if self.unread == "nothing":
            gaze = gaze * (texts.gaze != 0).any(2, keepdim=True)
        return words + gaze, mask


def bradley_terry(
    chosen: Float[Tensor, " batch"], rejected: Float[Tensor, " batch"]
) -> Float[Tensor, " batch"]:
    """Compute -log sigmoid(r_chosen - r_rejected) of each pair; Bradley and Terry 1952, as TRL without a margin."""
    return -functional.logsigmoid(chosen - rejected)
