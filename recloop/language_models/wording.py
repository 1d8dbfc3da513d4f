"""Prompts about items in token numbers, put together from pieces: a template is tokenised once, not for each prompt."""

from __future__ import annotations

import functools
from string import Formatter

from recloop.language_models.files import ModelError
from recloop.language_models.model import LanguageModel


class Wording:
    """How items are said, and templates around them.

    Args:
        model: causal; a prompt's state is that of its last token.
        said: token numbers of each item.
        between: token numbers between two items of a list.

    Raises:
        ModelError: the model is no causal one.
    """

    def __init__(self, model: LanguageModel, said: list[list[int]], between: list[int]):
        if model.encodes:
            raise ModelError(
                "an environment needs a causal language model, this one has an encoder"
            )
        self.model, self.said, self.between = model, said, between
        self.begin = model.begin

    @functools.cache  # noqa: B019 as many as there are templates
    def pieces(self, template: str) -> list[tuple[list[int], str | None]]:
        """Part a template into words, as token numbers, each with the field behind it."""
        parts = [(text, field) for text, field, *_ in Formatter().parse(template)]
        plain = self.model.tokenizer([text or " " for text, _ in parts], add_special_tokens=False)
        return [
            (ids if text else [], field)
            for ids, (text, field) in zip(plain["input_ids"], parts, strict=True)
        ]

    def listed(self, items: list[int]) -> list[int]:
        """Say some items one after the other."""
        return self.ends(items)[0]

    def ends(self, items: list[int]) -> tuple[list[int], list[int]]:
        """Say some items one after the other, and where in the token numbers each ends."""
        found, ends = [], []
        for item in items:
            found += (self.between if found else []) + self.said[item]
            ends.append(len(found) - 1)
        return found, ends

    def fill(self, template: str, **values: list[int]) -> list[int]:
        """Put lists of items in the places of the fields of a template; the mark of a text's beginning comes first."""
        found = list(self.begin)
        for words, field in self.pieces(template):
            found += words
            found += self.listed(values[field]) if field is not None else []
        return found
