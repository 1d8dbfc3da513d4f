"""A table as Markdown, as LaTeX (booktabs) and as tidy CSV."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl

from recloop.report import labels
from recloop.report.tables import SIMPLE, Table

ESCAPES = {
    "_": r"\_",
    "%": r"\%",
    "&": r"\&",
    "#": r"\#",
    "α": r"$\alpha$",
    "λ": r"$\lambda$",
    "β": r"$\beta$",
}
SYMBOLS = {
    "–": "--",
    "−": "$-$",
    "±": r"$\pm$",
    "†": r"$\dagger$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "◦": r"$\circ$",
    "≈": r"$\approx$",
}
LINES = ("ours", "printed", "difference")


def write(table: Table, output: Path) -> None:
    """Write a table beside its stem as .md, .tex and .csv."""
    output.parent.mkdir(parents=True, exist_ok=True)
    output.with_name(output.name + ".md").write_text(markdown(table), encoding="utf-8")
    output.with_name(output.name + ".tex").write_text(latex(table), encoding="utf-8")
    table.cells.write_csv(output.with_name(output.name + ".csv"))


def number(value: float | None, digits: int, signed: bool = False) -> str:
    """Write a number with a true minus sign; nothing for a missing one."""
    if value is None:
        return ""
    value = round(value, digits) + 0.0  # no minus before a zero
    sign = "+" if signed and value > 0 else ""
    return f"{sign}{value:,.{digits}f}".replace("-", "−")


def ours(cell: dict) -> tuple[str, str, str]:
    """Write our value, its spread over seeds and its mark; a dash where it was not run."""
    if cell["ours"] is None:
        return "–", "", ""
    spread = f"± {number(cell['sd'], cell['digits'])}" if cell["sd"] is not None else ""
    return number(cell["ours"], cell["digits"]), spread, cell["mark"] or ""


def printed(cell: dict) -> str:
    """Write the printed value, with a question mark where it is doubtful."""
    return number(cell["printed"], cell["digits"]) + ("?" if doubtful(cell) else "")


def doubtful(cell: dict) -> bool:
    """Check whether the transcription or the paper's own arithmetic casts doubt on a printed value."""
    return any(word in (cell["note"] or "") for word in ("DOUBTFUL", "inconsistent"))


