"""Saved models are loaded by the real code and give what transformers gives."""

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from recloop.features import open_encoder
from recloop.features.preparation import Preparation


@pytest.fixture(scope="module")
def clip(saved):
    return open_encoder({"class": "clip.CLIP"}, saved["clip.CLIP"])


@pytest.fixture(scope="module")
def grid(saved):
    return open_encoder({"class": "grid.Grid", "dtype": "float16"}, saved["grid.Grid"])


def opened(files):
    return [Image.open(io.BytesIO(file)) for file in files]


def test_pixels_are_those_of_transformers(clip, saved, files):
    from transformers import CLIPImageProcessorPil

    processor = CLIPImageProcessorPil.from_pretrained(saved["clip.CLIP"])
    expected = processor(images=opened(files[:5]), return_tensors="pt")["pixel_values"]
    pixels = torch.stack([clip.prepare(file) for file in files[:5]])
    assert pixels.dtype == torch.uint8
    assert torch.allclose(clip.prepare.scale(pixels), expected, atol=1e-6)


@pytest.mark.parametrize("size", [(101, 64), (60, 80), (33, 200), (224, 224)])
def test_odd_pictures_are_cut_as_in_transformers(size):
    from transformers import CLIPImageProcessorPil

    noise = np.random.default_rng(1).integers(0, 255, (*size, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    expected = CLIPImageProcessorPil()(images=[Image.fromarray(noise)], return_tensors="pt")
    prepare = Preparation()
    found = prepare.scale(prepare(file.getvalue())[None])
    assert torch.allclose(found, expected["pixel_values"], atol=1e-6)


def test_settings_of_a_preparation_survive(tmp_path):
    squeezed = Preparation(size=64, short_side=None)
    squeezed.write(tmp_path / "whole.json")
    Preparation(48, 48).write(tmp_path / "cut.json")
    assert Preparation.read(tmp_path / "whole.json") == squeezed
    assert Preparation.read(tmp_path / "cut.json") == Preparation(48, 48)


def test_old_settings_of_openai_and_resnet(tmp_path):
    statistics = {"image_mean": [0.5] * 3, "image_std": [0.2] * 3}
    (tmp_path / "clip").write_text(
        json.dumps(statistics | {"size": 224, "crop_size": 224, "do_center_crop": True})
    )
    (tmp_path / "resnet").write_text(json.dumps(statistics | {"size": 224, "crop_pct": 0.875}))
    for name, short_side in {"clip": 224, "resnet": 256}.items():
        found = Preparation.read(tmp_path / name)
        assert (found.size, found.short_side) == (224, short_side)


def test_pictures_and_texts_are_those_of_transformers(clip, files):
    from transformers import PreTrainedTokenizerFast

    texts = ["has a lower heel", "red"]
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=clip.tokens.tokenizer, pad_token="[END]", model_max_length=12
    )
    with torch.no_grad():
        pixels = clip.prepare.scale(torch.stack([clip.prepare(file) for file in files[:3]]))
        pictures = clip.model.get_image_features(pixel_values=pixels).pooler_output
        given = tokenizer(texts, return_tensors="pt", padding=True)
        given.pop("token_type_ids", None)
        sentences = clip.model.get_text_features(**given).pooler_output
    assert torch.allclose(clip.images(files[:3]), pictures, atol=1e-6)
    assert torch.allclose(clip.texts(texts), sentences, atol=1e-6)


def test_neighbours_in_a_batch_do_not_matter(clip, files):
    together = clip.texts(["red", "has a lower heel and is red and striped and blue and long"])
    assert torch.allclose(together[:1], clip.texts(["red"]), atol=1e-6)
    assert clip.texts([]).shape == (0, clip.dim)
    assert torch.allclose(clip.images(files[:4])[2:3], clip.images(files[2:3]), atol=1e-6)


def test_features_are_float32_and_have_no_gradient(clip, files):
    found = clip.images(files[:2])
    assert (found.dtype, found.shape, found.requires_grad) == (torch.float32, (2, 8), False)
    weight = torch.ones(8, requires_grad=True)
    (found @ weight).sum().backward()  # may be used in training, unlike tensors of inference mode
    assert weight.grad is not None


def test_grid_keeps_the_cells(grid, files):
    found = grid.images(files[:2])
    assert found.shape == (2, 16, 16) == (2, *grid.shape)
    with torch.no_grad():
        pixels = grid.prepare.scale(grid.prepare(files[0])[None])
        expected = grid.model(pixels).last_hidden_state
    assert torch.allclose(found[0, 5], expected[0, :, 1, 1], atol=1e-5)
    with pytest.raises(TypeError, match="pictures only"):
        grid.texts(["red"])


def test_revision_follows_the_files(saved, tmp_path):
    from shutil import copytree

    from recloop.features.encoder import revision_of

    copy = copytree(saved["clip.CLIP"], tmp_path / "copy")
    assert revision_of(copy) == revision_of(saved["clip.CLIP"])
    (copy / "tokenizer.json").write_text((copy / "tokenizer.json").read_text() + " ")
    assert revision_of(copy) != revision_of(saved["clip.CLIP"])


def test_folder_without_a_model(tmp_path):
    with pytest.raises(ValueError, match="expected a saved model"):
        open_encoder({"class": "clip.CLIP"}, tmp_path)


def test_published_model_needs_a_revision():
    with pytest.raises(ValueError, match="a commit of 40"):
        open_encoder({"class": "clip.CLIP", "name": "openai/clip"})
    with pytest.raises(ValueError, match="expected `name` and `revision`"):
        open_encoder({"class": "grid.Grid"})


def test_unknown_setting(saved):
    with pytest.raises(TypeError, match="colour"):
        open_encoder({"class": "clip.CLIP", "colour": 1}, saved["clip.CLIP"])
