"""Items to models that say them: IM and GIM from an item's latent, LLM, LLM_g and DiffuSeq from a user's items.

Thesis, chapter 8 (Eqs. 8.10 to 8.12). `alpha` weighs the loss of items that are said behind an attribute, `plain` that
of the same items without; `user_data` says whether the user's items stand in front of both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.evaluation.ranker import Ranks
from recloop.fitting.context import TrainingContext
from recloop.fitting.schedule import Schedule
from recloop.language.attributes import ATTRIBUTES, labels
from recloop.models.generation.said import Said
from recloop.storage.moving import moved
from recloop.training.material import Material, Part, made
from recloop.training.said_items import PLAIN, keep, rank_texts
from recloop.training.sequences import judged_on
from recloop.training.supervised import LoggedSessions, fit_sessions

AT_ONCE = 64  # texts that are said together
SHUFFLE = 1_234_567  # seed by which attributes are dealt to other items


class Drawn(NamedTuple):
    """A batch: items, an event of each in front of whose user it is said (-1 for none), and an attribute of each."""

    items: Int[Tensor, " row"]
    events: Int[Tensor, " row"]
    attributes: Int[Tensor, " row"]


class Wording:
    """How items, users and attributes are put into token numbers.

    Args:
        material: of the split.
        part: whose users are told of.
    """

    def __init__(self, material: Material, part: Part):
        self.material, self.part, self.training = material, part, material.training
        self.names = tuple(self.training["attributes"])
        self.begin = material.lm.begin
        self.tails = [
            [*self.numbers(f" {title}")[: self.training["title_tokens"]], material.lm.end]
            for title in material.titles
        ]
        self.has = self.labelled()

    def numbers(self, text: str) -> list[int]:
        """Write a text in token numbers, without marks around it."""
        return self.material.lm.tokenizer(text, add_special_tokens=False)["input_ids"]

    def labelled(self) -> list[frozenset[str]]:
        """Read the attributes of every item off its title, or, as a control, off another item's."""
        found = [labels(title, self.names) for title in self.material.titles]
        if self.training["labels"] == "own":
            return found
        random = torch.Generator().manual_seed(SHUFFLE)
        return [found[place] for place in torch.randperm(len(found), generator=random)]

    def head(self, event: int, attribute: str, has: bool, soft: bool) -> list[int]:
        """Say what stands in front of an item: an attribute, a user's items, and that the item comes next.

        Args:
            event: whose user; -1 for nobody's.
            attribute: `PLAIN` for none.
            has: whether the item has it.
            soft: whether soft prompts stand in front of all.
        """
        prompts, parts = self.material.prompts, []
        if attribute != PLAIN:
            parts.append(prompts[attribute if has else f"no_{attribute}"].fill() + ".")
        if self.training["user_data"] and event >= 0:
            parts.append(self.part.users[event] + ".")
        words = self.numbers(" ".join([*parts, prompts["next"].fill()]))
        return words if soft else [*self.begin, *words]

    def wanted(self, name: str, soft: bool) -> list[list[int]]:
        """List the heads of all events, asked for an attribute as it is wanted, or for none."""
        has = name != PLAIN and ATTRIBUTES[name].wanted
        return [self.head(event, name, has, soft) for event in range(len(self.part))]


def prepare(data: dict[str, Path], settings: dict, needs: dict[str, Path], device: str) -> dict:
    """Give the keywords of `train`; as `recloop.training.latents.prepare`."""
    material, training = Material(data, settings, device), settings["training"]
    parts = {
        "train": material.part("train", training["targets"]),
        "valid": material.part("valid", most=training["validation_events"]),
    }
    return {"make": lambda: model_of(material, settings), "parts": parts}


def model_of(
    material: Material, settings: dict, weights: dict[str, Tensor] | None = None
) -> nn.Module:
    """Make a model that says items; one that changes the language model gets one of its own."""
    reads = settings["model"]["class"].endswith("FineTuned")
    lm = material.open_model() if reads else material.lm
    return made(material, settings, weights, lm=lm)


def train(
    make: Callable[[], nn.Module], parts: dict[str, Part], training: dict, context: TrainingContext
) -> tuple[dict[str, Tensor], dict]:
    """Choose the learning rate on the validation part if there are several, then train with it."""
    objective = partial(Items, parts=parts, training=training)
    # A language model is opened, not saved.
    return fit_sessions(make, objective, training, context, keeps="trained")


