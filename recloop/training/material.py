"""What the loops of generation share: titles, latents and prompts of a split, and what is kept of generated items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.data.batches import Events, Sessions
from recloop.evaluation.ranker import Places, Ranks
from recloop.language_models import open_language_model
from recloop.language_models.latents import CACHE, Coordinates, TextEncoder
from recloop.language_models.prompts import Prompt
from recloop.models import build
from recloop.models.generation.asked import Asked
from recloop.storage.moving import moved
from recloop.training.sequences import data_facts, write_lists

LEAST = 1e-6  # deviation of a coordinate in which all prompts are alike
AT_ONCE = 512  # events that are generated for together


class Material:
    """Titles of a split's items as words and as latents.

    Args:
        data: `sessions`, the folder of a split, and `speaker`, the folder of a language model of ours, if it is one.
        settings: of the run, with `words`: `speaker` and `prompts`.
        device: cpu or cuda.

    Raises:
        ValueError: an item without words.
    """

    def __init__(self, data: Mapping[str, Path], settings: dict, device: torch.device | str):
        self.folder, self.training, self.device = data["sessions"], settings["training"], device
        self.words, self.place = settings["words"], data.get("speaker")
        self.prompts = {
            name: Prompt(name, template) for name, template in self.words["prompts"].items()
        }
        self.titles = titles(self.folder, self.training["title_words"])

    def open_model(self):
        """Open the language model anew: who puts adapters into one must not change the encoder's."""
        return open_language_model(self.words["speaker"], self.place, self.device)

    @cached_property
    def lm(self):
        """The frozen language model, which encodes too."""
        return self.open_model()

    @cached_property
    def encoder(self) -> TextEncoder:
        """The encoder of what is known before anything is generated."""
        return TextEncoder(self.lm, CACHE)

    @cached_property
    def states(self) -> Float[Tensor, "item dim"]:
        """What the language model sees in the titles."""
        return self.encoder.states(self.titles)

    @cached_property
    def coordinates(self) -> Coordinates:
        """The coordinates of latents."""
        return Coordinates(self.states, self.training["latents"])

    @cached_property
    def latents(self) -> Float[Tensor, "item latent"]:
        """The latent of every item."""
        return self.coordinates(self.states).to(self.device)

    @cached_property
    def prompted(self) -> tuple[Float[Tensor, " latent"], Float[Tensor, " latent"]]:
        """Mean and deviation of the latents of what is said of training users: a prompt is no title."""
        found = self.coordinates(
            self.encoder.states(self.part("train", self.training["targets"]).users)
        )
        return found.mean(0), found.std(0).clamp(min=LEAST)

    def facts(self, settings: dict) -> dict:
        """Collect what a model may need to know."""
        return data_facts(self.folder, settings, {}) | {"latents": self.training["latents"]}

    def part(self, name: str, targets: str = "all", most: int | None = None) -> Part:
        """Open a part of the split.

        Args:
            name: train, valid or test.
            targets: `last` keeps no event of a session but its last one; held-out parts have no others.
            most: events that are kept, drawn with a seed of its own; None keeps all.
        """
        sessions = Sessions.read(self.folder / f"{name}.parquet")
        events = Events.of(sessions, self.training["length"], len(self.titles))
        if targets == "last":
            last = np.r_[events.session[1:] != events.session[:-1], True]
            events = events.take(np.flatnonzero(last))
        return Part(self, events.sample(most, seed=0))

    def user(self, items: Sequence[int]) -> str:
        """Put the last items of a user into words (thesis, S8.5.1, footnote 3)."""
        kind = self.training["speaks_of"]
        recent = list(items)[-self.training["prompt_items"] :]
        said = [self.prompts[kind].fill(title=self.titles[item]) for item in recent]
        return self.prompts[f"{kind}s"].fill(items=", ".join(said))


class Part:
    """The events of a part with all that models are told of them.

    Args:
        material: of the split.
        events: what is to be generated.
    """

    def __init__(self, material: Material, events: Events):
        self.material, self.events = material, events
        self.sessions = events.prefixes(slice(0, len(events)))
        self.targets = torch.from_numpy(events.target.astype(np.int64))

    def __len__(self) -> int:
        return len(self.targets)

    @cached_property
    def users(self) -> list[str]:
        """What is said of each user."""
        padding = self.events.padding
        return [
            self.material.user([item for item in row if item != padding])
            for row in self.sessions.tolist()
        ]

    @cached_property
    def profiles(self) -> Float[Tensor, "event latent"]:
        """The latent p of what is said of each user, on the scale of training users."""
        mean, deviation = self.material.prompted
        return (
            self.material.coordinates(self.material.encoder.states(self.users)) - mean
        ) / deviation

    def asked(self, rows: Int[Tensor, " row"]) -> Asked:
        """Tell a model of some events."""
        device, latents = self.material.device, self.material.latents
        session, target = (moved(one[rows], device) for one in (self.sessions, self.targets))
        real = session != self.events.padding
        known = torch.cat([latents, torch.zeros_like(latents[:1])])
        profile = moved(self.profiles[rows], device)
        return Asked(session, known[session], real, profile, target, latents[target])

    def chunks(self) -> Iterator[Int[Tensor, " row"]]:
        """List the events, as many as are generated for at once."""
        return iter(torch.arange(len(self)).split(AT_ONCE))


def titles(folder: Path, words: int) -> list[str]:
    """Read what items are called, the first words of it.

    Raises:
        ValueError: an item without words.
    """
    table = pl.read_parquet(folder / "items.parquet", columns=["id", "title"])
    found = [" ".join((title or "").split()[:words]) for title in table["title"]]
    if empty := [name for name, title in zip(table["id"], found, strict=True) if not title]:
        raise ValueError(
            f"{folder}: expected a title for every item, {len(empty)} of {len(found)} have none, the first is "
            f"{empty[0]}; give the source titles, or leave these items out of it"
        )
    return found


def rank_rows(
    scores: Float[Tensor, "event item"], target: Int[Tensor, " event"], top_k: int
) -> Ranks:
    """Place targets among the scores of all items."""
    places = Places(top_k, max(1, len(scores)))
    places.add(scores, target)
    return places.ranks()


def joined(parts: list[Ranks], top_k: int) -> Ranks:
    """Put ranks behind one another."""
    if not parts:
        return Ranks.none(top_k)
    return Ranks(
        *(
            np.concatenate([getattr(one, name) for one in parts])
            for name in ("better", "tied", "top")
        )
    )


def write(
    output: Path, events: Events, ranks: Ranks, columns: Mapping[str, Sequence] | None = None
) -> None:
    """Write lists with further columns, given in the order of the events."""
    write_lists(output, events, ranks)
    if columns:
        order = events.canonical()
        more = {name: pl.Series(list(values)).gather(order) for name, values in columns.items()}
        pl.read_parquet(output).with_columns(**more).write_parquet(output)


def made(
    material: Material, settings: dict, weights: Mapping[str, Tensor] | None = None, **facts
) -> nn.Module:
    """Make the model of some settings, perhaps with weights; frozen ones are not among them."""
    asked = {name: value for name, value in settings["inference"].items() if name != "judged_on"}
    model = build(settings["model"] | asked, **material.facts(settings), **facts)
    if weights is not None:
        model.load_state_dict(weights, strict=all(one.requires_grad for one in model.parameters()))
    return model.to(material.device)
