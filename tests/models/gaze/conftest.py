"""A tiny language model with random weights, opened anew for each model that changes it."""

import pytest
import torch

LINES = ["tell of pelir and tra", "the pelir of tra under kom.", "near puzo with tra for pelir."]


@pytest.fixture
def language():
    """Give a function that makes a language model, always with the same weights."""
    from transformers import LlamaConfig, LlamaForCausalLM

    from recloop.language_models.model import LanguageModel
    from recloop.language_models.tokenizer import learn

    words = learn(LINES * 3, 300)

    def make() -> LanguageModel:
        torch.manual_seed(3)
        sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
        config = LlamaConfig(
            vocab_size=len(words), num_attention_heads=2, max_position_embeddings=128, **sizes
        )
        network = LlamaForCausalLM(config).eval().requires_grad_(False)
        return LanguageModel(network, words, "tiny")

    return make
