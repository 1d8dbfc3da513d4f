"""Sentences about one picture, from its title and attributes: what our own small CLIP learns to read.

Ours. Half of them describe the item; the others say, as users do, how it differs from an item drawn at random, so that
words like "lower" and "instead" have a meaning before the first dialogue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import polars as pl

from recloop.language.grammar import Lexicon, compose
from recloop.language.phrases import plain, wording

Label = tuple[str, str]  # ("colour", "navy blue")


@dataclass(frozen=True)
class Product:
    """What words can be made from: `values` by attribute, all lower case."""

    title: str
    kind: str
    values: dict[str, list[str]]

    def labels(self) -> set[Label]:
        return {(attribute, value) for attribute, known in self.values.items() for value in known}


@dataclass(frozen=True)
class Caption:
    """A sentence and the labels that it claims; `exact` if it claims nothing else."""

    text: str
    labels: frozenset[Label]
    exact: bool = True


def products(items: pl.DataFrame, attributes: pl.DataFrame) -> list[Product]:
    """Put the tables of a catalogue together, one product per item in item order; its kind is an attribute too."""
    values: dict[int, dict[str, list[str]]] = {}
    for item, attribute, value in attributes.select("item", "attribute", "value").iter_rows():
        values.setdefault(item, {}).setdefault(attribute, []).append(value)
    found = []
    for item, title, kind in items.sort("item").select("item", "title", "kind").iter_rows():
        kind = (kind or "").lower()
        known = values.get(item, {})
        found.append(
            Product((title or "").lower(), kind, {"kind": [kind]} | known if kind else known)
        )
    return found


def describe(product: Product, random: Random, most: int = 3) -> Caption:
    """Describe a product by some of its attributes, with its kind or without."""
    attributes = sorted(product.values.keys() - {"kind"})
    chosen = random.sample(attributes, min(len(attributes), random.randint(1, most)))
    utterances = [(attribute, random.choice(product.values[attribute])) for attribute in chosen]
    kind = random.choice(product.values.get("kind", [""]))
    if kind and (not utterances or random.random() < 0.5):
        return Caption(as_noun(utterances, kind, random), frozenset([*utterances, ("kind", kind)]))
    return Caption(as_sentence(utterances, random), frozenset(utterances))


def as_noun(utterances: list[Label], kind: str, random: Random) -> str:
    """Write "red heels with a round toe"."""
    adjectives, nouns = worded(utterances, random)
    front = " ".join([*adjectives, kind])
    return f"{front} with {' and '.join(nouns)}" if nouns else front


def as_sentence(utterances: list[Label], random: Random) -> str:
    """Write "is red and has a round toe"."""
    adjectives, nouns = worded(utterances, random)
    parts = [f"is {' and '.join(adjectives)}"] * bool(adjectives)
    parts += [f"has {' and '.join(nouns)}"] * bool(nouns)
    return " and ".join(parts)


def worded(utterances: list[Label], random: Random) -> tuple[list[str], list[str]]:
    """Choose one of the wordings of each label; those that follow "is", then those that follow "has"."""
    adjectives, nouns = [], []
    for attribute, value in utterances:
        words = wording(attribute, plain(value))
        form = random.choice([*words.adjectives, *words.nouns])
        (adjectives if form in words.adjectives else nouns).append(form)
    return adjectives, nouns


def names(label: Label) -> tuple[str, ...]:
    """List the ways to name a label on its own; a kind is its own name."""
    attribute, value = label
    return (value,) if attribute == "kind" else wording(attribute, plain(value)).forms()


def compare(product: Product, other: Product, lexicon: Lexicon, random: Random) -> Caption:
    """Describe how a product differs from another one; the labels are those that a reader finds in it."""
    text = compose(product.values, other.values, random)
    claims = lexicon.read(text)
    labels = claims & product.labels()
    return Caption(text, frozenset(labels), exact=bool(claims) and labels == claims)


def write(
    known: Sequence[Product], each: int, random: Random, compared: float = 0.5, titles: float = 0.1
) -> list[list[Caption]]:
    """Write `each` captions for every product.

    Args:
        known: the products.
        each: captions per product.
        random: source of all choices.
        compared: share of captions that speak of a difference.
        titles: share of captions that are the title.
    """
    lexicon = Lexicon.of([product.values for product in known])

    def one(product: Product) -> Caption:
        drawn = random.random()
        if drawn < compared:
            return compare(product, random.choice(known), lexicon, random)
        if product.title and drawn < compared + titles:
            return Caption(product.title, frozenset(), exact=False)
        return describe(product, random)

    return [[one(product) for _ in range(each)] for product in known]
