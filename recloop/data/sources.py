"""Raw data sets as data: read a manifest, bring its files into a folder, prove them right."""

from __future__ import annotations

import difflib
import errno
import json
import os
import shutil
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

import jsonschema
import yaml

from recloop.storage.files import sha256_of

SCHEMA = Path(__file__).parents[2] / "workflow" / "schemas" / "source.schema.yaml"
RECORD = "fetched.json"
TRIES = 3  # per address; every further try goes on where the last one broke off
PAUSE = 1.0  # seconds before the second try, doubled each time
TIMEOUT = 60  # seconds without a byte


class SourceError(ValueError):
    """A manifest is wrong, or a raw file could not be had as the manifest promises it."""


def load_source(path: Path) -> dict[str, Any]:
    """Read a manifest and check it against the schema."""
    source = yaml.safe_load(Path(path).read_text())
    schema = yaml.safe_load(SCHEMA.read_text())
    fault = jsonschema.exceptions.best_match(
        jsonschema.Draft202012Validator(schema).iter_errors(source)
    )
    if fault is not None:
        place = ".".join(str(step) for step in fault.absolute_path) or "top level"
        raise SourceError(f"{path}: {place}: {fault.message}.{_nearest(fault)}")
    return source


def fetch(source: Mapping[str, Any], output: Path, mirror: Path | None = None) -> dict[str, Any]:
    """Bring all files of a source into a folder and record them in `fetched.json`.

    Args:
        source: from `load_source`; a tier may have overridden the sizes of a world.
        output: the folder; files that are there and right are kept.
        mirror: folder to read instead of downloading.
    """
    output.mkdir(parents=True, exist_ok=True)
    if "world" in source:
        record = _generate(source, output)
    else:
        before = _recorded(output)
        record = {
            name: _fetch_file(source, name, output, mirror, before.get(name, {}))
            for name in source["files"]
        }
        if "pictures" in source:
            record |= _gather(source, output, mirror)
    (output / RECORD).write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
    return record


def is_whole(output: Path) -> bool:
    """Say whether the raw files in a folder are those that were fetched; only one newer than the record is hashed."""
    since = (output / RECORD).stat().st_mtime
    for name, was in _recorded(output).items():
        path = output / name
        if not path.is_file() or path.stat().st_size != was["bytes"]:
            return False
        if path.stat().st_mtime > since and _measure(path)["sha256"] != was["sha256"]:
            return False
    return True


def _generate(source: Mapping[str, Any], output: Path) -> dict[str, Any]:
    world = import_module(f"recloop.data.worlds.{source['world']}")
    kinds = {"kinds": source["kinds"]} if "kinds" in source else {}
    files = world.generate(output, source["writes"], source["seed"], source["sizes"], **kinds)
    return {
        path.name: {**_measure(path), "from": f"{source['world']} world, seed {source['seed']}"}
        for path in files
    }


def _gather(source: Mapping[str, Any], output: Path, mirror: Path | None) -> dict[str, Any]:
    """Bring the pictures that are files of their own; what stands for them is the list of those that are gone."""
    from recloop.data import photographs

    reader = import_module(f"recloop.data.readers.{source['reader']}")
    names = reader.picture_names(output, **source.get("reading", {}))
    unreachable = photographs.gather(source["pictures"], names, output, mirror, _whole)
    if unreachable:
        raise SourceError(
            f"{len(unreachable)} of {len(names)} pictures could not be reached, the first one is "
            f"{unreachable[0]}. Remedy: check the connection and try again, it goes on where it "
            f"stopped; or put them into {output / photographs.FOLDER}. By hand: {source['instructions']}"
        )
    return {photographs.RECORD: {**_measure(output / photographs.RECORD), "from": "pictures"}}


def _whole(link: str, path: Path) -> None:
    """Download a file of unknown size, all of it or none."""
    with _aside(path) as part:
        try:
            _download(link, part, None)
        except OSError as fault:
            raise SourceError(
                f"{link}: not fetched ({fault}). Check the connection and try again."
            ) from fault
        os.replace(part, path)


def _fetch_file(
    source: Mapping[str, Any], name: str, output: Path, mirror: Path | None, before: dict[str, Any]
) -> dict[str, Any]:
    """Keep a right file, else copy it from the mirror or download it."""
    file = source["files"][name]
    expected = {
        key: file[key] if file[key] is not None else before.get(key) for key in ("bytes", "sha256")
    }
    path = output / name
    if path.exists():
        found = _check(path, name, expected, f"delete {path} and fetch again")
        return {**found, "from": before.get("from", "by hand")}
    if mirror is not None:
        return _from_mirror(source, name, path, Path(mirror) / file["mirror"], expected)
    return _from_addresses(source, name, path, expected)


