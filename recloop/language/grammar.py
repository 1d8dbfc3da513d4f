"""Sentences about how a target differs from a reference, as people would write them, and what a sentence claims.

Ours. `compose` writes sentences whose claims are true, with phrasings and synonyms, up to the imprecision that it is
asked for; `attributes_in` reads the claims out of any sentence. So a simulator that learnt to write can be judged by
the share of its claims that are among `differences`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from recloop.language import phrases
from recloop.language.claims import (
    COMMON,
    Attributes,
    Claim,
    Difference,
    Lexicon,
    compare,
    differences,
)
from recloop.language.phrases import COMPARATIVES, GRADED, LEAD, Wording, plain

__all__ = ["Attributes", "Claim", "Lexicon", "attributes_in", "compose", "differences"]
SAME = ("looks much the same", "is almost the same", "is very similar", "looks just like it")
SALIENCE = {"kind": 3.0, "colour": 3.0, "pattern": 2.0, "heel": 2.0, "sleeve": 2.0, "length": 1.5}
GONE = 0.3  # how much less often people name what is only missing
OPENINGS = {"is": ("is", "is", "is", "should be", ""), "has": ("has", "has", "with", "should have")}


@dataclass(frozen=True)
class Clause:
    """One thing said: what follows the verb "is" or "has", and whether something is denied in it."""

    verb: str
    text: str
    denies: bool = False


def compose(
    target: Attributes,
    reference: Attributes,
    random: Random,
    *,
    named: Sequence[float] = (0.5, 0.35, 0.15),
    comparative: float = 0.5,
    vague: float = 0.15,
    contrast: float = 0.2,
    missing: float = 0.15,
    shared: float = 0.05,
) -> str:
    """Compose one sentence on how the target differs from the reference.

    Args:
        target: values of the item looked for, by attribute.
        reference: values of the item that the sentence is about.
        random: source of all choices.
        named: chance of naming one difference, two, three, ...; the others are left out.
        comparative: chance of "a lower heel" where "a flat heel" could be said.
        vague: chance of a plain colour for a fine one ("blue" for navy), or of "a different neckline".
        contrast: chance of adding what it is instead of.
        missing: chance of saying what is gone, not what is there.
        shared: chance of naming something that both have as well.
    """
    found = [one for one in compare(target, reference) if one.sayable()]
    if not found:
        return random.choice(SAME)
    number = random.choices(range(1, len(named) + 1), named)[0]
    chosen = _salient(found, number, random)
    rates = (comparative, vague, contrast / len(chosen), missing)  # long sentences are rare
    clauses = [_clause(one, random, *rates) for one in chosen]
    if random.random() < shared and (common := _in_common(target, reference)):
        attribute, value = random.choice(common)
        clauses.append(_say(phrases.wording(attribute, plain(value)), random))
    return _join(clauses, random)


def attributes_in(sentence: str, lexicon: Lexicon = COMMON) -> set[Claim]:
    """Read back what a sentence claims.

    Args:
        sentence: written by a person, by `compose` or by a simulator that learnt.
        lexicon: the words to look for; `Lexicon.of` learns those of a catalogue.
    """
    return lexicon.read(sentence)


def _salient(found: list[Difference], number: int, random: Random) -> list[Difference]:
    """Draw some differences without repeats; those that meet the eye more often and earlier."""
    # Efraimidis, Spirakis. Weighted random sampling with a reservoir. IPL 2006.
    keys = {one: random.random() ** (1 / _weight(one)) for one in found}
    return sorted(found, key=keys.__getitem__, reverse=True)[:number]


def _weight(one: Difference) -> float:
    """Weigh what is there more than what is gone, which may only be unknown of the target."""
    return SALIENCE.get(one.attribute, 1.0) * (1.0 if one.gained else GONE)


def _clause(
    one: Difference,
    random: Random,
    comparative: float,
    vague: float,
    contrast: float,
    missing: float,
) -> Clause:
    if one.step and random.random() < comparative:
        return _say(COMPARATIVES[one.attribute][one.step > 0][1], random)
    if random.random() < vague:
        return _vaguely(one, random)
    if one.deniable() and (not one.gained or random.random() < missing):
        return _deny_value(one, random)
    value = random.choice(one.gained)
    utterances = _say(phrases.wording(one.attribute, plain(value)), random)
    if one.deniable() and random.random() < contrast:
        return _instead(utterances, one, random)
    if one.attribute in GRADED and utterances.verb == "is" and not LEAD.match(utterances.text):
        return Clause("is", random.choice(("", "more ")) + utterances.text)
    return utterances


def _say(wording: Wording, random: Random) -> Clause:
    choices = [Clause("is", text) for text in wording.adjectives]
    choices += [Clause("has", text) for text in wording.nouns]
    return random.choice(choices)


def _affirmative(wording: Wording) -> Wording:
    """Leave out "no heel": to deny it twice would be no English."""
    nouns = tuple(noun for noun in wording.nouns if not noun.startswith("no "))
    return Wording(wording.adjectives, nouns)


def _vaguely(one: Difference, random: Random) -> Clause:
    """Word a colour by its plain colour where that still separates the two; else only say it differs."""
    general = {phrases.plain_colour(one.attribute, plain(value)) for value in one.gained}
    general -= {phrases.plain_colour(one.attribute, plain(value)) for value in one.lost}
    if one.attribute == "colour" and general:
        return _say(phrases.wording("colour", random.choice(sorted(general))), random)
    return Clause("has", f"a different {plain(one.attribute)}")


def _deny_value(one: Difference, random: Random) -> Clause:
    value = random.choice(one.deniable())
    utterances = _say(_affirmative(phrases.wording(one.attribute, plain(value))), random)
    if utterances.verb == "has":
        return Clause("has", f"no {LEAD.sub('', utterances.text)}", denies=True)
    graded = one.attribute in GRADED and not LEAD.match(utterances.text)
    return Clause(
        "is", f"{random.choice(('not', 'less') if graded else ('not',))} {utterances.text}", True
    )


def _instead(utterances: Clause, one: Difference, random: Random) -> Clause:
    value = random.choice(one.deniable())
    wording = _affirmative(phrases.wording(one.attribute, plain(value)))
    same = wording.adjectives if utterances.verb == "is" else wording.nouns
    if not same:
        return utterances
    other = re.sub("^(?:more like|made of|for) ", "", random.choice(same))
    return Clause(
        utterances.verb,
        f"{utterances.text} {random.choice(('instead of', 'rather than', 'not'))} {other}",
        True,
    )


def _in_common(target: Attributes, reference: Attributes) -> list[Claim]:
    both = ((name, set(target[name]) & set(reference[name])) for name in {*target} & {*reference})
    return sorted((name, value) for name, values in both for value in values)


def _join(clauses: list[Clause], random: Random) -> str:
    """Put clauses behind one another; the verb is left out where nothing is lost by that."""
    opening = random.choice(OPENINGS[clauses[0].verb])
    text = f"{opening} {clauses[0].text}".strip()
    for before, one in pairwise(clauses):
        if one.verb == before.verb and not before.denies:
            text += f" and {one.text}"
        elif one.verb == "has" and random.random() < 0.5:
            text += f" with {one.text}"
        else:
            text += f" and {one.verb} {one.text}"
    return text
