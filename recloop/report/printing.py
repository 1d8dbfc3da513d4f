"""A table as text: what its lines, cells and notes say, and how Markdown has them."""

from collections.abc import Iterable, Iterator

import numpy as np
import polars as pl

from recloop.report import labels
from recloop.report.tables import Table

PRINTED = "Printed, on the paper's own data"
FEW = 3  # reasons for doubt that a table spells out
SPREADS = {
    "seeds": "deviation over seeds",
    "sessions": "error of the mean over sessions",
}
DRAWS = "draws"  # of policies: their interval is printed
LEVEL = 1e-9  # deviation up to which values over seeds are one value


def number(value: float | None, digits: int, signed: bool = False) -> str:
    """Write a number with a true minus sign; nothing for a missing one."""
    if value is None:
        return ""
    value = round(value, digits) + 0.0  # no minus before a zero
    sign = "+" if signed and value > 0 else ""
    return f"{sign}{value:,.{digits}f}".replace("-", "−")


def ours(cell: dict) -> tuple[str, str, str]:
    """Write our value, its spread over seeds (what has no randomness has none) and its mark; a dash if not run."""
    if cell["ours"] is None:
        return "–", "", ""
    if cell["spread"] == DRAWS:
        low, high = (number(cell[end], cell["digits"]) for end in ("low", "high"))
        return number(cell["ours"], cell["digits"]), f"[{low}, {high}]", cell["mark"] or ""
    spread = f"± {number(cell['sd'], cell['digits'])}" if (cell["sd"] or 0.0) > LEVEL else ""
    return number(cell["ours"], cell["digits"]), spread, cell["mark"] or ""


def printed(cell: dict) -> str:
    """Write the printed value, with a question mark where it is doubtful."""
    return number(cell["printed"], cell["digits"]) + ("?" if doubtful(cell) else "")


def difference(cell: dict) -> str:
    """Write the difference to the printed value."""
    return number(cell["difference"], cell["digits"], signed=True)


BESIDE = {
    "printed": printed,
    "difference": difference,
}  # lines below ours, and how they are written


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
    there = [cell for cell in cells if cell["ours"] is not None]
    found = "◦" * any(cell["unfinished"] for cell in there)
    found += "≈" * any(cell["popular"] for cell in there)
    return f" {found}" if found else ""


ALIKE = "Kendall's τ, ours and printed"  # the last row of what is apart


def lines(cells: list[dict]) -> tuple[str, ...]:
    """List the lines of a row: on the paper's data what it prints, and the difference where we have a number too."""
    beside = [] if cells[0]["stand_in"] else BESIDE
    return ("ours", *(line for line in beside if any(cell[line] is not None for cell in cells)))


def apart(cells: pl.DataFrame) -> list[tuple[str, list[str]]]:
    """List what the paper prints where a block has a stand-in, row by row, and how alike the orders of the rows are.

    Sizes cannot be compared then; orders can, by Kendall's tau over the rows that have both numbers, three at least.
    """
    if not cells["stand_in"][0] or cells["printed"].is_null().all():
        return []
    columns = cells["column"].unique(maintain_order=True).to_list()
    found = []
    for _, row, part in rows(cells):
        texts = {cell["column"]: printed(cell) for cell in part}
        if any(texts.values()):
            found.append((row, [texts.get(column, "") for column in columns]))
    alike = [order(cells.filter(column=column)) for column in columns]
    return [*found, (ALIKE, alike)] if any(alike) else found


def order(cells: pl.DataFrame) -> str:
    """Compare the order of our values with that of the printed ones."""
    from scipy.stats import kendalltau

    both = cells.filter(pl.col("ours").is_not_null() & pl.col("printed").is_not_null())
    if len(both) < 3:
        return ""
    found = kendalltau(both["ours"].to_numpy(), both["printed"].to_numpy()).statistic
    return number(float(found), 2, signed=True) if np.isfinite(found) else ""


def heading(block: str, cells: pl.DataFrame) -> str:
    """Title a block with the data really used."""
    first = cells.row(0, named=True)
    if not first["source"]:
        return f"{block} (not run)"
    stand_in = f"{first['source']}, stand-in for {block}: {first['stand_in']}"
    return f"{block} ({stand_in if first['stand_in'] else first['source']})"


def footnotes(table: Table) -> list[str]:
    """Explain all that a table shows, and why cells are empty."""
    cells, notes = table.cells, []
    if (cells["sd"].fill_null(0.0) > LEVEL).any():
        kinds = cells.filter(pl.col("spread") != DRAWS)["spread"].unique().sort()
        notes += [f"± is the standard {SPREADS[kind]}." for kind in kinds.to_list() or ["seeds"]]
    if (cells["spread"] == DRAWS).any():
        notes.append("[ ] holds 95% of draws of policies, and of seeds where there are several.")
    return explained(table) + notes + doubts(cells) + missing(cells)


def doubts(cells: pl.DataFrame) -> list[str]:
    """Say why printed numbers are in doubt, or where to find it where there are many reasons."""
    doubted = [cell for cell in cells.iter_rows(named=True) if doubtful(cell)]
    reasons: dict[str, list[str]] = {}
    for cell in doubted:
        reasons.setdefault(cell["note"], []).append(f"{cell['row']}, {cell['column']}")
    if len(reasons) > FEW:
        return ["? a printed number in doubt; the ledger says why."]
    return [f"? {'; '.join(dict.fromkeys(cells))}: {note}." for note, cells in reasons.items()]


def explained(table: Table) -> list[str]:
    """Explain the signs at means and rows."""
    cells, notes = table.cells, []
    if cells["rank"].drop_nulls().len():
        notes.append("Best of a block in bold, second best underlined, by our numbers.")
    if table.reference:
        notes.append(
            f"Marks: * better, † worse than {table.reference}, p < 0.05 after Holm's correction over "
            "the table (paired t-test over sessions or dialogues; coverage by resampling sessions and "
            "seeds)."
        )
    there = cells.filter(pl.col("ours").is_not_null())
    if there["unfinished"].sum():
        notes.append(
            "◦ not trained out: the last fifth of the validations of a training behind it still gained more than 1%, "
            "or one diverged and is missing from the mean (see Not run)."
        )
    notes += table.notes
    if there["popular"].any():
        notes.append(
            "≈ not significantly better than popularity in NDCG at the largest cut-off (paired t-test over sessions, "
            "p ≥ 0.05, not corrected)."
        )
    return notes


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
    outside = apart(cells)
    if outside:
        yield pipes([f"*{PRINTED}*", *[""] * len(columns)])
    for name, texts in outside:
        yield pipes([name, *texts])


def pipes(texts: Iterable[str]) -> str:
    """Join the cells of a Markdown row."""
    return "| " + " | ".join(texts) + " |"


def markdown_cell(cell: dict, line: str) -> str:
    """Write one cell of one line."""
    if line != "ours":
        return BESIDE[line](cell)
    value, spread, mark = ours(cell)
    styled = {1: f"**{value}**", 2: f"<u>{value}</u>"}.get(cell["rank"], value)
    return " ".join(filter(None, [styled + mark.replace("*", r"\*"), spread]))
