"""Shapes of published networks, to be filled with random weights: a placebo, or the cost of a network without it.

Devlin et al. BERT. NAACL 2019; Turc et al. Well-Read Students Learn Better. 2019 (the small BERTs); Wang et al.
MiniLM. NeurIPS 2020; Allal et al. SmolLM2. 2025; Dosovitskiy et al. An Image Is Worth 16x16 Words. ICLR 2021.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from recloop.storage.settings import only_known

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# Width, layers, heads, width of the feed-forward part.
BERTS = {
    "bert-tiny": (128, 2, 2, 512),
    "bert-mini": (256, 4, 4, 1024),
    "bert-small": (512, 4, 8, 2048),
    "bert-medium": (512, 8, 8, 2048),
    "bert-base": (768, 12, 12, 3072),
    "bert-large": (1024, 24, 16, 4096),
    "minilm": (384, 6, 12, 1536),
}
LLAMAS = {"smollm2-135m": (576, 30, 9, 1536)}
VITS = {
    "vit-tiny": (192, 12, 3, 768),
    "vit-small": (384, 12, 6, 1536),
    "vit-base": (768, 12, 12, 3072),
}
KEY_HEADS = 3  # of SmolLM2's
SHAPES = {"words": (*BERTS, *LLAMAS), "pictures": tuple(VITS)}


def shaped(
    shape: str, seed: int, vocabulary: int = 30522, image_size: int = 224, patch: int = 16
) -> PreTrainedModel:
    """Make a network of a published shape with random weights, as its own class draws them.

    Args:
        shape: one of `SHAPES`.
        seed: of the weights.
        vocabulary: of a network of words.
        image_size, patch: pixels of an edge, of a network of pictures.

    Raises:
        SettingsError: an unknown shape.
    """
    only_known("shape", [shape], [*SHAPES["words"], *SHAPES["pictures"]])
    config = configured(shape, vocabulary, image_size, patch)
    return drawn(config, seed)


def configured(shape: str, vocabulary: int, image_size: int, patch: int):
    """Write the configuration of a shape."""
    from transformers import BertConfig, LlamaConfig, ViTConfig

    dim, layers, heads, inner = (BERTS | LLAMAS | VITS)[shape]
    sizes = {
        "hidden_size": dim,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": inner,
    }
    if shape in VITS:
        return ViTConfig(**sizes, image_size=image_size, patch_size=patch)
    if shape in LLAMAS:
        more = {"num_key_value_heads": KEY_HEADS, "tie_word_embeddings": True}
        return LlamaConfig(**sizes, **more, vocab_size=vocabulary, max_position_embeddings=2048)
    return BertConfig(**sizes, vocab_size=vocabulary)


def drawn(config, seed: int) -> PreTrainedModel:
    """Draw the weights of a configuration, and leave torch's random state as it was."""
    from transformers import AutoModel

    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        more = {"add_pooling_layer": False} if config.model_type in ("bert", "vit") else {}
        return AutoModel.from_config(config, **more)
