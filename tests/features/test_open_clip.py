"""OpenCLIP is not installed here: what is asked of it, and what is said without it."""

import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch

from recloop.features import open_encoder

SETTINGS = {"class": "open_clip.OpenCLIP", "name": "RN101", "pretrained": "openai"}


class Model(torch.nn.Linear):
    """Has the parts of OpenCLIP's models that we use."""

    def __init__(self):
        super().__init__(3, 6)
        size = {"size": (16, 16), "mean": (0.5, 0.5, 0.5), "std": (0.2, 0.2, 0.2)}
        self.visual = SimpleNamespace(preprocess_cfg=size)

    def encode_image(self, pixels):
        return self(pixels.mean((2, 3)))

    def encode_text(self, ids):
        return self(ids[:, :3].float())


@pytest.fixture
def asked(monkeypatch):
    """Put a stand-in where `import open_clip` finds it; give what it was asked for."""
    asked = {}
    torch.manual_seed(5)
    model = Model()

    def create_model(name, **given):
        asked.update(given, name=name)
        return model

    package = ModuleType("open_clip")
    package.create_model = create_model
    package.get_pretrained_cfg = lambda name, tag: {"quick_gelu": True} if tag == "openai" else {}
    package.get_tokenizer = lambda name: lambda texts: torch.ones(len(texts), 77, dtype=torch.long)
    monkeypatch.setitem(sys.modules, "open_clip", package)
    return asked


def test_published_weights_get_their_activation(asked, files):
    encoder = open_encoder(SETTINGS)
    assert asked == {
        "name": "RN101",
        "pretrained": "openai",
        "require_pretrained": True,
        "force_quick_gelu": True,
    }
    assert encoder.images(files[:2]).shape == (2, 6)
    assert encoder.texts(["red"]).shape == (1, 6)
    assert encoder.texts([]).shape == (0, 6)


def test_revision_is_the_weights(asked):
    revision = open_encoder(SETTINGS).revision
    assert open_encoder(SETTINGS | {"revision": revision}).revision == revision
    with pytest.raises(ValueError, match="expected revision 00, found"):
        open_encoder(SETTINGS | {"revision": "00"})


def test_folder_holds_one_file(asked, tmp_path):
    with pytest.raises(ValueError, match=r"expected one file .* found 0"):
        open_encoder(SETTINGS, tmp_path)
    (tmp_path / "rn101.safetensors").touch()
    open_encoder(SETTINGS, tmp_path)
    assert asked["pretrained"] == str(tmp_path / "rn101.safetensors")


def test_without_open_clip(monkeypatch):
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(ImportError, match="install it by hand, `pip install open-clip-torch`"):
        open_encoder(SETTINGS)
