"""Raw data sets as data: read a manifest, bring its files into a folder, prove them right."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from recloop.data.downloads import (
    DAMAGED,
    DiskFullError,
    SourceError,
    aside,
    download_from,
    download_whole,
    with_room,
)
from recloop.data.settings import CATALOGUE, PICTURES
from recloop.storage.files import (
    FORBIDDEN,
    error_number,
    sha256_of,
    write_text,
    writing,
)
from recloop.storage.fingerprint import digest
from recloop.storage.settings import SettingsError, read_settings

RECORD = "fetched.json"
BY_HAND = "by hand"
EMPTY = "found an empty file."


def load_source(path: Path) -> dict[str, Any]:
    """Read a manifest strictly and check it against the schema."""
    try:
        return read_settings(Path(path), "source")
    except SettingsError as error:
        raise SourceError(str(error)) from None


def fetch(source: Mapping[str, Any], output: Path, mirror: Path | None = None) -> dict[str, Any]:
    """Bring all files of a source into a folder and record them in `fetched.json`.

    A file without size or hash in the manifest is held to what its first fetch found.

    Args:
        source: from `load_source`; a tier may have overridden the sizes of a world.
        output: the folder; files that are there and right are kept, and those that an earlier
            manifest named are replaced or deleted.
        mirror: folder to read instead of downloading.
    """
    with writing(output):
        output.mkdir(parents=True, exist_ok=True)
        if "world" in source:
            record = _generate(source, output)
        else:
            before = recorded(output)
            _delete_dropped(source, output, before)
            record = {
                name: _fetch_file(source, name, output, mirror, before.get(name, {}))
                for name in source["files"]
            }
            if "pictures" in source:
                record |= _gather(source, output, mirror)
        write_text(output / RECORD, json.dumps(record, indent=1, sort_keys=True) + "\n")
    return record


def is_whole(raw: Path, source: Mapping[str, Any], memory: Path | None = None) -> bool:
    """Check whether the raw files in a folder are those of the manifest, as they were fetched.

    Args:
        raw: folder of the raw files.
        source: the manifest.
        memory: file that keeps the hashes, so that only a file that was touched since is hashed again.
    """
    record = recorded(raw)
    if not record or not _is_promised(source, record):
        return False
    if not all((raw / name).is_file() for name in record):
        return False
    found = _hashes(raw, record, memory)
    return all(found[name] == was["sha256"] for name, was in record.items())


def _hashes(raw: Path, names: Iterable[str], memory: Path | None) -> dict[str, str]:
    """Hash files, or take what is remembered of those that nobody touched."""
    known = json.loads(memory.read_text()) if memory and memory.exists() else {}
    seen = {}
    for name in names:
        about = (raw / name).stat()
        # A copy that keeps its old time of writing still shows when it came here.
        stamp = [about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino]
        before = known.get(name, {})
        same = before.get("stamp") == stamp
        seen[name] = before if same else {"stamp": stamp, "sha256": sha256_of(raw / name)}
    if memory and seen != known:
        write_text(memory, json.dumps(seen))
    return {name: one["sha256"] for name, one in seen.items()}


def check_whole(raw: Path, source: Mapping[str, Any]) -> None:
    """Stop where raw files are not those of the manifest.

    Raises:
        SourceError: names the folder and the remedy.
    """
    if not is_whole(raw, source):
        raise SourceError(
            f"{raw}: the raw files are not those of the manifest, or not as they were fetched. "
            f"Remedy: fetch them again (snakemake {raw / RECORD}), which says what differs."
        )


def recorded(raw: Path) -> dict[str, Any]:
    """Read what was fetched into a folder: name to bytes, sha256 and from; nothing before the first fetch."""
    path = raw / RECORD
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def reading_inputs(raw: Path, source: Mapping[str, Any]) -> dict[str, Any]:
    """Return all that decides how raw files are read, besides code: it belongs into the key of the tables.

    Args:
        raw: folder of the raw files; a catalogue that somebody put beside published ones counts.
        source: the manifest.
    """
    made = "world" in source or CATALOGUE in source.get("files", {})
    path = raw / CATALOGUE
    catalogue = None if made or not path.is_file() else sha256_of(path)
    keys = ("reader", "reading", "files", "pictures")
    return {key: source.get(key) for key in keys} | {CATALOGUE: catalogue}


def _is_promised(source: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    """Check whether a record has the manifest's files, with its sizes and hashes where it has any."""
    if "world" in source:
        return True  # the name of the folder holds the hash of all that made them
    files, pictures = source["files"], record.get(PICTURES)
    if set(files) != set(record) - {PICTURES} or ("pictures" in source) != bool(pictures):
        return False
    asked = not pictures or pictures.get("asked") == _asked(source)
    return asked and all(not _difference(record[name], files[name]) for name in files)


def _difference(found: Mapping[str, Any], expected: Mapping[str, Any]) -> str:
    """Describe how a file differs from the expected one; empty where it does not."""
    for key in ("bytes", "sha256"):
        if expected[key] is not None and found[key] != expected[key]:
            kind = "truncated or another file" if key == "bytes" else "another file"
            return f"{kind}. Expected {key} {expected[key]}, found {found[key]}."
    return ""


