"""A table as LaTeX for booktabs: whole, and compact, with means and marks alone."""

from collections.abc import Callable, Iterator

import polars as pl

from recloop.report import printing
from recloop.report.printing import BESIDE
from recloop.report.tables import SIMPLE, Table

GREEK = {
    letter: rf"$\{name}$"
    for name, letter in {
        "alpha": "α",
        "beta": "β",
        "gamma": "γ",
        "delta": "δ",
        "epsilon": "ε",
        "eta": "η",
        "theta": "θ",
        "kappa": "κ",
        "lambda": "λ",
        "mu": "μ",
        "pi": "π",
        "rho": "ρ",
        "sigma": "σ",
        "tau": "τ",
        "phi": "φ",
        "chi": "χ",
        "psi": "ψ",
        "omega": "ω",
        "Delta": "Δ",
        "Sigma": "Σ",
    }.items()
}
ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{letter: rf"\{letter}" for letter in "_%&#${}"},
}
SYMBOLS = {
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "’": "'",
    "‘": "`",
    "“": "``",
    "”": "''",
    "−": "$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "→": r"$\rightarrow$",
    "†": r"$\dagger$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "◦": r"$\circ$",
    "≈": r"$\approx$",
}
LETTERS = ESCAPES | SYMBOLS | GREEK
ABREAST = 7  # columns of numbers that fit side by side into a compact table


def latex(table: Table) -> str:
    """Write a table with all that its Markdown says, scaled to the width of the page."""
    columns = columns_of(table.cells)
    notes = " ".join(escape(note) for note in [f"{table.stamp}.", *printing.footnotes(table)])
    return "\n".join(
        [
            "% needs booktabs and graphicx",
            *opening(table),
            r"\resizebox{\textwidth}{!}{%",
            *tabular(table, columns, whole_block),
            rf"}}\par\smallskip{{\footnotesize {notes}}}",
            r"\end{table*}",
            "",
        ]
    )


def compact(table: Table) -> str:
    """Write means and marks alone, in a size to be read: a few columns abreast, the others below."""
    columns, parts = columns_of(table.cells), []
    for first in range(0, len(columns), ABREAST):
        parts += [
            *tabular(table, columns[first : first + ABREAST], compact_block),
            r"\par\smallskip",
        ]
    notes = " ".join(map(escape, printing.explained(table)))
    return "\n".join(
        [
            "% needs booktabs",
            *opening(table, "-compact"),
            r"\centering\small\setlength{\tabcolsep}{4pt}",
            *parts,
            rf"{{\footnotesize {notes}}}",
            r"\end{table*}",
            "",
        ]
    )


def columns_of(cells: pl.DataFrame) -> list[str]:
    """List the columns of numbers in their order."""
    return cells["column"].unique(maintain_order=True).to_list()


def opening(table: Table, ending: str = "") -> list[str]:
    """Write the caption and the label."""
    caption = escape(printing.title(table).partition(". ")[2])
    return [r"\begin{table*}", rf"\caption{{{caption}}}", rf"\label{{tab:{table.name}{ending}}}"]


def tabular(table: Table, columns: list[str], write: Callable) -> list[str]:
    """Write the blocks of a table in some of its columns."""
    cells = table.cells.filter(pl.col("column").is_in(columns))
    head = " & ".join(["", *map(latex_metric, columns)]) + r" \\"
    body = [
        line for block, part in printing.blocks(cells) for line in latex_block(block, part, write)
    ]
    start = rf"\begin{{tabular}}{{l{'r' * len(columns)}}}"
    return [start, r"\toprule", head, *body, r"\bottomrule", r"\end{tabular}"]


def latex_block(block: str, cells: pl.DataFrame, write: Callable) -> Iterator[str]:
    """Write the lines of one block, with a rule and its name above them."""
    yield r"\midrule"
    if block:
        yield spanning(rf"\textbf{{{escape(printing.heading(block, cells))}}}", cells)
    yield from write(cells)


def spanning(text: str, cells: pl.DataFrame) -> str:
    """Write a line over all columns."""
    return rf"\multicolumn{{{cells['column'].n_unique() + 1}}}{{l}}{{{text}}} \\"


def whole_block(cells: pl.DataFrame) -> Iterator[str]:
    """Write every line of a block: ours, what is printed, and the difference."""
    before = None
    for group, row, part in printing.rows(cells):
        if group != before and before == SIMPLE:
            yield r"\addlinespace"
        before = group
        for line in printing.lines(part):
            first = rf"\quad {line}"
            if line == "ours":
                first = latex_label(row) + escape(printing.signs(part))
            yield " & ".join([first, *(latex_cell(cell, line) for cell in part)]) + r" \\"
    apart = printing.apart(cells)
    if apart:
        yield r"\addlinespace"
        yield spanning(rf"\textit{{{escape(printing.PRINTED)}}}", cells)
    for name, texts in apart:
        yield " & ".join([latex_label(name), *map(escape, texts)]) + r" \\"


def compact_block(cells: pl.DataFrame) -> Iterator[str]:
    """Write a line per row of a block: means and marks."""
    before = None
    for group, row, part in printing.rows(cells):
        if before not in (None, group):
            yield r"\addlinespace"
        before = group
        first = latex_label(row) + escape(printing.signs(part))
        yield " & ".join([first, *map(mean_and_mark, part)]) + r" \\"


def latex_cell(cell: dict, line: str) -> str:
    """Write one cell of one line."""
    if line != "ours":
        text = BESIDE[line](cell)
        return rf"\textit{{{escape(text)}}}" if text else ""
    spread = escape(printing.ours(cell)[1])
    return mean_and_mark(cell) + (rf" {{\tiny {spread}}}" if spread else "")


def mean_and_mark(cell: dict) -> str:
    """Write our mean, the best bold and the second best underlined, with its mark."""
    value, _, mark = (escape(text) for text in printing.ours(cell))
    styled = {1: rf"\textbf{{{value}}}", 2: rf"\underline{{{value}}}"}.get(cell["rank"], value)
    return styled + (f"$^{{{mark.strip('$')}}}$" if mark else "")


def latex_label(text: str) -> str:
    """Write a model's name, what follows its underscore as an index."""
    word, _, index = text.partition("_")
    return escape(word) + (rf"\textsubscript{{{escape(index)}}}" if index else "")


def latex_metric(text: str) -> str:
    """Write a metric's name, what follows its underscore as an index."""
    word, _, k = text.partition("@")
    return latex_label(word) + (f"@{k}" if k else "")


def escape(text: str) -> str:
    """Escape what LaTeX reads as a command, and letters that pdfLaTeX does not know."""
    return "".join(LETTERS.get(letter, letter) for letter in text)
