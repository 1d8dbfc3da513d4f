"""Prompts as data: `prompts.yaml` of a study, templates whose fields are known before anything is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from string import Formatter

from recloop.storage.settings import SettingsError, only_known, read_settings


@dataclass(frozen=True)
class Prompt:
    """A template with {fields}, and perhaps the only answers that count.

    Attributes:
        name: for errors.
        template: text; a field is a plain word in braces, a brace itself is written twice.
        answers: what can be answered; empty for free text.
    """

    name: str
    template: str
    answers: tuple[str, ...] = ()

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """List the fields in the order of the template, each once.

        Raises:
            SettingsError: a field that is no plain word, which could reach into objects, or a lonely brace.
        """
        try:
            parts = [part for part in Formatter().parse(self.template) if part[1] is not None]
        except ValueError as fault:
            raise SettingsError(f"{self.name}: {fault}; write a brace itself twice") from None
        for _, name, form, conversion in parts:
            if not name.isidentifier() or form or conversion:
                raise SettingsError(
                    f"{self.name}: expected a field like {{history}}, got {{{name}}}"
                )
        return tuple(dict.fromkeys(name for _, name, _, _ in parts))

    def fill(self, **values: object) -> str:
        """Put values in the places of the fields.

        Raises:
            SettingsError: a field without a value, or a value without a field.
        """
        only_known(self.name, values, self.fields)
        if missing := [name for name in self.fields if name not in values]:
            raise SettingsError(f"{self.name}: no value for {{{missing[0]}}}")
        return self.template.format(**values)


def read_prompts(path: Path, known: Mapping[str, set[str]]) -> dict[str, Prompt]:
    """Read the prompts of a study.

    Args:
        path: a study's prompts.yaml.
        known: the prompts that its task asks, with the fields that each is given; a template may leave some out.

    Raises:
        SettingsError: a prompt or a field that is not known, or a prompt that is missing.
    """
    content = read_settings(path, "prompts")
    only_known(path.name, content, known)
    if missing := [name for name in known if name not in content]:
        raise SettingsError(f"{path.name}: lacks the prompt '{missing[0]}'")
    found = {}
    for name, entry in content.items():
        prompt = Prompt(f"{path.name}: {name}", entry["template"], tuple(entry.get("answers", ())))
        only_known(f"{prompt.name}: field", prompt.fields, sorted(known[name]))
        found[name] = prompt
    return found