def blocks(cells: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """Part the cells by block, in their own order."""
    for (block,), part in cells.group_by("block", maintain_order=True):
        yield block, part


def rows(cells: pl.DataFrame) -> Iterator[tuple[str, str, list[dict]]]:
    """Part the cells of a block by row: group, row label, cells from left to right."""
    for (group, row), part in cells.group_by("group", "row", maintain_order=True):
        yield group, row, part.to_dicts()


def signs(cells: list[dict]) -> str:
    """Write behind a row's label what speaks against its numbers."""
    found = "◦" * any(cell["unfinished"] for cell in cells)
    found += "≈" * any(cell["popular"] for cell in cells)
    return f" {found}" if found else ""


def lines(cells: list[dict]) -> tuple[str, ...]:
    """List the lines of a row: what the paper prints, and the difference where we have a number too."""
    shown = [line for line in LINES[1:] if any(cell[line] is not None for cell in cells)]
    return ("ours", *shown)


def heading(block: str, cells: pl.DataFrame) -> str:
    """Title a block with the data really used."""
    first = cells.row(0, named=True)
    if not first["source"]:
        return f"{block} (not run)"
    stand_in = f"{first['source']}, stand-in for {block}: {first['stand_in']}"
    return f"{block} ({stand_in if first['stand_in'] else first['source']})"


def footnotes(table: Table) -> list[str]:
    """Explain the signs that a table uses, and why cells are empty."""
    cells, notes = table.cells, []
    if cells["rank"].drop_nulls().len():
        notes.append("Best of a block in bold, second best underlined, by our numbers.")
    if cells["sd"].drop_nulls().len():
        notes.append("± is the standard deviation over seeds.")
    if table.reference:
        notes.append(
            f"Marks: * better, † worse than {table.reference}, p < 0.05 after Holm's correction over "
            "the table (paired t-test over sessions or dialogues; coverage by resampling sessions and "
            "seeds)."
        )
    there = cells.filter(pl.col("ours").is_not_null())
    if there["unfinished"].sum():
        notes.append(
            "◦ not trained out: the last fifth of the validations of a training behind it still gained more than 1%."
        )
    if there["popular"].any():
        notes.append("≈ no better than popularity (paired t-test, p < 0.05).")
    if any(doubtful(cell) for cell in cells.iter_rows(named=True)):
        notes.append("? a printed number in doubt; the ledger says why.")
    return notes + missing(cells)


def missing(cells: pl.DataFrame) -> list[str]:
    """List what was not run and why, once per reason."""
    absent = cells.filter(pl.col("ours").is_null())
    found = absent.group_by("block", "not_run", maintain_order=True).agg(
        pl.col("row").unique(maintain_order=True)
    )
    whole = dict(cells.group_by("block").agg(pl.col("row").n_unique()).iter_rows())
    notes = []
    for block, reason, names in found.iter_rows():
        which = "all models" if len(names) == whole[block] and block else ", ".join(names)
        notes.append(f"– not run: {f'{block}, ' if block else ''}{which} ({reason}).")
    return notes


def markdown(table: Table) -> str:
    """Write a table as Markdown."""
    parts = [f"# {title(table)}", f"_{table.stamp}_"]
    for block, cells in blocks(table.cells):
        parts += [f"## {heading(block, cells)}"] if block else []
        parts.append("\n".join(markdown_block(cells)))
    return "\n\n".join([*parts, *footnotes(table)]) + "\n"


def title(table: Table) -> str:
    """Return a table's title: its number in the paper and its caption."""
    return f"{labels.exhibit(table.name)}. {table.caption}"


def markdown_block(cells: pl.DataFrame) -> Iterator[str]:
    """Write the lines of one block."""
    columns = cells["column"].unique(maintain_order=True).to_list()
    yield pipes(["", *columns])
    yield pipes(["---", *["---:"] * len(columns)])
    before = None
    grouped = cells["group"].n_unique() > 1
    for group, row, part in rows(cells):
        if grouped and group != before:
            yield pipes([f"*{group}*", *[""] * len(columns)])
        before = group
        for line in lines(part):
            first = row + signs(part) if line == "ours" else f"&nbsp;&nbsp;{line}"
            yield pipes([first, *(markdown_cell(cell, line) for cell in part)])


def pipes(texts: Iterable[str]) -> str:
    """Join the cells of a Markdown row."""
    return "| " + " | ".join(texts) + " |"


def markdown_cell(cell: dict, line: str) -> str:
    """Write one cell of one line."""
    if line != "ours":
        return (
            printed(cell)
            if line == "printed"
            else number(cell["difference"], cell["digits"], signed=True)
        )
    value, spread, mark = ours(cell)
    styled = {1: f"**{value}**", 2: f"<u>{value}</u>"}.get(cell["rank"], value)
    return " ".join(filter(None, [styled + mark.replace("*", r"\*"), spread]))


def latex(table: Table) -> str:
    """Write a table as LaTeX for booktabs."""
    columns = table.cells["column"].unique(maintain_order=True).to_list()
    head = " & ".join(["", *map(latex_metric, columns)]) + r" \\"
    body = [
        line
        for block, cells in blocks(table.cells)
        for line in latex_block(block, cells, len(columns))
    ]
    notes = " ".join(escape(note) for note in [f"{table.stamp}.", *footnotes(table)])
    return "\n".join(
        [
            "% needs booktabs and graphicx",
            r"\begin{table*}",
            rf"\caption{{{escape(title(table).partition('. ')[2])}}}",
            rf"\label{{tab:{table.name}}}",
            r"\resizebox{\textwidth}{!}{%",
            rf"\begin{{tabular}}{{l{'r' * len(columns)}}}",
            r"\toprule",
            head,
            *body,
            r"\bottomrule",
            r"\end{tabular}}",
            rf"\par\smallskip{{\footnotesize {notes}}}",
            r"\end{table*}",
            "",
        ]
    )


def latex_block(block: str, cells: pl.DataFrame, width: int) -> Iterator[str]:
    """Write the lines of one block, with a rule above it and above its groups."""
    yield r"\midrule"
    if block:
        yield rf"\multicolumn{{{width + 1}}}{{l}}{{\textbf{{{escape(heading(block, cells))}}}}} \\"
    before = None
    for group, row, part in rows(cells):
        if group != before and before == SIMPLE:
            yield r"\addlinespace"
        before = group
        for line in lines(part):
            first = rf"\quad {line}"
            if line == "ours":
                first = latex_label(row) + escape(signs(part))
            yield " & ".join([first, *(latex_cell(cell, line) for cell in part)]) + r" \\"


def latex_cell(cell: dict, line: str) -> str:
    """Write one cell of one line."""
    if line != "ours":
        text = (
            printed(cell)
            if line == "printed"
            else number(cell["difference"], cell["digits"], signed=True)
        )
        return rf"\textit{{{escape(text)}}}" if text else ""
    value, spread, mark = (escape(text) for text in ours(cell))
    styled = {1: rf"\textbf{{{value}}}", 2: rf"\underline{{{value}}}"}.get(cell["rank"], value)
    raised = f"$^{{{mark.strip('$')}}}$" if mark else ""
    return styled + raised + (rf" {{\tiny {spread}}}" if spread else "")


def latex_label(text: str) -> str:
    """Write a model's name, what follows its underscore as an index."""
    word, _, index = text.partition("_")
    return escape(word) + (rf"\textsubscript{{{escape(index)}}}" if index else "")


def latex_metric(text: str) -> str:
    """Write a metric's name, what follows its underscore as an index."""
    word, _, k = text.partition("@")
    return latex_label(word) + (f"@{k}" if k else "")


def escape(text: str) -> str:
    """Escape what LaTeX reads as a command."""
    return "".join((ESCAPES | SYMBOLS).get(letter, letter) for letter in text)
