"""The page of a study as one HTML file that opens without a server; its figures lie beside it."""

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path

from recloop.report import printing
from recloop.report.outline import Exhibit, Grid, Page, Part, Section
from recloop.report.page_markdown import anchor
from recloop.report.tables import Table

STYLE, SCRIPT = (Path(__file__).with_name(f"page.{end}") for end in ("css", "js"))
INLINE = [
    (re.compile(r"\*\*(.+?)\*\*"), r"<strong>\1</strong>"),
    (re.compile(r"(?i)\[([^\]]+)\]\((?!\w+script:|data:)([^)\"\s]+)\)"), r'<a href="\2">\1</a>'),
    (re.compile(r"(?<!\*)\*(?! )([^*]+)(?<! )\*(?!\*)"), r"<em>\1</em>"),
    (re.compile("&lt;br&gt;"), "<br>"),
]


def render(page: Page) -> str:
    """Write the page as HTML."""
    links = "".join(
        f'<a href="#{escape(anchor(section.title))}">{escape(section.title)}</a>'
        for section in page.sections
    )
    head = "".join(f"<p>{inline(text)}</p>" for text in page.lead)
    body = "\n".join(section_html(section) for section in page.sections)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(page.title)}</title>\n<style>\n{STYLE.read_text(encoding='utf-8')}</style>\n</head>\n<body>\n"
        f"<header><h1>{escape(page.title)}</h1>{head}</header>\n<nav>{links}</nav>\n<main>\n{body}\n</main>\n"
        f"<script>\n{SCRIPT.read_text(encoding='utf-8')}</script>\n</body>\n</html>\n"
    )


def inline(text: str) -> str:
    """Turn the little Markdown that texts hold into HTML."""
    parts = re.split(r"`(.+?)`", escape(text, quote=False))  # every second part is code
    parts[::2] = map(marked, parts[::2])
    parts[1::2] = [f"<code>{part}</code>" for part in parts[1::2]]
    return "".join(parts)


def marked(text: str) -> str:
    """Turn links, bold and emphasis into HTML."""
    for pattern, replacement in INLINE:
        text = pattern.sub(replacement, text)
    return text


def section_html(section: Section) -> str:
    """Write one section."""
    parts = "\n".join(part_html(part) for part in section.parts)
    return f'<section id="{escape(anchor(section.title))}">\n<h2>{escape(section.title)}</h2>\n{parts}\n</section>'


def part_html(part: Part) -> str:
    """Write one part of a section."""
    if isinstance(part, list):
        return f"<ul>{''.join(f'<li>{inline(line)}</li>' for line in part)}</ul>"
    if isinstance(part, Grid):
        return grid_html(part)
    return exhibit_html(part) if isinstance(part, Exhibit) else f"<p>{inline(part)}</p>"


def grid_html(grid: Grid) -> str:
    """Write a small table of texts; a verdict gets its colour."""
    columns = zip(*grid.rows, strict=True) if grid.rows else [()] * len(grid.head)
    kinds = [column_kind(column) for column in columns]
    head = "".join(
        f'<th scope="col" class="{kind}">{inline(text)}</th>'
        for text, kind in zip(grid.head, kinds, strict=True)
    )
    rows = "".join(f"<tr>{''.join(map(grid_cell, row, kinds))}</tr>" for row in grid.rows)
    return f'<div class="wide"><table class="grid"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def column_kind(column: tuple[str, ...]) -> str:
    """Classify a column: numbers, set flush right; verdicts, set in colour; or text."""
    if all(re.fullmatch(r"[\d,.]+( \w+|%)?|–", text) for text in column):
        return "number"
    return "verdict" if all(text[:2] in ("✔ ", "✘ ", "○ ", "– ") for text in column) else "text"


def grid_cell(text: str, kind: str) -> str:
    """Write one cell of a grid."""
    verdict = text[2:].split(" ")[0] if kind == "verdict" else ""
    return f'<td class="{f"{kind} {verdict}".strip()}">{inline(text)}</td>'


