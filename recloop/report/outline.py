"""What a page is made of, before it is written as Markdown or HTML."""

from dataclasses import dataclass

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
