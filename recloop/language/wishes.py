"""Short comments of people who look for an attribute: how they are worded, and what they wish.

The sentences are those of Zhang et al. (Text-Based Interactive Recommendation via Offline Reinforcement Learning, AAAI
2022, Table 1), with refusals (ours). The paper's sentences by people are not public: these take their place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from random import Random

from recloop.language.phrases import plain

ATTRIBUTES = ("category", "subcategory", "heel", "closure", "gender", "toe")
NAMED = {  # how a value is named with its attribute, so that "sandals" is no category
    "category": ("the category {v}",),
    "subcategory": ("{v}", "a pair of {v}"),
    "heel": ("a {v} heel",),
    "closure": ("a {v} closure",),
    "gender": ("something for {v}", "shoes for {v}"),
    "toe": ("a {v} toe",),
}
ANY = ("{v}",)  # of an attribute without an entry
WANTED = (
    "i want {p}",
    "i prefer {p}",
    "i am looking for {p}",
    "do you have {p}",
    "show me {p}",
    "please provide {p}",
    "the shoes i want have {p}",
    "can i see {p} please",
)
WANTED_TWICE_DENIED = ("i do not need shoes without {p}", "not without {p}")
REFUSED = (
    "i do not want {p}",
    "not {p} please",
    "please show me shoes without {p}",
    "no i have had enough of {p}",
    "anything but {p}",
)
TWICE_DENIED = 0.1  # share of wishes that are worded as a denied refusal
DENIES = re.compile(r"\b(?:not|no|without|but|enough)\b")


def wish(attribute: str, value: str, wanted: bool, random: Random) -> str:
    """Word that a value is wanted, or that it is not."""
    named = random.choice(NAMED.get(attribute, ANY)).format(v=plain(value))
    if not wanted:
        return random.choice(REFUSED).format(p=named)
    ways = WANTED_TWICE_DENIED if random.random() < TWICE_DENIED else WANTED
    return random.choice(ways).format(p=named)


def wordings(values: Iterable[tuple[str, str]]) -> list[str]:
    """List every sentence that there is about some values."""
    ways = (*WANTED, *WANTED_TWICE_DENIED, *REFUSED)
    return [
        way.format(p=form.format(v=plain(value)))
        for attribute, value in values
        for form in NAMED.get(attribute, ANY)
        for way in ways
    ]


class Reader:
    """Reads wishes out of sentences: the longest name of a value counts, an even number of denials is none.

    "No, I have had enough of it" denies once: what follows a comma is the same refusal.

    Args:
        values: pairs of attribute and value that can be named.
    """

    def __init__(self, values: Iterable[tuple[str, str]]):
        forms = {}
        for attribute, value in values:
            for form in NAMED.get(attribute, ANY):
                forms[form.format(v=plain(value))] = (attribute, value)
        self.forms = forms
        longest = sorted(forms, key=lambda form: (-len(form), form))
        self.pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, longest))})\b")

    def read(self, sentence: str) -> tuple[str, str, bool] | None:
        """Find which attribute is spoken of, which value, and whether it is wanted; None where nothing is named."""
        text = plain(sentence).replace("no i have had enough", "enough")
        found = self.pattern.search(text)
        if not found:
            return None
        denials = len(DENIES.findall(text[: found.start()]))
        return *self.forms[found[0]], denials % 2 == 0
