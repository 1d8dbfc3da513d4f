"""The history as words in front of the question: what soft prompts are compared with."""

from __future__ import annotations

from recloop.language_models.prompts import Prompt
from recloop.models.tastes.persoma import Given, Spoken
from recloop.models.tastes.query import Query
from recloop.storage.moving import moved


class TextPrompt(Spoken):
    """The interactions of a history, told one to a line.

    Args:
        template: of the whole prompt, with the field `history`.
        settings: see `Spoken`.
    """

    def __init__(self, template: str, **settings):
        super().__init__(**settings)
        self.prompt = Prompt("text prompt", template)

    def given(self, query: Query) -> Given:
        """Embed the prompts, ends aligned."""
        prompts = [self.prompt.fill(history="\n".join(told)) for told in query.told]
        ids, mask = self.speaker.model.padded(self.speaker.model.tokens(prompts))
        device = self.speaker.norm.device
        return self.speaker.embed(moved(ids, device)), moved(mask.bool(), device)
