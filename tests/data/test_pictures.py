"""Pictures come back as they were put in; whatever hostile file pretends to be one is refused, never followed."""

from __future__ import annotations

import io
import struct
import tarfile
import zlib

import pytest
from PIL import Image

from recloop.data import pictures
from recloop.data.pictures import PictureError, Pictures, decode, read_pictures, write_shards


def encoded(colour=(200, 10, 10), size=(12, 10), form="PNG", mode="RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, form)
    return file.getvalue()


def bomb(side: int = 60_000) -> bytes:
    """Claim to be huge in a few bytes."""
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b""))
    chunks = [
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def archive(path, members: dict[str, bytes], links: dict[str, str] | None = None):
    with tarfile.open(path, "w") as box:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            box.addfile(entry, io.BytesIO(content))
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            box.addfile(entry)


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"<html>404</html>",
        encoded()[:40],
        encoded(size=(200, 200), form="JPEG")[:-300],
        encoded(size=(1, 1), form="GIF"),
        encoded(size=(5000, 4)),
        bomb(),
        bomb(10_000),
    ],
    ids=["empty", "text", "cut png", "cut jpeg", "pixel", "thread", "bomb", "small bomb"],
)
def test_what_is_no_picture_is_refused(bad):
    with pytest.raises(PictureError):
        decode(bad)


def test_other_formats_are_not_even_tried():
    with pytest.raises(PictureError, match="not a picture"):
        decode(encoded(form="BMP"))


def test_transparent_parts_are_white():
    picture = decode(encoded((0, 0, 0, 0), mode="RGBA"))
    assert picture.mode == "RGB"
    assert picture.getpixel((3, 3)) == (255, 255, 255)


def test_an_archive_is_read_without_leaving_the_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_BYTES", 5000)
    raw = tmp_path / "raw"
    raw.mkdir()
    members = {
        "a/b/1.jpg": b"one",
        "../../2.png": b"two",
        "/etc/3.png": b"three",
        "readme.txt": b"text",
        "large.png": b"x" * 6000,
        "empty.png": b"",
    }
    archive(raw / "images_0.tar", members, {"4.png": "/etc/passwd"})
    (raw / "images" / "deep").mkdir(parents=True)
    (raw / "images" / "deep" / "5.jpeg").write_bytes(b"five")
    (raw / "images" / "6.png").symlink_to("/etc/passwd")
    (raw / "images" / "7.png").symlink_to("nowhere")
    found = dict(read_pictures(raw))
    assert found == {"1": b"one", "2": b"two", "3": b"three", "5": b"five"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["raw"]


def test_a_cut_archive_is_told(tmp_path):
    archive(tmp_path / "images.tar", {"1.png": encoded(size=(300, 300)), "2.png": encoded() * 30})
    whole = (tmp_path / "images.tar").read_bytes()
    (tmp_path / "images.tar").write_bytes(whole[:1400])
    with pytest.raises(PictureError, match="not a whole tar archive"):
        list(read_pictures(tmp_path))


def test_shards_give_back_what_they_got(tmp_path):
    some = [encoded((number % 256, 0, 0)) for number in range(1030)]
    paths = write_shards(some, tmp_path)
    assert [path.name for path in paths] == ["00000.parquet", "00001.parquet"]
    found = Pictures.open(tmp_path)
    assert len(found) == 1030
    assert found.encoded([1029, 3, 1024]) == [some[1029], some[3], some[1024]]
    assert found.decoded(7).getpixel((0, 0)) == (7, 0, 0)
    assert [one for shard in found.shards() for one in shard] == some
    write_shards(some[:5], tmp_path)
    assert len(Pictures.open(tmp_path)) == 5


def test_a_missing_shard_is_told(tmp_path):
    write_shards((encoded() for _ in range(1030)), tmp_path)
    (tmp_path / "00000.parquet").unlink()
    with pytest.raises(PictureError, match="collect again"):
        Pictures.open(tmp_path)
    with pytest.raises(PictureError, match="expected shards"):
        Pictures.open(tmp_path / "nothing")
