"""A catalogue of small plain pictures, and encoders of the published architectures with random weights."""

import io
import json
from functools import partial

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

COLOURS = {"red": (200, 30, 30), "blue": (30, 30, 200), "green": (20, 140, 40)}
ITEMS = 60


def picture(item: int) -> bytes:
    """Draw a plain square or a striped one, of one of three colours, on white, with noise."""
    random = np.random.default_rng(item)
    pixels = np.full((80, 60, 3), 255)
    pixels[15:65, 10:50] = list(COLOURS.values())[item % 3]
    if item % 2:
        pixels[15:65:10, 10:50] = 255
    noisy = np.clip(pixels + random.integers(-8, 8, pixels.shape), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(noisy).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="session")
def files() -> list[bytes]:
    return [picture(item) for item in range(ITEMS)]


def write_catalogue(folder, files, mark="one"):
    """Write what `collect` writes, without asking a source."""
    from recloop.data.pictures import write_shards

    (folder / "images").mkdir(parents=True)
    write_shards(iter(files), folder / "images")
    items = range(len(files))
    rows = [(item, "colour", list(COLOURS)[item % 3]) for item in items]
    rows += [(item, "pattern", "striped" if item % 2 else "solid") for item in items]
    schema = {"item": pl.Int32, "attribute": pl.String, "value": pl.String}
    pl.DataFrame(rows, schema, orient="row").write_parquet(folder / "attributes.parquet")
    titles = [f"Acme {list(COLOURS)[item % 3]} shirt" for item in items]
    pl.DataFrame({"item": pl.Series(items, dtype=pl.Int32), "title": titles}).with_columns(
        kind=pl.lit("Shirts")
    ).write_parquet(folder / "items.parquet")
    pl.DataFrame(schema={"caption": pl.String}).write_parquet(folder / "captions.parquet")
    (folder / "catalogue.json").write_text(json.dumps({"hash": mark, "items": len(files)}))
    return folder


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory, files):
    return write_catalogue(tmp_path_factory.mktemp("catalogue"), files)


@pytest.fixture(scope="session")
def another_catalogue(tmp_path_factory, files):
    return write_catalogue(tmp_path_factory.mktemp("another"), files, "two")


def save_tokenizer(folder):
    from recloop.features import tokens

    tokenizer = tokens.train(["has a lower heel", "is red and striped", "blue shirt"] * 5, 80)
    tokenizer.save(str(folder / "tokenizer.json"))
    return tokenizer


def save_clip(folder):
    """Save a tiny CLIPModel as transformers saves it, with its preprocessor's settings."""
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

    words = save_tokenizer(folder).get_vocab_size()
    both = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
    both |= {"num_attention_heads": 2}
    text = {"vocab_size": words, "max_position_embeddings": 12}
    text |= {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
    vision = {"image_size": 32, "patch_size": 16}
    config = CLIPConfig(text_config=both | text, vision_config=both | vision, projection_dim=8)
    CLIPModel(config).save_pretrained(folder)
    size = {"crop_size": {"height": 32, "width": 32}, "size": {"shortest_edge": 32}}
    CLIPImageProcessorPil(**size).save_pretrained(folder)


def save_resnet(folder):
    """Save a tiny ResNetModel with the settings of ResNet-101's preprocessor, smaller."""
    from transformers import ResNetConfig, ResNetModel

    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1])
    ResNetModel(config).save_pretrained(folder)
    means = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
    (folder / "preprocessor_config.json").write_text(
        json.dumps(means | {"crop_pct": 0.875, "size": 32, "resample": 3})
    )


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """Folders of saved encoders, by class."""
    folders = {}
    for name, save in {"clip.CLIP": save_clip, "grid.Grid": save_resnet}.items():
        torch.manual_seed(3)
        folders[name] = tmp_path_factory.mktemp(name)
        save(folders[name])
    return folders


@pytest.fixture
def encode(catalogue, saved):
    """Give a function that encodes the catalogue with the tiny CLIP."""
    from recloop.features.encode import encode

    settings = {"class": "clip.CLIP", "dtype": "float32"}
    return partial(
        encode, catalogue, settings, encoder=saved["clip.CLIP"], batch_size=8, log=lambda _: None
    )


@pytest.fixture
def small_shards(monkeypatch):
    """Make shards of 16 rows, so that 60 pictures need four."""
    monkeypatch.setattr("recloop.features.encode.SHARD_ROWS", 16)
