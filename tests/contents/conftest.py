"""A few items with titles and pictures, and small networks of the published architectures with random weights."""

import json
import tarfile
from io import BytesIO

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

TITLES = ["red striped shirt", "blue shirt", None, "", "green dotted long shirt", "red dress"]
WORDS = ["red", "blue", "green", "striped", "dotted", "long", "shirt", "dress"]
PICTURED = [0, 1, 2, 4]
SIZE = 16


def drawn(item: int) -> bytes:
    random = np.random.default_rng(item)
    file = BytesIO()
    Image.fromarray(random.integers(0, 255, (SIZE, SIZE, 3)).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="session")
def raw(tmp_path_factory):
    """Pictures of some items, one damaged, one of nobody."""
    folder = tmp_path_factory.mktemp("raw")
    with tarfile.open(folder / "images_0.tar", "w") as box:
        for name, encoded in [
            *((f"i{item}", drawn(item)) for item in PICTURED),
            ("i5", b"\x89PNG but not for long"),
            ("nobody", drawn(9)),
        ]:
            entry = tarfile.TarInfo(f"{name}.png")
            entry.size = len(encoded)
            box.addfile(entry, BytesIO(encoded))
    return folder


@pytest.fixture(scope="session")
def contents(tmp_path_factory, raw):
    """What `make_contents` makes of them."""
    from recloop.contents.items import Contents
    from recloop.contents.writing import make_contents

    folder = tmp_path_factory.mktemp("contents")
    items = pl.DataFrame(
        {"item": range(len(TITLES)), "id": [f"i{n}" for n in range(len(TITLES))], "title": TITLES}
    )
    items.write_parquet(folder / "items.parquet")
    make_contents(folder, raw, folder / "made")
    return Contents(folder / "made")


@pytest.fixture(scope="session")
def bert(tmp_path_factory):
    """A folder of a small BERT."""
    from transformers import BertConfig, BertModel

    from recloop.features import tokens

    folder = tmp_path_factory.mktemp("bert")
    words = tokens.train([" ".join(WORDS)], 200)
    torch.manual_seed(1)
    sizes = {"hidden_size": 8, "num_hidden_layers": 3, "num_attention_heads": 2}
    config = BertConfig(**sizes, vocab_size=words.get_vocab_size(), intermediate_size=16)
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    words.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="session")
def llama(tmp_path_factory, bert):
    """A folder of a small causal language model."""
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("llama")
    (folder / "tokenizer.json").write_bytes((bert / "tokenizer.json").read_bytes())
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = LlamaConfig(**sizes, intermediate_size=16, vocab_size=200)
    torch.manual_seed(2)
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def vit(tmp_path_factory):
    """A folder of a small ViT."""
    from transformers import ViTConfig, ViTForImageClassification

    folder = tmp_path_factory.mktemp("vit")
    sizes = {"hidden_size": 8, "num_hidden_layers": 3, "num_attention_heads": 2}
    config = ViTConfig(**sizes, intermediate_size=16, image_size=SIZE, patch_size=8, num_labels=3)
    torch.manual_seed(3)
    ViTForImageClassification(config).save_pretrained(folder)
    return with_preparation(folder)


@pytest.fixture(scope="session")
def resnet(tmp_path_factory):
    """A folder of a small ResNet."""
    from transformers import ResNetConfig, ResNetModel

    folder = tmp_path_factory.mktemp("resnet")
    torch.manual_seed(4)
    ResNetModel(
        ResNetConfig(embedding_size=4, hidden_sizes=[4, 8], depths=[1, 1], layer_type="basic")
    ).save_pretrained(folder)
    return with_preparation(folder)


def with_preparation(folder):
    from recloop.features.preparation import CONFIG, Preparation

    Preparation(size=SIZE, short_side=None).write(folder / CONFIG)
    return folder


@pytest.fixture
def changed(tmp_path, bert):
    """A copy of the BERT with another hash on record."""
    for file in bert.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "encoder.json").write_text(json.dumps({"revision": "0" * 64}))
    return tmp_path
