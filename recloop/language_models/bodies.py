"""A language model without its words: the states that its layers make of embeddings, and which of its weights learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.language_models import adapters
from recloop.language_models.files import ModelError
from recloop.storage.moving import moved

if TYPE_CHECKING:
    from recloop.language_models.model import LanguageModel

TUNINGS = ("lora", "all", "none")


class Body(nn.Module):
    """The layers of a causal language model.

    Args:
        language: its network is used, and changed: opened for this alone.
        tuning: which weights learn: those of low-rank adapters (`lora`), all but the table of tokens, or none.
        layers: how many of the layers are used, the first ones; None for all.
        rank, alpha, dropout: of the adapters.
        recompute: compute activations anew on the way back, for less memory.

    Raises:
        ModelError: an encoder with a decoder, more layers than there are, or another tuning.
    """

    def __init__(
        self,
        language: LanguageModel,
        tuning: str = "lora",
        layers: int | None = None,
        rank: int = 8,
        alpha: int | float = 32,
        dropout: float = 0.1,
        recompute: bool = False,
    ):
        super().__init__()
        if language.encodes:
            raise ModelError("expected a causal language model, got one with an encoder")
        if tuning not in TUNINGS:
            raise ModelError(f"tuning={tuning!r}: expected one of {', '.join(TUNINGS)}")
        network = language.network.base_model
        if layers is not None and layers > len(network.layers):
            raise ModelError(f"layers={layers}: this model has {len(network.layers)}")
        network.layers = network.layers[:layers]
        self.dim = network.config.hidden_size
        self.network, self.embedding = network, network.get_input_embeddings()
        if tuning == "lora":
            adapters.adapt(language, rank, alpha, dropout)
        if tuning == "all":
            language.learning = True
            network.requires_grad_(True)
            self.embedding.requires_grad_(False)
        if recompute:
            adapters.checkpoint_gradients(language)

    def forward(
        self, embedded: Float[Tensor, "batch time dim"], mask: Int[Tensor, "batch time"]
    ) -> Float[Tensor, "batch time dim"]:
        """Return the state behind each place, of which later ones know nothing; padding stands before or behind."""
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        done = self.network(
            inputs_embeds=embedded, attention_mask=mask, position_ids=positions, use_cache=False
        )
        return done.last_hidden_state


def load_learnt(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Put the weights that learnt into a model whose frozen ones are as they were opened.

    Raises:
        ValueError: a weight that learns is missing, or one that the model has not.
    """
    found = model.load_state_dict(tensors, strict=False)
    named = model.named_parameters(remove_duplicate=False)
    frozen = {name for name, one in named if not one.requires_grad}
    if lacking := [name for name in found.missing_keys if name not in frozen]:
        raise ValueError(f"the saved weights lack {lacking[0]}; remove the run and train again")
    if found.unexpected_keys:
        raise ValueError(
            f"the model has no {found.unexpected_keys[0]}; remove the run and train again"
        )


def padded(
    rows: list[Tensor], before: bool, device: torch.device | str
) -> tuple[Tensor, Int[Tensor, "batch time"]]:
    """Put rows of other lengths into one table, and mark what is no padding.

    Args:
        rows: shape (time,) or (time, features) each.
        before: whether padding stands before the rows, so that their ends are aligned.
        device: of the table.
    """
    width = max(1, max(len(row) for row in rows))
    table = rows[0].new_zeros((len(rows), width, *rows[0].shape[1:]))
    mask = torch.zeros(len(rows), width, dtype=torch.int64)
    for place, row in enumerate(rows):
        part = slice(width - len(row), width) if before else slice(0, len(row))
        table[place, part], mask[place, part] = row, 1
    return moved(table, device), moved(mask, device)
