"""The page of a study: what it shows, on which data, at what cost, and what it leaves out.

The content is gathered once as sections and written twice, as README.md and as index.html.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from recloop.evaluation.results import Results
from recloop.report.evidence import Evidence, read_split
from recloop.report.tables import Table


@dataclass(frozen=True)
class Grid:
    """A small table of texts."""

    head: tuple[str, ...]
    rows: list[list[str]]


@dataclass(frozen=True)
class Exhibit:
    """A table or a figure of the paper, with the files that lie beside the page."""

    name: str
    title: str
    source: str
    command: str
    files: tuple[str, ...]
    table: Table | None = None


Part = str | list[str] | Grid | Exhibit


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it: texts, lists, grids, exhibits."""

    title: str
    parts: list[Part]


@dataclass(frozen=True)
class Page:
    """Title, first lines and sections."""

    title: str
    lead: list[str]
    sections: list[Section]


def write(
    study: Mapping,
    tier: Mapping,
    scores: Iterable[Path],
    runs: Iterable[Path],
    splits: Iterable[Path],
    into: Path,
    not_run: Mapping[str, str] | Iterable[str],
) -> None:
    """Write README.md and index.html into a folder."""
    from recloop.report import page_html, page_markdown, sections

    by_hash = {split["hash"]: split for split in map(read_split, splits)}
    results = Results(scores, {name: split["item_counts"] for name, split in by_hash.items()})
    reasons = not_run if isinstance(not_run, Mapping) else {}
    evidence = Evidence(study, tier, results, pl.DataFrame(), by_hash, reasons)
    done = [json.loads(Path(run).read_text()) for run in runs]
    page = sections.gather(evidence, done, into, not_run)
    into.mkdir(parents=True, exist_ok=True)
    (into / "README.md").write_text(page_markdown.render(page, into), encoding="utf-8")
    (into / "index.html").write_text(page_html.render(page), encoding="utf-8")