class Items(LoggedSessions):
    """The words of items, of the whole catalogue in turn (models that read latents), or of users' next ones.

    Args:
        model: has `loss(said)`, `write(latent, heads)` and `reads_latents`.
        parts: `train` and `valid`.
        training: `alpha`, `plain`, `user_data`, `attributes`, `labels`.
        schedule: `batch_size` counts items.
        context: of the training.
    """

    def __init__(
        self,
        model: nn.Module,
        parts: dict[str, Part],
        training: dict,
        schedule: Schedule,
        context: TrainingContext,
    ):
        super().__init__(model, schedule, context)
        self.material, self.training = parts["train"].material, training
        self.wording, self.asking = (Wording(self.material, parts[n]) for n in ("train", "valid"))
        self.events = by_item(parts["train"].targets, len(self.material.titles))
        whole = len(self.material.titles) if model.reads_latents else len(parts["train"])
        self.targets, self.length = whole, -(-whole // schedule.batch_size)

    def batches(self, epoch: int, skip: int) -> Iterator[Drawn]:
        """Shuffle items, draw a user who took each, and one of its attributes; by seed and epoch alone."""
        random = self.context.generator(epoch)
        order = torch.randperm(self.targets, generator=random)
        chance = torch.rand(self.targets, generator=random)
        names = torch.randint(max(len(self.wording.names), 1), (self.targets,), generator=random)
        items, events = order, order
        if self.model.reads_latents:
            known = [self.events[item] for item in order.tolist()]
            picked = [
                rows[int(c * len(rows))] if rows else -1
                for rows, c in zip(known, chance.tolist(), strict=True)
            ]
            events = torch.tensor(picked)
        else:
            items = self.wording.part.targets[order]
        size = self.schedule.batch_size
        parts = (one.split(size) for one in (items, events, names))
        return iter([Drawn(*one) for one in zip(*parts, strict=True)][skip:])

    def optimisers(self, phase: int) -> dict[str, torch.optim.Optimizer]:
        """Make an AdamW for what is not frozen (thesis, Table 8.4)."""
        rate, decay = self.schedule.learning_rate, self.schedule.weight_decay
        learning = [one for one in self.model.parameters() if one.requires_grad]
        return {"all": torch.optim.AdamW(learning, rate, weight_decay=decay)}

    def loss(self, batch: Drawn) -> Float[Tensor, ""]:
        """Compute L_im + alpha L_gim (Eq. 8.12): each item once without and once with an attribute."""
        words, soft = self.wording, self.model.reads_latents
        heads, weights = [], []
        for guided, weight in ((False, self.training["plain"]), (True, self.training["alpha"])):
            if not weight:
                continue
            for item, event, number in zip(*(one.tolist() for one in batch), strict=True):
                name = words.names[number] if guided else PLAIN
                heads.append(words.head(event, name, name in words.has[item], soft))
                weights.append(float(weight))
        times = len(heads) // len(batch.items)
        items = batch.items.repeat(times)
        tails = [words.tails[item] for item in items.tolist()]
        latent = self.material.latents[moved(items, self.material.device)]
        said = Said(latent, heads, tails, moved(torch.tensor(weights), latent.device))
        return times * self.model.loss(said)

    def ranks(self) -> Ranks:
        """Rank the validation targets by what is said for their users, or from their own latents."""
        name = asked_for(self.training)[0]
        texts = say(self.model, self.asking, name, own_latents(self.asking.part))
        return rank_texts(self.material, self.asking.part, texts, 0)


def by_item(targets: Int[Tensor, " event"], items: int) -> list[list[int]]:
    """List the events of every item."""
    found: list[list[int]] = [[] for _ in range(items)]
    for event, item in enumerate(targets.tolist()):
        found[item].append(event)
    return found


def own_latents(part: Part) -> Float[Tensor, "event latent"]:
    """Take the latents of the targets themselves."""
    return part.material.latents[part.targets.to(part.material.device)]


def asked_for(training: dict) -> list[str]:
    """List the attributes that are asked of a model that has learnt to be guided; nothing of one that has not."""
    return list(training["attributes"]) if training["alpha"] else [PLAIN]


@torch.no_grad()
def say(
    model: nn.Module, wording: Wording, name: str, latents: Float[Tensor, "event latent"]
) -> list[str]:
    """Say an item for every event of a part, in batches of heads of like length."""
    model.eval()
    heads = wording.wanted(name, model.reads_latents)
    order = sorted(range(len(heads)), key=lambda place: len(heads[place]))
    found = [""] * len(heads)
    for first in range(0, len(order), AT_ONCE):
        rows = order[first : first + AT_ONCE]
        texts = model.write(
            latents[torch.tensor(rows, device=latents.device)], [heads[row] for row in rows]
        )
        for row, text in zip(rows, texts, strict=True):
            found[row] = text
    return found


def rank(
    data: dict[str, Path],
    tensors: dict[str, Tensor],
    settings: dict,
    needs: dict[str, Path],
    output: Path,
    top_k: int,
    device: str = "cpu",
) -> None:
    """Say an item for every test event; models that read latents are told those of the targets, an upper bound.

    Args:
        data, settings, needs, device: as for `prepare`.
        tensors: the weights, without the frozen ones.
        output: parquet file, one row per test event.
        top_k: length of the lists.
    """
    material = Material(data, settings, device)
    part, model = material.part(judged_on(settings)), model_of(material, settings, tensors)
    wording, latents = Wording(material, part), own_latents(part)
    said = {name: say(model, wording, name, latents) for name in asked_for(settings["training"])}
    keep(output, part, said, top_k)
