"""Tiny language models of the published architectures, with random weights, and a tokenizer learnt from a few lines."""

import pytest
import torch

LINES = [
    "The user has listened to these tracks: Live Forever, Wonderwall, Supersonic.",
    "Live Forever is a track from the album Definitely Maybe, its artist is Oasis.",
    "a red shoe with a low heel",
    "a blue shoe with a high heel and a buckle",
]
SMALL = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 16}
SMALL |= {"intermediate_size": 32, "max_position_embeddings": 128}


@pytest.fixture(scope="session")
def words():
    from recloop.language_models.tokenizer import learn

    return learn(LINES * 3, 320)


def llama(words):
    from transformers import LlamaConfig, LlamaForCausalLM

    marks = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=len(words), **SMALL, **marks))


def mistral(words):
    from transformers import MistralConfig, MistralForCausalLM

    marks = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "num_key_value_heads": 1}
    return MistralForCausalLM(MistralConfig(vocab_size=len(words), **SMALL, **marks))


def t5(words):
    from transformers import T5Config, T5ForConditionalGeneration

    marks = {"pad_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 0}
    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}
    return T5ForConditionalGeneration(T5Config(vocab_size=len(words), **sizes, **marks))


@pytest.fixture(scope="session")
def saved(tmp_path_factory, words):
    """Folders of saved models, by architecture."""
    folders = {}
    for make in (llama, mistral, t5):
        torch.manual_seed(5)
        folders[make.__name__] = tmp_path_factory.mktemp(make.__name__)
        make(words).save_pretrained(folders[make.__name__])
        words.save_pretrained(folders[make.__name__])
    return folders


@pytest.fixture
def model(saved):
    """Give a function that opens a tiny model anew."""
    from recloop.language_models import open_language_model

    return lambda name="llama", **settings: open_language_model(settings, saved[name])
