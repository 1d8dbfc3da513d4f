"""The page of a study as README.md."""

from pathlib import Path

from recloop.report.outline import Exhibit, Grid, Page, Part, Section
from recloop.report.printing import pipes


def render(page: Page, output: Path) -> str:
    """Write the page as Markdown."""
    contents = " · ".join(
        f"[{section.title}](#{anchor(section.title)})" for section in page.sections
    )
    head = [f"# {page.title}", *page.lead, f"{contents} · [HTML page](index.html)"]
    return (
        "\n\n".join([*head, *(section_text(section, output) for section in page.sections)]) + "\n"
    )


def anchor(title: str) -> str:
    """Return the anchor of a heading as Markdown viewers make it."""
    return title.lower().replace(" ", "-").replace("'", "")


def section_text(section: Section, output: Path) -> str:
    """Write one section."""
    return "\n\n".join(
        [f"## {section.title}", *(part_text(part, output) for part in section.parts)]
    )


def part_text(part: Part, output: Path) -> str:
    """Write one part of a section."""
    if isinstance(part, list):
        return "\n".join(f"- {line}" for line in part)
    if isinstance(part, Grid):
        return "\n".join(
            [pipes(part.head), pipes(["---"] * len(part.head)), *map(pipes, part.rows)]
        )
    return exhibit_text(part, output) if isinstance(part, Exhibit) else part


def exhibit_text(exhibit: Exhibit, output: Path) -> str:
    """Show a table as its own Markdown, a figure as its image, with links to all files."""
    links = " · ".join(f"[{name}]({name})" for name in exhibit.files)
    foot = f"Source: {exhibit.source}. `{exhibit.command}` · {links}"
    if not exhibit.files:
        return f"### {exhibit.title}\n\nNot made in this run. `{exhibit.command}`"
    if exhibit.table is None:
        return f"### {exhibit.title}\n\n![{exhibit.title}]({exhibit.name}.png)\n\n{foot}"
    body = (output / f"{exhibit.name}.md").read_text(encoding="utf-8").partition("\n")[2].strip()
    body = body.replace("\n## ", "\n#### ")
    return f"### {exhibit.title}\n\n{body}\n\n{foot}"
