"""PERSOMA: a history, resampled to soft prompts, in front of a question to a language model.

Hebert et al. PERSOMA: PERsonalized SOft ProMpt Adapter Architecture for Personalized Language Prompting. GenAIRecP at
KDD 2024. A reconstruction: neither code nor dimensions are public.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from recloop.language_models.model import LanguageModel
from recloop.models.tastes.query import Answers, Query, said
from recloop.models.tastes.speaker import Speaker
from recloop.storage.moving import moved

Given = tuple[Float[Tensor, "user time dim"], Bool[Tensor, "user time"]]


class Spoken(nn.Module):
    """What models share that let a language model answer: a subclass has `given`, the embedded prompt.

    Args:
        speak: opens the language model.
        genres: names of all genres.
        tuning, rank, alpha, modules: see `Speaker`.
        max_tokens: most tokens of an answer.
    """

    def __init__(
        self,
        speak: Callable[[], LanguageModel],
        genres: list[str],
        tuning: str,
        rank: int,
        alpha: float,
        modules: Sequence[str],
        max_tokens: int,
    ):
        super().__init__()
        self.speaker = Speaker(speak(), tuning, rank, alpha, modules)
        self.genres, self.max_tokens = genres, max_tokens

    def given(self, query: Query) -> Given:
        """Embed the prompts of some users; the last position of each is a word."""
        raise NotImplementedError

    def losses(self, query: Query) -> tuple[Float[Tensor, " user"], Int[Tensor, " user"]]:
        """Compute the negative log-likelihood of each user's answer, and count its tokens."""
        answers = self.speaker.answers(said(query.liked, query.disliked, self.genres))
        return self.speaker.losses(*self.given(query), answers)

    @torch.no_grad()
    def answer(self, query: Query) -> Answers:
        """Say which genres the users like and dislike."""
        embedded, mask = self.given(query)
        return Answers(self.speaker.say(embedded, mask, self.max_tokens), mask.sum(1).cpu())


class PERSOMA(Spoken):
    """Soft tokens behind the start mark and before the question.

    Args:
        adapter: makes soft tokens of encoded interactions, see `adapters`.
        width: of an encoded interaction.
        places: most interactions of a history.
        question: what is asked.
        settings: see `Spoken`.
    """

    def __init__(
        self,
        adapter: Callable[..., nn.Module],
        width: int,
        places: int,
        question: str,
        **settings,
    ):
        super().__init__(**settings)
        self.adapter = adapter(width=width, dim=self.speaker.dim, places=places)
        self.asked = self.speaker.question(question)

    def given(self, query: Query) -> Given:
        """Put soft tokens and question together."""
        soft, real = self.soft(query)
        start, question = (self.embedded(ids, len(soft)) for ids in self.asked)
        whole = torch.cat([start, soft, question], dim=1)
        mask = torch.cat(
            [real.new_ones(start.shape[:2]), real, real.new_ones(question.shape[:2])], dim=1
        )
        return whole, mask

    def embedded(self, ids: list[int], users: int) -> Float[Tensor, "user time dim"]:
        """Embed the same tokens for everybody."""
        table = moved(torch.tensor(ids, dtype=torch.long), self.speaker.norm.device)
        return self.speaker.embed(table.expand(users, -1))

    def soft(self, query: Query) -> Given:
        """Make soft tokens as long as embedded words are on average, so that none drowns the question (ours)."""
        found, real = self.adapter(query.states, query.known)
        long = self.speaker.norm / self.speaker.dim**0.5
        return functional.layer_norm(found, found.shape[-1:]) * long, real
