"""Pictures that a source publishes one by one: copied from a mirror or downloaded, as far as they still exist.

A stopped download goes on where it stopped. What is gone is listed in `pictures.json` and not asked for again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from recloop.data.pictures import ENDINGS, FOLDER, MAX_BYTES, PictureError, decode
from recloop.data.settings import PICTURES

ARCHIVE = "pictures.tar.gz"
SAFE = re.compile(r"^[A-Za-z0-9_-]{1,100}$")  # nothing else becomes the name of a file
GONE = (400, 403, 404, 410)
AT_ONCE = 8  # downloads
TIMEOUT = 30  # seconds without a byte
GIVE_UP = 100  # failures before the first success: there is no network
TELL_EVERY = 500  # pictures


class Unreachable(ConnectionError):
    """A picture may exist but cannot be had now."""


def gather(
    settings: Mapping[str, Any],
    names: Sequence[str],
    output: Path,
    mirror: Path | None,
    download: Callable[[str, Path], None],
    log: Callable[[str], None] = lambda text: print(text, file=sys.stderr),
) -> list[str]:
    """Bring pictures into `images` and list those that are gone in `pictures.json`.

    Args:
        settings: `pictures` of a manifest: mirror, archive, lists, address.
        names: the pictures wanted.
        output: folder of the raw files.
        mirror: folder to copy from instead of downloading, or null.
        download: downloads an address to a path, for whole archives and lists of addresses.
        log: prints progress.

    Returns:
        Names of the pictures that are neither here nor known to be gone; try again for them.
    """
    folder = output / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [name for name in dict.fromkeys(names) if SAFE.match(name)]
    if mirror is not None and "mirror" in settings:
        _copy(mirror / settings["mirror"], folder, set(wanted) - _here(folder))
    left = [name for name in wanted if name not in _here(folder)]
    gone = _recorded(output)
    if left and "archive" in settings:
        if not (output / ARCHIVE).exists():
            download(settings["archive"], output / ARCHIVE)
        left = []
    addresses = _addresses(settings, left, output, download)
    gone |= {name: "has no address" for name in left if name not in addresses}
    asked = {name: addresses[name] for name in left if name not in gone}
    unreachable = _download_all(asked, folder, gone, log) if asked else []
    _record(output, gone, len(wanted))
    return unreachable


def _here(folder: Path) -> set[str]:
    return {path.stem for path in folder.rglob("*") if path.suffix.lower() in ENDINGS}


def _copy(origin: Path, folder: Path, wanted: set[str]) -> None:
    for path in sorted(origin.rglob("*")) if origin.is_dir() else ():
        if path.suffix.lower() in ENDINGS and path.stem in wanted and path.is_file():
            part = folder / f".{path.name}.part"
            shutil.copyfile(path, part)
            os.replace(part, folder / path.name)


def _addresses(
    settings: Mapping[str, Any],
    names: Sequence[str],
    output: Path,
    download: Callable[[str, Path], None],
) -> dict[str, str]:
    if not names:
        return {}
    if "address" in settings:
        return {name: settings["address"].replace("{name}", name) for name in names}
    found, wanted = {}, set(names)
    for number, link in enumerate(settings.get("lists", ())):
        path = output / f"addresses-{number}.txt"
        if not path.exists():
            download(link, path)
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            words = line.split()
            if (
                len(words) == 2
                and words[0] in wanted
                and words[1].startswith(("http://", "https://"))
            ):
                found.setdefault(words[0], words[1])
    return found


def _download_all(
    asked: Mapping[str, str], folder: Path, gone: dict[str, str], log: Callable[[str], None]
) -> list[str]:
    """Download with a few connections at once; stop where nothing answers at all."""
    unreachable, had = [], 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        names = list(asked)
        for start in range(0, len(names), GIVE_UP):
            some = names[start : start + GIVE_UP]
            for name, fault in zip(
                some, pool.map(lambda name: _try(asked[name], folder, name), some), strict=True
            ):
                if fault is None:
                    had += 1
                elif isinstance(fault, Unreachable):
                    unreachable.append(name)
                else:
                    gone[name] = str(fault)
            done = start + len(some)
            if done % TELL_EVERY < GIVE_UP:
                log(
                    f"{done:,} of {len(names):,} pictures asked for, {had:,} had, {len(gone):,} gone"
                )
            if not had and len(unreachable) == done:
                return unreachable + names[done:]
    return unreachable


def _try(address: str, folder: Path, name: str) -> Exception | None:
    """Download a picture in up to two tries; give the fault instead of raising it."""
    for pause in (1.0, 0.0):
        try:
            _download(address, folder, name)
            return None
        except HTTPError as fault:
            if fault.code in GONE:
                return PictureError(f"{address} answered {fault.code}")
        except PictureError as fault:
            return PictureError(f"{address} is {fault}")
        except (URLError, OSError):
            time.sleep(pause)
    return Unreachable(address)


def _download(address: str, folder: Path, name: str) -> None:
    with urlopen(Request(address, headers={"User-Agent": "recloop"}), timeout=TIMEOUT) as stream:
        encoded = stream.read(MAX_BYTES + 1)
    if len(encoded) > MAX_BYTES:
        raise PictureError(f"larger than {MAX_BYTES} bytes")
    decode(encoded)
    part = folder / f".{name}.part"
    part.write_bytes(encoded)
    os.replace(part, folder / f"{name}.jpg")


def _recorded(output: Path) -> dict[str, str]:
    path = output / PICTURES
    return json.loads(path.read_text())["gone"] if path.exists() else {}


def _record(output: Path, gone: Mapping[str, str], wanted: int) -> None:
    record = {"wanted": wanted, "gone": dict(sorted(gone.items()))}
    (output / PICTURES).write_text(json.dumps(record, indent=1) + "\n")