def _delete_dropped(source: Mapping[str, Any], output: Path, before: Mapping[str, Any]) -> None:
    """Delete what an earlier fetch brought and the manifest names no longer; a reader might take it."""
    for name, was in before.items():
        if name not in source["files"] and name != PICTURES and was["from"] != BY_HAND:
            (output / name).unlink(missing_ok=True)


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
    unreachable = photographs.gather(source["pictures"], names, output, mirror, download_whole)
    if unreachable:
        raise SourceError(
            f"{len(unreachable)} of {len(names)} pictures could not be reached, the first one is "
            f"{unreachable[0]}. Remedy: check the connection and try again, it goes on where it "
            f"stopped; or put them into {output / photographs.FOLDER}. By hand: {source['instructions']}"
        )
    found = _measure(output / PICTURES)
    return {PICTURES: {**found, "from": "pictures", "asked": _asked(source)}}


def _asked(source: Mapping[str, Any]) -> str:
    """Hash what decides which pictures are wanted and where they are looked for."""
    return digest(source["pictures"], source.get("reading"))


def _fetch_file(
    source: Mapping[str, Any], name: str, output: Path, mirror: Path | None, before: dict[str, Any]
) -> dict[str, Any]:
    """Keep a right file, else copy it from the mirror or download it."""
    path, expected = output / name, _expected(source["files"][name], before)
    if not path.exists():
        return _bring(source, name, path, mirror, expected)
    found = _measure(path)
    if not (fault := _difference(found, expected) or ("" if found["bytes"] else EMPTY)):
        return {**found, "from": before.get("from", BY_HAND)}
    # Only what an earlier fetch brought, and nobody has changed since, may be replaced.
    if before.get("from", BY_HAND) == BY_HAND or before["sha256"] != found["sha256"]:
        raise SourceError(f"{path}: {fault} Remedy: delete {path} and fetch again.")
    try:
        return _bring(source, name, path, mirror, expected)
    except SourceError as other:
        raise SourceError(
            f"{path}: {fault} It was fetched for an earlier manifest. {other}"
        ) from other


def _expected(file: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return size and hash of the manifest; what it leaves open, those of the first fetch."""
    pinned = {} if before and _difference(before, file) else before
    return {
        key: file[key] if file[key] is not None else pinned.get(key) for key in ("bytes", "sha256")
    }


def _bring(
    source: Mapping[str, Any],
    name: str,
    path: Path,
    mirror: Path | None,
    expected: dict[str, Any],
) -> dict[str, Any]:
    if "local" in source["files"][name]:
        return _from_local(source, name, path, Path(source["files"][name]["local"]), expected)
    if mirror is not None:
        return _from_mirror(
            source, name, path, Path(mirror) / source["files"][name]["mirror"], expected
        )
    return _from_addresses(source, name, path, expected)


def _from_mirror(
    source: Mapping[str, Any], name: str, path: Path, origin: Path, expected: dict[str, Any]
) -> dict[str, Any]:
    if not origin.is_file():
        raise SourceError(
            f"{name}: expected in the mirror at {origin}, found nothing. Put it there, or set "
            f"mirror: null in config.yaml to download it. By hand: {source['instructions']}"
        )
    with aside(path) as part:
        with_room(lambda: shutil.copyfile(origin, part), name, path, expected)
        found = _check(part, name, expected, f"replace {origin}: it is not the published file")
        os.replace(part, path)
    return {**found, "from": f"mirror {origin}"}


def _from_local(
    source: Mapping[str, Any], name: str, path: Path, origin: Path, expected: dict[str, Any]
) -> dict[str, Any]:
    """Copy a file of one's own from where it was when it was added."""
    if not origin.is_file():
        raise SourceError(f"{name}: expected at {origin}, found nothing. {source['instructions']}")
    with aside(path) as part:
        with_room(lambda: shutil.copyfile(origin, part), name, path, expected)
        found = _check(part, name, expected, f"{origin} has changed: add it anew, --yes")
        os.replace(part, path)
    return {**found, "from": f"local {origin}"}


def _from_addresses(
    source: Mapping[str, Any], name: str, path: Path, expected: dict[str, Any]
) -> dict[str, Any]:
    faults = []
    for address in source["files"][name]["addresses"]:
        link = address if isinstance(address, str) else address["archive"]
        try:
            with aside(path) as part:
                with_room(
                    lambda a=address, p=part: download_from(a, p, expected), name, path, expected
                )
                found = _check(part, name, expected, "the address may serve another version")
                os.replace(part, path)
            return {**found, "from": link}
        except (SourceError, *DAMAGED) as fault:
            local = isinstance(fault, OSError) and error_number(fault) in FORBIDDEN
            if local or isinstance(fault, DiskFullError):
                raise
            faults.append(f"{link}: {fault}")
    reasons = " ".join(faults) or "There is no address from which it can be downloaded."
    raise SourceError(
        f"{name}: not fetched. {reasons} Remedy: check the connection and try again, or name a mirror "
        f"folder in config.yaml. By hand: {source['instructions']}"
    )


def _check(path: Path, name: str, expected: Mapping[str, Any], remedy: str) -> dict[str, Any]:
    found = _measure(path)
    if fault := EMPTY if not found["bytes"] else _difference(found, expected):
        raise SourceError(f"{name}: {fault} Remedy: {remedy}.")
    return found


def _measure(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
