"""Raw files to tidy tables or to a catalogue: the reader that the manifest names, held to the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from recloop.data import catalogues
from recloop.data.downloads import SourceError
from recloop.data.quarantine import manifest_of
from recloop.data.settings import CATALOGUE, check_keywords
from recloop.data.sources import check_whole, recorded
from recloop.data.tables import Reading, write_tables

# Settings of `reading` that hold for every log, whatever its reader: name to default.
GENERAL: dict[str, Any] = {"max_implausible_times": 0.01, "sessions_per_user": False}


def read(source: dict, raw: Path, output: Path) -> dict[str, Any]:
    """Read the raw files of a source with the reader that its manifest names, and print what came of it.

    Args:
        source: the manifest; `reading` holds keywords of its reader and those of `GENERAL`.
        raw: folder of the raw files.
        output: folder for interactions.parquet, items.parquet, quarantine.parquet and read.json.

    Raises:
        SourceError: a raw file is not the manifest's.
        SettingError: `reading` holds a keyword that neither the reader nor `GENERAL` has.
    """
    check_whole(raw, source)
    reading, general = open_source(source, raw)
    counts = write_tables(reading, output, float(general["max_implausible_times"]))
    check_files(counts["files"], raw)
    print(f"{source['title']}: {summary(counts)}")
    return counts


def build_catalogue(source: dict, raw: Path, output: Path) -> None:
    """Read the raw files of a source of pictures into a catalogue; keywords as of `read`.

    Raises:
        SourceError: a raw file is not the manifest's.
        SettingError: `reading` holds a keyword that the reader has not.
    """
    check_whole(raw, source)
    reader = resolve_name(f"recloop.data.readers.{source['reader']}")
    check_keywords(_reading_of(raw), source.get("reading", {}), reader.read_catalogue)
    catalogues.build_catalogue(source, raw, output)


def open_source(source: Mapping[str, Any], raw: Path) -> tuple[Reading, dict[str, Any]]:
    """Call the reader with its settings; give what it returns and the settings that are not its own."""
    reader = resolve_name(f"recloop.data.readers.{source['reader']}")
    given = source.get("reading", {})
    check_keywords(_reading_of(raw), given, reader.read, GENERAL)
    general = GENERAL | {name: value for name, value in given.items() if name in GENERAL}
    own = {name: value for name, value in given.items() if name not in GENERAL}
    reading = reader.read(raw, **own)
    if general["sessions_per_user"]:
        reading = replace(reading, sessions_per_user=True)
    return reading, general


def check_files(found: Mapping[str, str], raw: Path) -> None:
    """Stop where a reader took a file that was not fetched, or another than was fetched.

    Args:
        found: hash of each file that was read.
        raw: folder of the raw files.
    """
    record = recorded(raw)
    for name, sha256 in found.items():
        if name not in record and name != CATALOGUE:
            raise SourceError(
                f"{raw / name}: was read, but {manifest_of(raw / name)} does not name it, so that "
                "no key holds it. Name it under files: or take it away."
            )
        if name in record and record[name]["sha256"] != sha256:
            raise SourceError(
                f"{raw / name}: another file. Expected sha256 {record[name]['sha256']}, found "
                f"{sha256}. Remedy: delete it and fetch again."
            )


def _reading_of(raw: Path) -> str:
    return f"{manifest_of(raw / CATALOGUE)}: reading"


def summary(counts: Mapping[str, Any]) -> str:
    """Summarise in a line what was read and what was set aside."""
    text = f"{counts['rows']:,} events, {counts['malformed']:,} malformed lines set aside"
    if counts["duplicates"]:
        text += f", {counts['duplicates']:,} events repeat another one exactly (kept)"
    return text
