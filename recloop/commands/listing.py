"""`recloop list`: studies, models, data sets and tiers."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from recloop.storage.fingerprint import ROOT

HELP = "list studies, models, data sets and tiers"
KINDS = ("studies", "models", "data", "tiers")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "kind",
        nargs="?",
        choices=KINDS,
        metavar="|".join(KINDS),
        help="what to list; all if left out",
    )


def run(options: argparse.Namespace) -> int:
    """Print the lists."""
    wanted = [options.kind] if options.kind else KINDS
    makers = {"studies": studies, "models": models, "data": data, "tiers": tiers}
    for kind in wanted:
        print(f"{kind}\n" + "\n".join(f"  {name:<24} {text}" for name, text in makers[kind]()))
    return 0


def studies() -> list[tuple[str, str]]:
    """List the studies with their titles."""
    return [(path.parent.name, _line_of(path, "title")) for path in _papers()]


def models() -> list[tuple[str, str]]:
    """List the models about sequences with the studies that have them."""
    from recloop.plan import folders

    found: dict[str, list[str]] = {}
    for path in _papers():
        paper = folders.read_study(path.parent)
        for name in paper["models"] if paper["task"] == "sequences" else ():
            found.setdefault(name, []).append(path.parent.name)
    return [(name, ", ".join(having)) for name, having in sorted(found.items())]


def data() -> list[tuple[str, str]]:
    """List the data sets, those of one's own first."""
    from recloop.plan.own_data import sources

    own = sources()
    paths = {path.stem: path for path in sorted((ROOT / "sources").glob("*.yaml"))}
    return [(name, f"your own: {_line_of(paths[name], 'title')}") for name in own] + [
        (name, _line_of(path, "title")) for name, path in paths.items() if name not in own
    ]


def tiers() -> list[tuple[str, str]]:
    """List the tiers with what they say."""
    return [(path.stem, _line_of(path, "says")) for path in sorted((ROOT / "tiers").glob("*.yaml"))]


def _papers() -> list[Path]:
    return sorted((ROOT / "studies").glob("*/paper.yaml"))


def _line_of(path: Path, key: str) -> str:
    """Read one line of a YAML file, without reading all of it."""
    text = path.read_text(encoding="utf-8")
    found = re.search(rf"^{key}: (?:>-\n\s+)?(.*)$", text, re.MULTILINE)
    return found.group(1).strip("\"'") if found else ""
