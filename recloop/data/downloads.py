"""Bytes from an address, or out of an archive, into a file: all of them or none, and never more than were announced."""

from __future__ import annotations

import errno
import lzma
import os
import shutil
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from recloop.storage.files import free_bytes
from recloop.storage.settings import SettingsError

# What a download or an archive that is cut short, damaged or locked raises.
DAMAGED = (
    OSError,
    EOFError,
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    RuntimeError,
)
TRIES = 3  # per address; every further try goes on where the last one broke off
PAUSE = 1.0  # seconds before the second try, doubled each time
SWELLS = (
    200  # times its archive that a file of unknown size may be: text packs far less, bombs far more
)
TIMEOUT = 60  # seconds without a byte
OK, PARTIAL, NO_RANGE = 200, 206, 416  # answers of a server


class SourceError(SettingsError):
    """A manifest is wrong, or a raw file could not be had as the manifest promises it."""


class DiskFullError(SourceError):
    """There is no room for a raw file."""


def with_room(write: Callable[[], Any], name: str, path: Path, expected: Mapping[str, Any]) -> None:
    """Write a file, and say it plainly where the disk is full."""
    try:
        write()
    except OSError as fault:
        if fault.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFullError(
            f"{name}: disk full. Expected room for {expected['bytes'] or 'unknown'} bytes in "
            f"{path.parent}, found {free_bytes(path.parent)}. Free some and try again."
        ) from fault


def download_whole(link: str, path: Path) -> None:
    """Download a file of unknown size, all of it or none."""
    with aside(path) as part:
        try:
            download(link, part, None)
        except OSError as fault:
            raise SourceError(
                f"{link}: not fetched ({fault}). Check the connection and try again."
            ) from fault
        os.replace(part, path)


def download_from(
    address: str | Mapping[str, str], part: Path, expected: Mapping[str, Any]
) -> None:
    """Download a file, or the archive that it is a member of, which is removed afterwards.

    Args:
        address: of the file; or of the `archive`, with its `member`.
        part: where it is written.
        expected: its `bytes`, None where they are not known.
    """
    if isinstance(address, str):
        download(address, part, expected["bytes"])
        return
    archive = part.with_name(part.name + ".archive")
    try:
        download(address["archive"], archive, None)
        most = expected["bytes"] or SWELLS * archive.stat().st_size
        extract(archive, address["member"], part, most)
    finally:
        archive.unlink(missing_ok=True)


def download(link: str, part: Path, size: int | None) -> None:
    """Download with a progress bar; a broken download goes on where it stopped."""
    for trial in range(TRIES):
        try:
            _download_rest(link, part, size)
        except OSError as fault:
            if fault.errno in (errno.ENOSPC, errno.EDQUOT) or trial == TRIES - 1:
                raise
        else:
            if size is None or part.stat().st_size == size:
                return
        time.sleep(PAUSE * 2**trial)


def _download_rest(link: str, part: Path, size: int | None) -> None:
    import pooch  # slow to import, and not needed with a mirror

    have = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    with open(part, "ab") as file:
        hooks = {"response": partial(_begin, file=file, have=have)}
        downloader = pooch.HTTPDownloader(
            progressbar=True, timeout=TIMEOUT, headers=headers, hooks=hooks
        )
        downloader(link, Bounded(file, size), None)


def _begin(response: Any, *_: Any, file: BinaryIO, have: int, **__: Any) -> None:
    """Begin a file anew where a server answers with something else than the rest of it."""
    rest = response.headers.get("Content-Range", f"bytes {have}-").startswith(f"bytes {have}-")
    if have and not (response.status_code == PARTIAL and rest):
        if response.status_code in (OK, PARTIAL, NO_RANGE):
            file.truncate(0)
        if response.status_code == PARTIAL:
            raise ConnectionError(f"asked for bytes {have}-, got another part")


class Bounded:
    """A file that takes no more bytes than were announced: the disk is not the place to find out.

    Args:
        file: open for writing.
        most: bytes; None for a file of unknown size.
    """

    def __init__(self, file: BinaryIO, most: int | None):
        self.file, self.most = file, most

    def write(self, content: bytes) -> int:
        """Write on.

        Raises:
            SourceError: there is more than expected.
        """
        if self.most is not None and self.file.tell() + len(content) > self.most:
            raise SourceError(f"larger than the {self.most} bytes that were expected.")
        return self.file.write(content)

    def flush(self) -> None:
        """Flush the file."""
        self.file.flush()


def extract(archive: Path, member: str, part: Path, most: int) -> None:
    """Copy one named member of at most so many bytes to `part`; no path inside the archive is ever written to."""
    with open(part, "wb") as whole:
        file = Bounded(whole, most)
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as box:
                _copy_member(lambda: box.open(member), member, file)
        elif tarfile.is_tarfile(archive):
            with tarfile.open(archive) as box:
                _copy_member(lambda: box.extractfile(member), member, file)
        else:
            size = archive.stat().st_size
            raise SourceError(
                f"expected a zip or tar archive, found {size} bytes that are neither, or only the "
                "beginning of one; fetch again."
            )


def _copy_member(opened: Callable[[], Any], member: str, file: Bounded) -> None:
    try:
        stream = opened()
    except KeyError:
        stream = None
    if stream is None:
        raise SourceError(f"the archive has no file {member!r}.")
    with stream:
        shutil.copyfileobj(stream, file)


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; it is removed afterwards, whatever happens."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)
