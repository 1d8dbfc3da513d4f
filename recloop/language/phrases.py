"""How people name what they see: the words for each attribute, its values, and more or less of it.

Ours; the tone is that of the relative captions of Guo et al. (NeurIPS 2018) and FashionIQ (CVPR 2021): short, without
punctuation, about what meets the eye. An attribute without an entry is worded by its own name.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

NONE = {"none", "no", "absent", "without"}  # values that say that there is none of it
PRESENT = {"yes", "true", "present"}
LEAD = re.compile(
    r"^(?:(?:more like|made of|for|an?|the) )+"
)  # words before the part that carries the meaning
TWICE = re.compile(r"\b(\w+?)s? (\1s?)\b")  # "ankle strap strap"


@dataclass(frozen=True)
class Wording:
    """What can follow "is" and what can follow "has"; `{v}` is the value, `{a}` the attribute."""

    adjectives: tuple[str, ...] = ()
    nouns: tuple[str, ...] = ()

    def fill(self, attribute: str, value: str) -> Wording:
        """Put a value in."""
        return Wording(
            tuple(_fill(form, attribute, value) for form in self.adjectives),
            tuple(_fill(form, attribute, value) for form in self.nouns),
        )

    def forms(self) -> tuple[str, ...]:
        """List everything that can be said, without leading articles and prepositions."""
        return tuple(dict.fromkeys(LEAD.sub("", form) for form in self.adjectives + self.nouns))


ATTRIBUTES = {
    "colour": Wording(("{v}",), ("a {v} colour",)),
    "kind": Wording(("more like {v}",)),
    "gender": Wording(("for {v}",)),
    "usage": Wording(("{v}", "for {v} wear")),
    "season": Wording(("for {v}",), ("a {v} style",)),
    "heel": Wording((), ("a {v} heel",)),
    "sleeve": Wording(("{v} sleeved",), ("{v} sleeves",)),
    "neckline": Wording((), ("a {v} neck", "a {v} neckline")),
    "pattern": Wording(("{v}",), ("a {v} pattern", "a {v} design")),
    "length": Wording(("{v} length", "{v} in length")),
    "fastening": Wording((), ("a {v} fastening", "a {v} closure")),
    "shape": Wording((), ("a {v} shape", "a {v} cut")),
    "toe": Wording((), ("a {v} toe",)),
    "sole": Wording((), ("a {v} sole",)),
    "strap": Wording((), ("a {v} strap",)),
    "collar": Wording((), ("a {v} collar",)),
    "fit": Wording((), ("a {v} fit",)),
    "material": Wording(("made of {v}",), ("a {v} material",)),
}
GENERIC = Wording((), ("a {v} {a}",))
VALUES = {
    ("colour", "grey"): Wording(("grey", "gray")),
    ("colour", "navy blue"): Wording(("navy blue", "navy", "dark blue")),
    ("colour", "maroon"): Wording(("maroon", "dark red")),
    ("colour", "multi"): Wording(("multicoloured", "colourful"), ("many colours",)),
    ("colour", "off white"): Wording(("off white",)),
    ("colour", "turquoise blue"): Wording(("turquoise blue", "turquoise")),
    ("colour", "purple"): Wording(("purple", "violet")),
    ("gender", "men"): Wording(("for men", "for a man", "masculine")),
    ("gender", "women"): Wording(("for women", "for a woman", "feminine")),
    ("gender", "unisex"): Wording(("unisex", "for everyone")),
    ("usage", "sports"): Wording(("sporty", "athletic", "for sports")),
    ("usage", "party"): Wording(("for a party", "for parties")),
    ("usage", "travel"): Wording(("for travel", "for travelling")),
    ("season", "summer"): Wording(("for summer", "summery")),
    ("season", "winter"): Wording(("for winter", "wintry")),
    ("heel", "flat"): Wording(("flat",), ("a flat heel", "no heel")),
    ("heel", "high"): Wording(("high heeled",), ("a high heel", "high heels")),
    ("heel", "none"): Wording(("flat",), ("no heel",)),
    ("sleeve", "sleeveless"): Wording(("sleeveless",), ("no sleeves",)),
    ("sleeve", "none"): Wording(("sleeveless",), ("no sleeves",)),
    ("pattern", "striped"): Wording(("striped", "stripy"), ("stripes", "a striped pattern")),
    ("pattern", "checked"): Wording(("checked", "checkered", "plaid"), ("checks",)),
    ("pattern", "solid"): Wording(("solid", "plain"), ("a solid colour",)),
    ("pattern", "printed"): Wording(("printed",), ("a print", "a printed pattern")),
    ("pattern", "floral"): Wording(("floral", "flowery"), ("flowers", "a floral pattern")),
    ("pattern", "dotted"): Wording(("dotted",), ("dots", "polka dots")),
    ("length", "mini"): Wording(("mini", "above the knee"), ("a mini length",)),
    ("length", "long"): Wording(("long in length", "full length")),
    ("length", "maxi"): Wording(("maxi", "ankle length"), ("a maxi length",)),
    ("fastening", "lace"): Wording(("laced", "lace up"), ("laces",)),
    ("fastening", "laces"): Wording(("laced", "lace up"), ("laces",)),
    ("fastening", "lace up"): Wording(("laced", "lace up"), ("laces",)),
    ("fastening", "zip"): Wording(("zipped",), ("a zip", "a zipper")),
    ("fastening", "buckle"): Wording(("buckled",), ("a buckle",)),
    ("fastening", "velcro"): Wording((), ("velcro", "velcro straps")),
    ("fastening", "buttons"): Wording(("buttoned",), ("buttons",)),
    ("fastening", "slip on"): Wording(("slip on", "easy to slip on")),
    ("neckline", "hooded"): Wording(("hooded",), ("a hood",)),
    ("fit", "slim"): Wording(("slimmer", "fitted"), ("a slim fit", "a tighter fit")),
    ("fit", "loose"): Wording(("loose", "looser"), ("a loose fit", "a looser fit")),
}
TYPICAL = {  # values that need no words of their own but occur everywhere
    "gender": ("boys", "girls"),
    "usage": ("casual", "formal", "ethnic"),
    "season": ("spring", "fall"),
    "neckline": ("v", "round", "boat", "scoop", "square", "halter", "high"),
    "shape": ("a line", "fitted", "flared", "straight"),
    "toe": ("open", "peep", "pointed", "round", "square"),
    "sole": ("thick", "thin", "platform", "wedge"),
    "strap": ("none", "ankle", "t"),
    "collar": ("none", "button down", "mandarin", "spread", "polo"),
}
GRADED = {"colour", "usage"}  # "more red", "less formal"

# From least to most; words that mean the same step stand together.
ORDERS = {
    "heel": (("flat", "none", "no"), ("low", "kitten"), ("medium", "mid"), ("high", "stiletto")),
    "sleeve": (
        ("sleeveless", "none", "no"),
        ("cap",),
        ("short", "half"),
        ("three quarter", "3 4"),
        ("long", "full"),
    ),
    "length": (("mini", "short"), ("knee",), ("midi", "calf"), ("long", "maxi", "ankle", "full")),
    "colour": (
        ("black", "charcoal", "navy blue", "coffee brown"),
        ("brown", "maroon", "burgundy", "purple", "olive", "teal", "navy", "dark green"),
        ("grey", "red", "blue", "green", "magenta", "rust", "bronze", "copper", "orange", "gray"),
        (
            "tan",
            "khaki",
            "gold",
            "mustard",
            "pink",
            "silver",
            "sky blue",
            "taupe",
            "turquoise blue",
        ),
        ("yellow", "beige", "peach", "lavender", "nude", "light blue", "mauve"),
        ("white", "off white", "cream"),
    ),
}
# Less of it, more of it: the word that stands for the claim, and how it is said.
COMPARATIVES = {
    "heel": (
        ("lower", Wording((), ("a lower heel", "a shorter heel", "a flatter heel"))),
        ("higher", Wording((), ("a higher heel", "a taller heel", "more heel"))),
    ),
    "sleeve": (
        ("shorter", Wording(("shorter sleeved",), ("shorter sleeves", "less sleeve"))),
        ("longer", Wording(("longer sleeved",), ("longer sleeves", "more sleeve"))),
    ),
    "length": (
        ("shorter", Wording(("shorter", "shorter in length"), ("a shorter hem",))),
        ("longer", Wording(("longer", "longer in length"), ("a longer hem",))),
    ),
    "colour": (
        ("darker", Wording(("darker", "darker in colour"), ("a darker colour",))),
        ("lighter", Wording(("lighter", "lighter in colour"), ("a lighter colour",))),
    ),
}
# The plain colour that people say for a finer one.
FAMILIES = {
    "blue": ("navy blue", "navy", "turquoise blue", "sky blue", "light blue", "dark blue"),
    "red": ("maroon", "burgundy", "rust"),
    "green": ("olive", "sea green", "lime green", "fluorescent green", "dark green", "teal"),
    "brown": ("tan", "coffee brown", "mushroom brown", "bronze", "copper", "taupe", "khaki"),
    "white": ("off white", "cream"),
    "purple": ("lavender", "mauve"),
    "pink": ("magenta", "peach", "rose"),
    "grey": ("charcoal", "grey melange", "silver", "steel"),
    "yellow": ("mustard", "gold"),
}
PLAIN = {fine: plain for plain, colours in FAMILIES.items() for fine in colours}
HEADS = {  # words of a value that only repeat its attribute
    "heel": ("heel", "heels", "heeled"),
    "sleeve": ("sleeve", "sleeves", "sleeved"),
    "length": ("length",),
}


@functools.cache
def wording(attribute: str, value: str) -> Wording:
    """Word a value of an attribute; `value` is plain text as `plain` makes it."""
    core = without_head(attribute, value)
    special = VALUES.get((attribute, core))
    if special:
        return special
    if core in NONE:
        return Wording((), (f"no {attribute}",))
    if core in PRESENT:
        return Wording((), (f"a {attribute}",))
    return ATTRIBUTES.get(attribute, GENERIC).fill(attribute, core)


def plain_colour(attribute: str, value: str) -> str:
    """Map a finer colour to its plain one; any other value is its own."""
    return PLAIN.get(value, value) if attribute == "colour" else value


@functools.cache
def level(attribute: str, value: str) -> int | None:
    """Look up how much of an attribute a value means; None where more or less makes no sense."""
    core = without_head(attribute, value)
    steps = enumerate(ORDERS.get(attribute, ()))
    return next((step for step, words in steps if core in words), None)


@functools.cache
def plain(text: str) -> str:
    """Write text as sentences do: lower case, words and spaces only ("V-neck" is "v neck", "men's" is "mens")."""
    return " ".join(re.findall(r"\w+", text.lower().replace("'", "").replace("’", "")))


def without_head(attribute: str, value: str) -> str:
    """Drop the words of a value that repeat its attribute; "long sleeves" is "long"."""
    left = [word for word in value.split() if word not in HEADS.get(attribute, ())]
    return " ".join(left) or value


def _fill(form: str, attribute: str, value: str) -> str:
    text = TWICE.sub(r"\2", form.format(v=value, a=plain(attribute)))
    first, _, rest = text.partition(" ")
    if first == "a" and value.endswith("s") and not value.endswith("ss") and text.endswith(value):
        return rest
    return f"an {rest}" if first == "a" and rest[:1] in tuple("aeio") else text
