"""What models have said, held against what users took: ranks by the text's latent, and columns for measures of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from recloop.evaluation.ranker import Ranks
from recloop.evaluation.text import rouge_l, sentence_bleu
from recloop.language.attributes import labels
from recloop.language_models.latents import TextEncoder
from recloop.models.generation.pdit import cosines
from recloop.training.material import Material, Part, joined, rank_rows, write

PLAIN = ""  # what nothing was asked of


def read_back(material: Material, texts: Sequence[str]) -> Float[Tensor, "text latent"]:
    """Encode generated texts as titles are; an empty one is nowhere, so that all items are alike to it."""
    found = torch.zeros(len(texts), material.training["latents"])
    full = [place for place, text in enumerate(texts) if text]
    if full:
        states = TextEncoder(material.lm).states([texts[place] for place in full])
        found[full] = material.coordinates(states)
    return found.to(material.device)


def rank_texts(material: Material, part: Part, texts: Sequence[str], top_k: int) -> Ranks:
    """Rank items by the cosine of their latents with those of texts (thesis, S8.5.2, footnote 5)."""
    return rank_latents(part, read_back(material, texts), top_k)


def rank_latents(part: Part, latents: Float[Tensor, "event latent"], top_k: int) -> Ranks:
    """Rank items by the cosine of their latents with some, one for each event."""
    parts = []
    for rows in part.chunks():
        scores = cosines(latents[rows], part.material.latents)
        parts.append(rank_rows(scores, part.targets[rows].to(scores.device), top_k))
    return joined(parts, top_k)


def keep(
    output: Path, part: Part, said: Mapping[str, Sequence[str]], top_k: int, **columns: Sequence
) -> None:
    """Write the lists of texts with what measures of text need.

    Args:
        output: parquet file.
        part: the events.
        said: texts by what was asked of them, `PLAIN` where nothing was; the first is ranked and compared.
        top_k: length of the lists.
        columns: more of them, in the order of the events.
    """
    material = part.material
    texts = list(next(iter(said.values())))
    meant = [material.titles[item] for item in part.targets.tolist()]
    pairs = list(zip(texts, meant, strict=True))
    found = {
        "text": texts,
        "meant": meant,
        "user": part.users,
        "bleu": [sentence_bleu(*pair) for pair in pairs],
        "rouge": [rouge_l([text], [[title]], recall_weight=1.0) for text, title in pairs],
        "bert": TextEncoder(material.lm).bert_scores(texts, meant).tolist(),
    }
    for name in material.training["attributes"]:
        asked = said.get(name, texts)
        found[f"says_{name}"] = [name in labels(text) for text in asked]
    write(output, part.events, rank_texts(material, part, texts, top_k), found | columns)
