"""A trained generator of latents and a trained decoder behind one another: PDiT-GIM and controls; nothing is learnt.

Controls have latents of another origin (a random item, the last one, the mean of a history, the target itself, an upper
bound), decode by taking the title that lies nearest, or rank by latents and say nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from recloop.fitting.context import TrainingContext
from recloop.fitting.progress import NDCG, run_facts
from recloop.models.generation.decoded import Decoded
from recloop.models.generation.pdit import cosines
from recloop.storage import checkpoint
from recloop.training.latents import generated
from recloop.training.material import Material, Part, made, write
from recloop.training.said_items import PLAIN, keep, rank_latents
from recloop.training.sequences import judged_on
from recloop.training.wording import Wording, asked_for, model_of, own_latents, say

ROLES = ("latents", "decoder")


def prepare(data: dict[str, Path], settings: dict, needs: dict[str, Path], device: str) -> dict:
    """Give the keywords of `train`: the weights of the parts."""
    return {"parts": {role: checkpoint.load(needs[role])[0] for role in ROLES if role in needs}}


def train(
    parts: dict[str, dict[str, Tensor]], training: dict, context: TrainingContext
) -> tuple[dict[str, Tensor], dict]:
    """Put the weights of the parts together."""
    weights = checkpoint.join(parts)
    return weights or {"nothing": torch.zeros(1)}, run_facts() | {NDCG.column: None}


def rank(
    data: dict[str, Path],
    tensors: dict[str, Tensor],
    settings: dict,
    needs: dict[str, Path],
    output: Path,
    top_k: int,
    device: str = "cpu",
) -> None:
    """Generate a latent for every test event and say it, or rank by it.

    Args:
        data, settings, device: as for other loops of generation.
        tensors: the weights of both parts.
        needs: weights of the parts, for how they were trained.
        output: parquet file, one row per test event.
        top_k: length of the lists.
    """
    material = Material(data, settings, device)
    part, way = material.part(judged_on(settings)), made(material, settings)
    latents = origin(material, part, way, tensors, settings, needs)
    if not way.says:
        return write(output, part.events, rank_latents(part, latents, top_k))
    if "decoder" not in needs:
        return keep(output, part, {PLAIN: nearest(material, latents)}, top_k)
    own = checkpoint.load(needs["decoder"])[1]["settings"] | {"words": settings["words"]}
    material.training = own["training"]
    model = model_of(material, own, checkpoint.below(tensors, "decoder"))
    wording = Wording(material, part)
    said = {name: say(model, wording, name, latents) for name in asked_for(own["training"])}
    return keep(output, part, said, top_k)


def origin(
    material: Material,
    part: Part,
    way: Decoded,
    tensors: Mapping[str, Tensor],
    settings: dict,
    needs: Mapping[str, Path],
) -> Float[Tensor, "event latent"]:
    """Find the latents that are decoded: drawn by a generator, or of an item of some kind."""
    if way.origin == "drawn":
        own = checkpoint.load(needs["latents"])[1]["settings"]
        known = own["inference"].keys() & settings["inference"].keys()
        asked = own["inference"] | {name: settings["inference"][name] for name in known}
        generator = made(material, own | {"inference": asked}, checkpoint.below(tensors, "latents"))
        return generated(generator, part)
    if way.origin == "target":
        return own_latents(part)
    if way.origin == "mean":
        return mean_latents(part)
    if way.origin == "last":
        real = (part.sessions != part.events.padding).sum(1) - 1
        items = part.sessions.gather(1, real[:, None]).squeeze(1)
    else:
        random = torch.Generator().manual_seed(0)
        items = torch.randint(len(material.titles), (len(part),), generator=random)
    return material.latents[items.to(material.device)]


def mean_latents(part: Part) -> Float[Tensor, "event latent"]:
    """Average the latents of every history."""
    latents, had = part.material.latents, part.sessions.to(part.material.device)
    known = torch.cat([latents, torch.zeros_like(latents[:1])])  # zeros at padding
    return known[had].sum(1) / (had != part.events.padding).sum(1, keepdim=True)


def nearest(material: Material, latents: Float[Tensor, "event latent"]) -> list[str]:
    """Decode without learning: the title whose latent is most like each."""
    return [material.titles[item] for item in cosines(latents, material.latents).argmax(1).tolist()]
