"""What stands behind all pages: raw data with their licences and hashes, and the packages that were at work."""

import json
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from recloop.report.outline import Grid, Part

DATA = ("source", "licence", "may be passed on", "raw files by hash")
SHOWN = 4  # files of a source; the record has all of them
VERSIONS = ("package", "version")
PACKAGES = ("recloop", "snakemake", "dvc", "torch", "transformers", "numpy", "polars", "scipy")
PACKAGES += ("safetensors", "matplotlib", "seaborn")
TEXT = (
    "Each hash is the beginning of a file's sha256; the whole hash, the size and where the file came from are in the "
    "`fetched.json` of its source below `data/raw/`. Data sets have licences of their own; worlds are generated."
)
PROCESS = (
    "Of the process that wrote this page. Which torch and which machine made a training is in its `run.json` and on "
    "the page of its study, under Cost."
)


def data(sources: Mapping[str, Mapping]) -> list[Part]:
    """Say of each source whose data it is and which bytes were used.

    Args:
        sources: see `recloop.plan.Plan.sources`.
    """
    return [TEXT, Grid(DATA, [row(name, source) for name, source in sources.items()])]


def row(name: str, source: Mapping) -> list[str]:
    """Describe one source."""
    home = source["homepage"]
    title = f"[{source['title']}]({home})" if home else source["title"]
    allowed = "yes" if source["redistribute"] else "no"
    return [f"`{name}` {title}", source["licence"].strip(), allowed, hashes(Path(source["record"]))]


def hashes(record: Path) -> str:
    """Write the beginning of the hash of each raw file; how many more there are, where they are many."""
    if not record.exists():
        return "not here"
    files = json.loads(record.read_text(encoding="utf-8"))
    shown = [f"{name} `{files[name]['sha256'][:12]}`" for name in list(files)[:SHOWN]]
    more = [f"and {len(files) - SHOWN} more"] if len(files) > SHOWN else []
    return "<br>".join([*shown, *more])


def versions() -> list[Part]:
    """List the packages."""
    found = [["Python", platform.python_version()], *map(list, installed())]
    return [PROCESS, Grid(VERSIONS, found)]


def installed() -> Iterator[tuple[str, str]]:
    """Look up the packages that are there."""
    for name in PACKAGES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue
