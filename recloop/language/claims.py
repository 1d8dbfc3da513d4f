"""What can be claimed about a target next to a reference, and which words claim it.

Ours. A claim is a pair: ("colour", "red") the target is red, ("colour", "not red") it is not, ("heel", "higher") it has
more of it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from recloop.language import phrases
from recloop.language.phrases import COMPARATIVES, NONE, PRESENT, Wording, level, plain

Attributes = Mapping[str, Collection[str]]  # {"colour": {"navy blue"}, "heel": {"high"}}
Claim = tuple[str, str]

NEGATION = re.compile(
    r"\b(?:instead of|rather than|not|no|without|less|fewer|isnt|doesnt have)"
    r"(?: (?:an?|the|any|for|like|as|more|so|made|of))*$"
)


@dataclass(frozen=True)
class Difference:
    """What one attribute of the target has that the reference has not, and the other way round."""

    attribute: str
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    step: int  # more (1) or less (-1) of it; 0 where that makes no sense

    def sayable(self) -> bool:
        """Check whether there is a value to name, present or absent."""
        return bool(self.gained or self.deniable())

    def deniable(self) -> tuple[str, ...]:
        """List the values that can be said to be absent; denying "none" or "yes" would name another value."""
        return tuple(value for value in self.lost if plain(value) not in NONE | PRESENT)


def compare(target: Attributes, reference: Attributes) -> list[Difference]:
    """List the attributes in which two items differ, in the order of their names."""
    found = []
    for attribute in sorted({*target, *reference}):
        here, there = set(target.get(attribute, ())), set(reference.get(attribute, ()))
        if here != there:
            gained, lost = tuple(sorted(here - there)), tuple(sorted(there - here))
            found.append(Difference(attribute, gained, lost, _step(attribute, here, there)))
    return found


def differences(target: Attributes, reference: Attributes) -> set[Claim]:
    """List every claim that is true of the target and tells it from the reference.

    A plain colour is a true claim for its finer shades, unless the reference has that plain colour too.
    """
    found = set()
    for one in compare(target, reference):
        here, there = (
            {
                phrases.plain_colour(one.attribute, plain(value))
                for value in side.get(one.attribute, ())
            }
            for side in (target, reference)
        )
        found |= {(one.attribute, value) for value in {*one.gained, *(here - there)}}
        found |= {(one.attribute, f"not {value}") for value in {*one.lost, *(there - here)}}
        if one.step:
            found.add((one.attribute, COMPARATIVES[one.attribute][one.step > 0][0]))
    return found


class Lexicon:
    """All the words for the values of some attributes, for reading sentences.

    Args:
        values: the values that occur, by attribute.
    """

    def __init__(self, values: Attributes):
        self.claims: dict[str, set[Claim]] = {}
        for attribute, known in values.items():
            self.claims[f"different {plain(attribute)}"] = set()
            for value in known:
                self._learn(phrases.wording(attribute, plain(value)), (attribute, value))
                general = phrases.plain_colour(attribute, plain(value))
                if general != plain(value):
                    self._learn(phrases.wording(attribute, general), (attribute, general))
            for word, utterances in COMPARATIVES.get(attribute, ()):
                self._learn(utterances, (attribute, word))
        longest_first = sorted(self.claims, key=lambda form: (-len(form), form))
        self.pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b")

    @classmethod
    def of(cls, items: Iterable[Attributes]) -> Lexicon:
        """Learn the words for all values of some items."""
        values: dict[str, set[str]] = {}
        for item in items:
            for attribute, known in item.items():
                values.setdefault(attribute, set()).update(known)
        return cls(values)

    def read(self, sentence: str) -> set[Claim]:
        """Extract the claims of a sentence; a word that could mean two things claims nothing."""
        text, found = plain(sentence), set()
        for match in self.pattern.finditer(text) if self.claims else ():
            claims = self.claims[match[0]]
            if len(claims) == 1:
                denied = NEGATION.search(text[: match.start()].rstrip())
                found |= {_deny(claim) if denied else claim for claim in claims}
        return found

    def _learn(self, wording: Wording, claim: Claim) -> None:
        for form in wording.forms():
            self.claims.setdefault(plain(form), set()).add(claim)


def common_values() -> dict[str, set[str]]:
    """Collect the values with words of their own; of two that share one ("navy", "navy blue") the first."""
    steps = [
        (name, word) for name, order in phrases.ORDERS.items() for step in order for word in step
    ]
    typical = [(name, value) for name, known in phrases.TYPICAL.items() for value in known]
    colours = [("colour", word) for word in (*phrases.FAMILIES, *phrases.PLAIN)]
    values: dict[str, set[str]] = {}
    taken: set[tuple[str, str]] = set()
    for attribute, value in dict.fromkeys([*phrases.VALUES, *steps, *typical, *colours]):
        forms = {(attribute, form) for form in phrases.wording(attribute, value).forms()}
        if value not in NONE and not forms & taken:
            values.setdefault(attribute, set()).add(value)
            taken |= forms
    return values


COMMON = Lexicon(common_values())


def _step(attribute: str, here: set[str], there: set[str]) -> int:
    if len(here) != 1 or len(there) != 1:
        return 0
    levels = [level(attribute, plain(value)) for values in (here, there) for value in values]
    if None in levels:
        return 0
    return (levels[0] > levels[1]) - (levels[0] < levels[1])


def _deny(claim: Claim) -> Claim:
    return claim[0], f"not {claim[1]}"
