"""Pictures of products: read from archives and folders that may be hostile, kept as Parquet shards of encoded bytes.

A shard holds 1024 items in the order of their numbers, so that any picture is one known row of one known file.
"""

from __future__ import annotations

import io
import tarfile
import warnings
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl
from PIL import Image

SHARD = 1024  # items in a file
MAX_BYTES = 32 << 20  # of an encoded picture
MAX_PIXELS = 64_000_000  # of a decoded one
MIN_SIDE = 8  # shops answer with a single pixel where a photograph is gone
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif")
ARCHIVES = (".tar", ".tar.gz", ".tgz")
FOLDER = "images"  # unpacked pictures lie here, however deep
SCHEMA = {"item": pl.Int32, "image": pl.Binary}


class PictureError(ValueError):
    """A picture, an archive or a folder of shards is not what it should be."""


def read_pictures(raw: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the pictures of all archives in a folder, then those of its folder `images`.

    Names are those of the files without folders and endings. Nothing is unpacked to the disk; links, devices,
    folders and files too large to be a picture are passed over.

    Raises:
        PictureError: an archive is damaged or no archive at all.
    """
    for path in sorted(raw.iterdir()):
        if path.name.endswith(ARCHIVES):
            yield from _from_archive(path)
    for path in sorted((raw / FOLDER).rglob("*")):
        if path.is_file() and not path.is_symlink() and _wanted(path.name, path.stat().st_size):
            yield path.stem, path.read_bytes()


def _from_archive(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(path) as box:
            for member in box:
                if member.isfile() and _wanted(member.name, member.size):
                    yield PurePosixPath(member.name).stem, box.extractfile(member).read()
    except (tarfile.TarError, EOFError, OSError, zlib.error) as fault:
        raise PictureError(
            f"{path}: not a whole tar archive ({fault}). Delete it and fetch the source again."
        ) from fault


def _wanted(name: str, size: int) -> bool:
    return name.lower().endswith(ENDINGS) and 0 < size <= MAX_BYTES


def decode(encoded: bytes) -> Image.Image:
    """Decode a picture as RGB, transparent parts on white.

    Raises:
        PictureError: the bytes are no whole picture, or one of a size that no product photograph has.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(encoded), formats=FORMATS)
            _check_size(*picture.size)
            return _on_white(picture)
    except PictureError:
        raise
    # Pillow's decoders answer broken bytes with many kinds of exception.
    except Exception as fault:
        raise PictureError(f"not a picture: {fault}") from fault


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise PictureError(f"{width} x {height} pixels, more than {MAX_PIXELS} in all")
    if min(width, height) < MIN_SIDE:
        raise PictureError(f"{width} x {height} pixels, fewer than {MIN_SIDE} on a side")


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode in ("RGB", "L", "CMYK", "YCbCr"):
        return picture.convert("RGB")
    solid = picture.convert("RGBA")
    white = Image.new("RGBA", solid.size, "white")
    return Image.alpha_composite(white, solid).convert("RGB")


def write_shards(encoded: Iterable[bytes], output: Path) -> list[Path]:
    """Write pictures in the order of their items as `00000.parquet` and so on."""
    output.mkdir(parents=True, exist_ok=True)
    for stale in output.glob("*.parquet"):
        stale.unlink()
    paths, coming = [], iter(encoded)
    while shard := list(islice(coming, SHARD)):
        first = len(paths) * SHARD
        rows = {"item": range(first, first + len(shard)), "image": shard}
        paths.append(output / f"{len(paths):05d}.parquet")
        # The bytes are compressed already.
        pl.DataFrame(rows, schema=SCHEMA).write_parquet(paths[-1], compression="uncompressed")
    return paths


class Pictures:
    """The encoded pictures of a catalogue, a shard at a time in memory.

    Args:
        paths: the shards in order.
        items: how many pictures they hold.
    """

    def __init__(self, paths: Sequence[Path], items: int):
        self.paths, self.items = tuple(paths), items
        self._shard = lru_cache(maxsize=4)(self._read)

    @classmethod
    def open(cls, folder: Path) -> Pictures:
        """Open the pictures of a catalogue.

        Args:
            folder: the catalogue's folder, or its folder `images`.

        Raises:
            PictureError: there are no shards, or one is missing or incomplete.
        """
        folder = folder / FOLDER if (folder / FOLDER).is_dir() else folder
        paths = sorted(folder.glob("*.parquet"))
        sizes = [pl.scan_parquet(path).select(pl.len()).collect().item() for path in paths]
        whole = all(size == SHARD for size in sizes[:-1])
        if not paths or not whole or paths[-1].stem != f"{len(paths) - 1:05d}":
            raise PictureError(
                f"{folder}: expected shards 00000.parquet ... of {SHARD} pictures each, found "
                f"{[path.name for path in paths]} with {sizes}. Delete the folder and collect again."
            )
        return cls(paths, sum(sizes))

    def __len__(self) -> int:
        return self.items

    def encoded(self, items: Sequence[int]) -> list[bytes]:
        """Return the bytes of some pictures, in the order asked for."""
        return [self._shard(int(item) // SHARD)[int(item) % SHARD] for item in items]

    def decoded(self, item: int) -> Image.Image:
        """Return a picture as RGB."""
        return decode(self.encoded([item])[0])

    def shards(self) -> Iterator[list[bytes]]:
        """Iterate over all pictures in order, a shard at a time."""
        return (self._read(number) for number in range(len(self.paths)))

    def _read(self, number: int) -> list[bytes]:
        return pl.read_parquet(self.paths[number], columns=["image"])["image"].to_list()


def spooled(
    found: Iterable[tuple[str, bytes]], wanted: Collection[str], spool: Any
) -> tuple[dict[str, tuple[int, int]], dict[str, str]]:
    """Put every sound picture into one file; of two of a name the first one counts.

    Args:
        found: names and encoded pictures.
        wanted: names; others are passed over.
        spool: the file.

    Returns:
        place and size of each picture by its name, and what is wrong with those that are not sound.
    """
    places: dict[str, tuple[int, int]] = {}
    damaged: dict[str, str] = {}
    for name, encoded in found:
        if name not in wanted or name in places:
            continue
        try:
            decode(encoded)
        except PictureError as fault:
            damaged[name] = str(fault)
            continue
        places[name] = (spool.tell(), len(encoded))
        spool.write(encoded)
    return places, {name: fault for name, fault in damaged.items() if name not in places}


def picked(spool: Any, places: Iterable[tuple[int, int]], content: Any) -> Iterator[bytes]:
    """Read spooled pictures in an order, and take each into a hash.

    Args:
        spool: the file.
        places: place and size of each.
        content: the hash.
    """
    for start, size in places:
        spool.seek(start)
        encoded = spool.read(size)
        content.update(encoded)
        yield encoded
