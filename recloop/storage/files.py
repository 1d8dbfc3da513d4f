"""Files that are whole or absent, never half; and the hash of what is in them."""

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a draft to write beside a file; it replaces the file when the block ends, and goes if that fails.

    Two processes that write the same file each have a draft of their own: the last one stays.

    Raises:
        PlaceError: the disk is full or does not allow writing; names the folder.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield draft
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


class PlaceError(RuntimeError):
    """A folder cannot be written to."""


FULL, FORBIDDEN = (errno.ENOSPC, errno.EDQUOT), (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Raise an error with the folder's name where the disk is full or does not allow writing.

    Raises:
        PlaceError: says which folder, why, and what helps.
    """
    try:
        yield
    except Exception as fault:  # some packages wrap the system's error into one of their own
        number = error_number(fault)
        if number in FULL:
            raise PlaceError(
                f"{folder}: disk full, {free_bytes(folder):,} bytes are free. Free some and run again."
            ) from fault
        if number in FORBIDDEN:
            raise PlaceError(
                f"{getattr(fault, 'filename', None) or folder}: cannot be written ({os.strerror(number)}). "
                "Give yourself the right to write there, or work in another folder."
            ) from fault
        raise


def error_number(fault: Exception) -> int | None:
    """Return the number of a system's error, which some packages only write into the text."""
    written = re.search(r"\(os error (\d+)\)", str(fault))
    return getattr(fault, "errno", None) or (int(written.group(1)) if written else None)


def free_bytes(folder: Path) -> int:
    """Return the free bytes where a folder is, or would be made."""
    there = Path(folder).absolute()
    return shutil.disk_usage(next(p for p in (there, *there.parents) if p.exists())).free


def write_text(path: Path, text: str) -> None:
    """Write a text file as a whole."""
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")


def write_json(path: Path, content: object) -> None:
    """Write JSON that people can read, as a whole."""
    write_text(path, json.dumps(content, indent=1) + "\n")


def sha256_of(path: Path) -> str:
    """Hash the bytes of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