def exhibit_html(exhibit: Exhibit) -> str:
    """Write a table, or a figure with its image, with links to all files and its command."""
    links = " ".join(f'<a href="{name}">{name.rpartition(".")[2]}</a>' for name in exhibit.files)
    foot = f'<p class="foot">Source: {inline(exhibit.source)}. <code>{escape(exhibit.command)}</code> {links}</p>'
    title = f"<h3>{inline(exhibit.title)}</h3>"
    if not exhibit.files:
        shown = '<p class="note">Not made in this run.</p>'
    elif exhibit.table is None:
        shown = f'<figure><img src="{exhibit.name}.svg" alt="{escape(exhibit.title)}" loading="lazy"></figure>'
    else:
        shown = table_html(exhibit.table)
    return f'<article id="{exhibit.name}">\n{title}\n{shown}\n{foot}\n</article>'


def table_html(table: Table) -> str:
    """Write a table of cells, one body per block."""
    columns = table.cells["column"].unique(maintain_order=True).to_list()
    head = "<td></td>" + "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    bodies = "".join(
        f"<tbody>{''.join(block_html(block, cells, len(columns) + 1))}</tbody>"
        for block, cells in printing.blocks(table.cells)
    )
    notes = "".join(
        f"<p>{escape(note)}</p>" for note in [f"{table.stamp}.", *printing.footnotes(table)]
    )
    shown = f'<table class="cells"><thead><tr>{head}</tr></thead>{bodies}</table>'
    return f'<div class="wide">{shown}</div><div class="note">{notes}</div>'


def block_html(block: str, cells, width: int) -> Iterator[str]:
    """Write the rows of one block, with its name and the names of its groups above them."""
    if block:
        yield f'<tr class="block"><th colspan="{width}"><span>{escape(printing.heading(block, cells))}</span></th></tr>'
    grouped, before = cells["group"].n_unique() > 1, None
    for group, row, part in printing.rows(cells):
        if grouped and group != before:
            yield f'<tr class="group"><th colspan="{width}"><span>{escape(group)}</span></th></tr>'
        before = group
        for line in printing.lines(part):
            first = escape(row + printing.signs(part)) if line == "ours" else line
            yield f'<tr class="{line}"><th>{first}</th>{"".join(cell_html(cell, line) for cell in part)}</tr>'
    apart = printing.apart(cells)
    if apart:
        yield f'<tr class="group"><th colspan="{width}"><span>{escape(printing.PRINTED)}</span></th></tr>'
    for name, texts in apart:
        kind = "printed alike" if name == printing.ALIKE else "printed"
        yield f'<tr class="{kind}"><th>{escape(name)}</th>{"".join(f"<td>{escape(text)}</td>" for text in texts)}</tr>'


def cell_html(cell: dict, line: str) -> str:
    """Write one cell of one line; the tooltip says more."""
    if line != "ours":
        title = (cell["note"] or "") if line == "printed" else ""
        return f'<td title="{escape(title)}">{escape(printing.BESIDE[line](cell))}</td>'
    value, spread, mark = map(escape, printing.ours(cell))
    styled = {1: f"<strong>{value}</strong>", 2: f"<u>{value}</u>"}.get(cell["rank"], value)
    raised = f"<sup>{mark}</sup>" if mark else ""
    below = f"<small>{spread}</small>" if spread else ""
    return f'<td title="{escape(cell["not_run"] or origin(cell))}">{styled}{raised}{below}</td>'


def origin(cell: dict) -> str:
    """Say of which run, data and seeds a number is, in the words that `recloop trace` takes."""
    if not cell["model"] or not cell["seeds"]:
        return ""
    seeds = f"{cell['seeds']} seed{'s' if cell['seeds'] > 1 else ''}"
    place = f"--model {cell['model']} --column {cell['column']} --dataset {cell['dataset']}"
    data = f" on {cell['source']}" if cell["source"] else ""
    return f"mean of {seeds}{data}; recloop trace: {place}"
