"""A cache holds what the encoder gives, survives a kill, and refuses to be mixed."""

import json
import shutil

import numpy as np
import pytest
import torch

from recloop.features import open_encoder
from recloop.features.cache import Features
from recloop.features.encode import Writer

pytestmark = pytest.mark.usefixtures("small_shards")


def test_rows_are_the_encoder_s(encode, saved, files, tmp_path):
    encode(tmp_path)
    found = Features.open(tmp_path, "one")
    expected = open_encoder({"class": "clip.CLIP"}, saved["clip.CLIP"]).images(files)
    assert (len(found), found.dim, found.shape) == (60, 8, (8,))
    assert torch.allclose(found.tensor(), expected, atol=1e-6)
    items = np.array([59, 0, 17, 16, 0])
    assert torch.allclose(found.tensor(items), expected[items], atol=1e-6)
    assert found.rows(items).dtype == np.float32
    assert torch.allclose(found.tensor(normalised=True).norm(dim=1), torch.ones(60))
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        *(f"0000{shard}.npy" for shard in range(4)),
        "features.json",
    ]


def test_float16_is_half_as_large(catalogue, saved, tmp_path):
    from recloop.features.encode import encode

    sizes = {}
    for dtype in ("float16", "float32"):
        settings = {"class": "grid.Grid", "dtype": dtype}
        encode(catalogue, settings, tmp_path / dtype, saved["grid.Grid"], log=lambda _: None)
        found = Features.open(tmp_path / dtype)
        sizes[dtype] = found.tensor()
        assert found.rows(np.arange(3)).dtype == dtype
        assert found.shape == (16, 16)
    assert torch.allclose(sizes["float16"], sizes["float32"], rtol=1e-3, atol=1e-3)
    files = [(tmp_path / dtype / "00000.npy").stat().st_size for dtype in sizes]
    assert files[1] - 128 == 2 * (files[0] - 128)


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_change_nothing(encode, tmp_path, workers):
    encode(tmp_path / "none")
    encode(tmp_path / "some", workers=workers)
    shards = [(tmp_path / name / "00003.npy").read_bytes() for name in ("none", "some")]
    assert shards[0] == shards[1]


def test_killed_job_goes_on(encode, tmp_path, monkeypatch):
    encode(tmp_path / "whole")
    write = Writer.write_shard

    def stop_after_two(self, *given):
        if len(self.record["shards"]) == 2:
            raise KeyboardInterrupt
        return write(self, *given)

    monkeypatch.setattr(Writer, "write_shard", stop_after_two)
    with pytest.raises(KeyboardInterrupt):
        encode(tmp_path / "killed", workers=2)
    with pytest.raises(ValueError, match="unfinished, 32 of 60 rows"):
        Features.open(tmp_path / "killed")
    monkeypatch.setattr(Writer, "write_shard", write)
    before, logged = (tmp_path / "killed/00001.npy").stat().st_mtime_ns, []
    encode(tmp_path / "killed", log=logged.append)
    assert logged[0] == "goes on after 32 of 60 pictures"
    assert (tmp_path / "killed/00001.npy").stat().st_mtime_ns == before
    rows = [Features.open(tmp_path / name).tensor() for name in ("killed", "whole")]
    assert torch.equal(*rows)


def test_work_waits_in_the_side_folder(encode, tmp_path):
    encode(tmp_path / "output", checkpoint_dir=tmp_path / "checkpoint_dir")
    assert not (tmp_path / "checkpoint_dir").exists()
    assert len(Features.open(tmp_path / "output")) == 60


def test_another_catalogue_is_refused(encode, another_catalogue, saved, tmp_path):
    from recloop.features.encode import encode as encode_any

    encode(tmp_path)
    with pytest.raises(ValueError, match="encodes catalogue one, expected two"):
        Features.open(tmp_path, "two")
    settings = {"class": "clip.CLIP", "dtype": "float32"}
    with pytest.raises(ValueError, match="with data 'one', expected 'two'; remove the folder"):
        encode_any(another_catalogue, settings, tmp_path, saved["clip.CLIP"])


@pytest.mark.parametrize("key", ["revision", "dtype"])
def test_another_encoder_is_refused(encode, tmp_path, key):
    encode(tmp_path)
    record = json.loads((tmp_path / "features.json").read_text())
    (tmp_path / "features.json").write_text(json.dumps(record | {key: "other"}))
    with pytest.raises(ValueError, match=f"holds features with {key} 'other'"):
        encode(tmp_path)


def test_missing_and_damaged_shards(encode, tmp_path):
    encode(tmp_path / "good")
    missing, cut, changed = (
        shutil.copytree(tmp_path / "good", tmp_path / name)
        for name in ("missing", "cut", "changed")
    )
    (missing / "00001.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"00001\.npy: missing"):
        Features.open(missing)
    (cut / "00001.npy").write_bytes((cut / "00001.npy").read_bytes()[:-4])
    with pytest.raises(ValueError, match="bytes, found"):
        Features.open(cut)
    bytes_now = bytearray((changed / "00001.npy").read_bytes())
    bytes_now[-1] ^= 1
    (changed / "00001.npy").write_bytes(bytes_now)
    with pytest.raises(ValueError, match="damaged, its sha256"):
        encode(changed)


def test_shard_of_another_type(encode, tmp_path):
    encode(tmp_path)
    record = json.loads((tmp_path / "features.json").read_text())
    (tmp_path / "features.json").write_text(json.dumps(record | {"dtype": "float16"}))
    with pytest.raises(ValueError, match="expected float16 of shape"):
        Features.open(tmp_path)


def test_folder_without_record(tmp_path):
    with pytest.raises(FileNotFoundError, match="encode the catalogue"):
        Features.open(tmp_path)


def test_unknown_item_and_type(encode, catalogue, saved, tmp_path):
    from recloop.features.encode import encode as encode_any

    encode(tmp_path / "good")
    with pytest.raises(IndexError, match=r"asked, .* has 0 to 59"):
        Features.open(tmp_path / "good").rows(np.array([3, 60]))
    with pytest.raises(ValueError, match="expected one of float16, float32"):
        settings = {"class": "clip.CLIP", "dtype": "int8"}
        encode_any(catalogue, settings, tmp_path / "bad", saved["clip.CLIP"])


def test_features_too_large_for_float16(catalogue, saved, tmp_path, monkeypatch):
    from recloop.features.clip import CLIP
    from recloop.features.encode import encode

    look = CLIP.look
    monkeypatch.setattr(CLIP, "look", lambda self, pixels: look(self, pixels) * 1e6)
    with pytest.raises(ValueError, match="say dtype: float32"):
        encode(catalogue, {"class": "clip.CLIP"}, tmp_path, saved["clip.CLIP"])


@pytest.mark.parametrize("workers", [0, 2])
def test_damaged_picture_is_named(encode, tmp_path, monkeypatch, workers):
    from recloop.data.pictures import Pictures

    given = Pictures.encoded
    monkeypatch.setattr(
        Pictures,
        "encoded",
        lambda self, items: [b"no" if item == 21 else given(self, [item])[0] for item in items],
    )
    with pytest.raises(ValueError, match="item 21: expected a JPEG or PNG file"):
        encode(tmp_path, workers=workers)
