"""A catalogue as users and recommender know it: what is shown, what is seen of it, what is said and heard of it."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from jaxtyping import Float, Int
from torch import Tensor

from recloop.data.attribute_codes import Codes, read_codes
from recloop.features.cache import Features
from recloop.language.wishes import ATTRIBUTES, Reader
from recloop.models import build, locate
from recloop.models.offline.perception import Perception
from recloop.models.offline.shelf import Shelf
from recloop.models.offline.spaces import Space
from recloop.simulators.phrasebook import Book, by_grammar
from recloop.simulators.shoppers import Shoppers, Similarity, WishesHold
from recloop.storage import checkpoint
from recloop.training.speech import read_book
from recloop.training.tokens import encoded, vocabulary_of

BOOK_SEED = 7  # of the grammar's wordings: the same for all runs


@dataclass(frozen=True)
class Shop:
    """What does not change in a catalogue.

    Attributes:
        codes: true values of all items: the user's knowledge.
        parts: part of every item.
        visual: what the encoder says of the pictures.
        vectors: what the recommender sees of every item: scaled features and the attribute network's probabilities.
        taken: values that the attribute network takes every item to have.
        book: what users can say.
        sentences: every sentence of the book as the recommender hears it, and silence behind the last one.
    """

    codes: Codes
    parts: pl.Series
    visual: Float[Tensor, "item features"]
    vectors: Float[Tensor, "item inputs"]
    taken: Int[Tensor, "item attribute"]
    book: Book
    sentences: Float[Tensor, "sentence words"]

    def facts(self, model: str) -> dict[str, Any]:
        """Give what the constructor of a class is told."""
        inputs, words = self.vectors.shape[1], self.heard_by(locate(model)).shape[1]
        return {"sizes": self.codes.sizes, "inputs": inputs, "words": words}

    def heard_by(self, model: Any) -> Float[Tensor, "sentence words"]:
        """Give every sentence as a recommender gets it: encoded, or what it means."""
        return self.meanings if model.hears_meaning else self.sentences

    @functools.cached_property
    def meanings(self) -> Float[Tensor, "sentence words"]:
        """What a reader makes of every sentence: a mark at the value, in the second half where it is refused."""
        pairs = self.codes.pairs()
        reader, place = Reader(pairs), {pair: number for number, pair in enumerate(pairs)}
        table = torch.zeros(len(self.sentences), 2 * len(pairs))
        for row, sentence in enumerate(self.book.sentences):
            if meaning := reader.read(sentence):
                table[row, place[meaning[:2]] + (not meaning[2]) * len(pairs)] = 1.0
        return table

    @functools.cached_property
    def space(self) -> Space:
        """The space of actions."""
        return Space(self.codes.sizes)

    def shelf(self, part: str) -> Shelf:
        """Put the items of a part on a shelf, sorted by what the attribute network takes them for."""
        ids = torch.from_numpy(np.flatnonzero((self.parts == part).to_numpy()))
        return Shelf.of(ids, self.vectors, self.taken, self.space)

    def open(
        self, part: str, settings: Mapping[str, Any], sessions: int, seed: int, device: Any = "cpu"
    ) -> Shoppers:
        """Let users in who look for items of a part.

        Args:
            part: train, valid or test.
            settings: of the environment, as the study describes it.
            sessions: how many at once.
            seed: of all chance in them.
            device: where the sessions are.
        """
        stated, scales = self.codes.unstated, ("attribute_weight", "distances", "differing")
        reward = Similarity(self.visual, self.taken, **{name: settings[name] for name in scales})
        return Shoppers(
            self.shelf(part),
            self.codes.table,
            self.book,
            reward,
            WishesHold(self.codes.table, stated),
            sessions,
            settings["cap"],
            settings["penalty"],
            seed,
            device,
        )


def open_shop(
    data: Mapping[str, Path], environment: Mapping[str, Any], needs: Mapping[str, Path]
) -> Shop:
    """Read a catalogue through the eyes and ears of a trained perception.

    Args:
        data: `dialogues`, `catalogue` and `features`.
        environment: settings of the users: `speaks` is `learnt` or `grammar`, `wordings` and `refuses` are its.
        needs: weights of `perception`, and of `speaker` where users speak as they learnt.

    Raises:
        ValueError: users speak in a third way.
    """
    if environment["speaks"] not in ("learnt", "grammar"):
        raise ValueError(f"speaks={environment['speaks']!r}: expected learnt or grammar")
    codes = read_codes(data["catalogue"], ATTRIBUTES)
    if environment["speaks"] == "learnt":
        book = read_book(needs["speaker"], codes)
    else:
        book = by_grammar(codes, environment["wordings"], environment["refuses"], BOOK_SEED)
    visual = Features.open(data["features"]).tensor()
    perception = read_perception(needs["perception"], codes, visual.shape[1])
    with torch.no_grad():
        scores = perception.attributes(visual)
        seen = perception.attributes.scaled(visual)
        vocabulary = vocabulary_of(codes)
        heard = perception.text(*encoded(book.sentences, vocabulary))
    likely = scores.softmax(-1)[:, perception.attributes.space.there]
    silence = torch.zeros(1, heard.shape[1])
    return Shop(
        codes,
        read_parts(data["dialogues"]),
        visual,
        torch.cat([seen, likely], dim=1),
        scores.argmax(-1),
        book,
        torch.cat([heard, silence]),
    )


def read_parts(dialogues: Path) -> pl.Series:
    """Read which part every catalogue item is in."""
    return pl.read_parquet(dialogues / "items.parquet").sort("item")["part"]


def read_perception(weights: Path, codes: Codes, features: int) -> Perception:
    """Open a trained perception."""
    tensors, made = checkpoint.load(weights)
    model = build(made["settings"]["model"], **perception_facts(codes, features))
    model.load_state_dict(tensors)
    return model.eval().requires_grad_(False)


def perception_facts(codes: Codes, features: int) -> dict[str, Any]:
    """Give what the constructor of a perception is told."""
    words = len(vocabulary_of(codes))
    return {
        "sizes": codes.sizes,
        "features": features,
        "vocabulary": words,
        "labels": 2 * len(codes.pairs()),
    }
