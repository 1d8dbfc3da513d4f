"""What a language model is to say: soft prompts from a latent, words in front, and the words of an item behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from recloop.language_models.model import LanguageModel
from recloop.storage.moving import moved

IGNORED = -100  # of cross_entropy


@dataclass(frozen=True)
class Said:
    """Some items to be said.

    Attributes:
        latent: of the item, for soft prompts.
        head: token numbers of the words in front.
        tail: token numbers of the item's words, the end mark behind them.
        weight: of the item in the loss.
    """

    latent: Float[Tensor, "batch latent"]
    head: list[list[int]]
    tail: list[list[int]]
    weight: Float[Tensor, " batch"]

    def __len__(self) -> int:
        return len(self.head)


def likelihood(
    model: LanguageModel, soft: Float[Tensor, "batch token dim"] | None, said: Said
) -> Float[Tensor, ""]:
    """Compute the weighted mean of the cross-entropy per token of each item's words (Eqs. 8.10 to 8.12)."""
    rows = [head + tail for head, tail in zip(said.head, said.tail, strict=True)]
    given, mask, ids = embedded(model, soft, rows)
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    width = max(map(len, said.tail))
    logits = model.network(
        inputs_embeds=given,
        attention_mask=mask,
        position_ids=positions,
        use_cache=False,
        logits_to_keep=width + 1,
    ).logits[:, :-1]
    targets = torch.full((len(rows), width), IGNORED)
    for row, tail in enumerate(said.tail):
        targets[row, width - len(tail) :] = torch.tensor(tail)
    targets = moved(targets, ids.device)
    losses = functional.cross_entropy(
        logits.float().transpose(1, 2), targets, ignore_index=IGNORED, reduction="none"
    )
    each = losses.sum(1) / (targets != IGNORED).sum(1)
    return (each * said.weight).sum() / len(rows)


def embedded(
    model: LanguageModel, soft: Float[Tensor, "batch token dim"] | None, rows: Sequence[list[int]]
) -> tuple[Float[Tensor, "batch wide dim"], Int[Tensor, "batch wide"], Int[Tensor, "batch time"]]:
    """Embed token numbers, ends aligned, behind soft prompts that stand right in front of each row's first token."""
    ids, mask = model.padded([row or [model.end] for row in rows])
    empty = moved(torch.tensor([not row for row in rows]), mask.device)
    mask = mask.masked_fill(empty[:, None], 0)
    given = model.network.get_input_embeddings()(ids)
    if soft is None:
        return given, mask, ids
    length, width = soft.shape[1], given.shape[1]
    room = torch.cat([torch.zeros_like(soft), given], 1)
    first = width - mask.sum(1)  # of each row's soft prompts, in the wider table
    where = first[:, None] + torch.arange(length, device=first.device)
    place = torch.zeros_like(room[:, :, 0], dtype=torch.long).scatter(
        1, where, torch.arange(1, length + 1, device=first.device).expand(len(rows), -1)
    )
    padded = torch.cat([torch.zeros_like(soft[:, :1]), soft], 1)
    chosen = padded.gather(1, place[:, :, None].expand(-1, -1, soft.shape[2]))
    wide = torch.cat([torch.zeros_like(mask[:, :1]).expand(-1, length), mask], 1)
    mask = wide | (place > 0).long()
    return torch.where((place > 0)[:, :, None], chosen, room), mask, ids


@torch.no_grad()
def spoken(
    model: LanguageModel,
    soft: Float[Tensor, "batch token dim"] | None,
    heads: Sequence[list[int]],
    max_tokens: int,
) -> list[str]:
    """Let the model say the likeliest words behind each head, up to the end mark."""
    from transformers import GenerationConfig

    given, mask, _ = embedded(model, soft, heads)
    settings = GenerationConfig(
        max_new_tokens=max_tokens,
        do_sample=False,
        pad_token_id=model.padding,
        eos_token_id=model.end,
    )
    model.network.eval()
    found = model.network.generate(
        inputs_embeds=given, attention_mask=mask, generation_config=settings
    )
    return [model.read(row).text.strip() for row in found.tolist()]