def _from_mirror(
    source: Mapping[str, Any], name: str, path: Path, origin: Path, expected: dict[str, Any]
) -> dict[str, Any]:
    if not origin.is_file():
        raise SourceError(
            f"{name}: expected in the mirror at {origin}, found nothing. Put it there, or set "
            f"mirror: null in config.yaml to download it. By hand: {source['instructions']}"
        )
    with _aside(path) as part:
        _room(lambda: shutil.copyfile(origin, part), name, path, expected)
        found = _check(part, name, expected, f"replace {origin}: it is not the published file")
        os.replace(part, path)
    return {**found, "from": f"mirror {origin}"}


def _from_addresses(
    source: Mapping[str, Any], name: str, path: Path, expected: dict[str, Any]
) -> dict[str, Any]:
    faults = []
    for address in source["files"][name]["addresses"]:
        link = address if isinstance(address, str) else address["archive"]
        try:
            with _aside(path) as part:
                _room(lambda a=address, p=part: _get(a, p, expected), name, path, expected)
                found = _check(part, name, expected, "the address may serve another version")
                os.replace(part, path)
            return {**found, "from": link}
        except (OSError, SourceError, zipfile.BadZipFile, tarfile.TarError) as fault:
            if isinstance(fault, DiskFullError):
                raise
            faults.append(f"{link}: {fault}")
    told = " ".join(faults) or "There is no address from which it can be downloaded."
    raise SourceError(
        f"{name}: not fetched. {told} Remedy: check the connection and try again, or name a mirror "
        f"folder in config.yaml. By hand: {source['instructions']}"
    )


class DiskFullError(SourceError):
    """There is no room for a raw file."""


def _room(write: Callable[[], Any], name: str, path: Path, expected: Mapping[str, Any]) -> None:
    """Write a file, and say it plainly where the disk is full."""
    try:
        write()
    except OSError as fault:
        if fault.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFullError(
            f"{name}: disk full. Expected room for {expected['bytes'] or 'unknown'} bytes in "
            f"{path.parent}, found {shutil.disk_usage(path.parent).free}. Free some and try again."
        ) from fault


def _get(address: str | Mapping[str, str], part: Path, expected: Mapping[str, Any]) -> None:
    if isinstance(address, str):
        _download(address, part, expected["bytes"])
        return
    archive = part.with_name(part.name + ".archive")
    try:
        _download(address["archive"], archive, None)
        _extract(archive, address["member"], part)
    finally:
        archive.unlink(missing_ok=True)


def _download(link: str, part: Path, size: int | None) -> None:
    """Download with a progress bar; a broken download goes on where it stopped."""
    for trial in range(TRIES):
        resumed = part.exists()
        try:
            _download_rest(link, part)
        except OSError as fault:
            if fault.errno in (errno.ENOSPC, errno.EDQUOT) or trial == TRIES - 1:
                raise
        else:
            have = part.stat().st_size
            if size is None or have == size or (have > size and not resumed):
                return
            if have > size:
                part.unlink()  # the server began anew instead of going on
        time.sleep(PAUSE * 2**trial)


def _download_rest(link: str, part: Path) -> None:
    import pooch  # slow to import, and not needed with a mirror

    have = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    downloader = pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT, headers=headers)
    with open(part, "ab") as file:
        downloader(link, file, None)


def _extract(archive: Path, member: str, part: Path) -> None:
    """Copy one named member to `part`; no path inside the archive is ever written to."""
    with open(part, "wb") as file:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as box:
                _copy_member(lambda: box.open(member), member, file)
        else:
            with tarfile.open(archive) as box:
                _copy_member(lambda: box.extractfile(member), member, file)


def _copy_member(opened: Callable[[], Any], member: str, file: BinaryIO) -> None:
    try:
        stream = opened()
    except KeyError:
        stream = None
    if stream is None:
        raise SourceError(f"the archive has no file {member!r}.")
    with stream:
        shutil.copyfileobj(stream, file)


@contextmanager
def _aside(path: Path) -> Iterator[Path]:
    """Give a name in the same folder that is gone afterwards, whatever happens."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def _check(path: Path, name: str, expected: Mapping[str, Any], remedy: str) -> dict[str, Any]:
    found = _measure(path)
    if not found["bytes"]:
        raise SourceError(f"{name}: found an empty file. Remedy: {remedy}.")
    for key in ("bytes", "sha256"):
        if expected[key] is not None and found[key] != expected[key]:
            kind = "truncated or another file" if key == "bytes" else "another file"
            raise SourceError(
                f"{name}: {kind}. Expected {key} {expected[key]}, found {found[key]}. "
                f"Remedy: {remedy}."
            )
    return found


def _measure(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": sha256_of(path)}


def _recorded(output: Path) -> dict[str, Any]:
    """Give what the first fetch found, for files whose hash no manifest can know."""
    path = output / RECORD
    return json.loads(path.read_text()) if path.exists() else {}


def _nearest(fault: jsonschema.ValidationError) -> str:
    if fault.validator != "additionalProperties":
        return ""
    known = list(fault.schema.get("properties", {}))
    unknown = [key for key in fault.instance if key not in known]
    near = [match for key in unknown for match in difflib.get_close_matches(key, known, n=1)]
    return f" Did you mean {' or '.join(repr(key) for key in near)}?" if near else ""
