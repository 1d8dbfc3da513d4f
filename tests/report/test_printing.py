"""The table printer against stored texts."""

import re

import polars as pl

from recloop.report.printing import escape, latex, markdown, number
from recloop.report.tables import CELL, PAPER, SIMPLE, Table, ranked

STORED = """\
# Table 1.2. Small.

_tier smoke; seeds 1, 2_

## Toys (toy_world, stand-in for Toys: a world)

|  | HR@10 | R@5 |
| --- | ---: | ---: |
| *Simple baselines (ours)* |  |  |
| Popularity | 0.1000 | <u>3.00</u> |
| *Models of the paper* |  |  |
| Old_i | <u>0.2000</u> ± 0.0100 | 4.00 ± 0.50 |
| &nbsp;&nbsp;printed | 0.2100? | 4.10 |
| &nbsp;&nbsp;difference | −0.0100 | −0.10 |
| New | **0.3000**\\* ± 0.0200 | **2.50**† |
| &nbsp;&nbsp;printed | 0.2500 |  |
| &nbsp;&nbsp;difference | +0.0500 |  |
| Lost | – | – |

Best of a block in bold, second best underlined, by our numbers.

± is the standard deviation over seeds.

Marks: * better, † worse than Old_i, p < 0.05 after Holm's correction over the table (paired t-test over sessions or \
dialogues; coverage by resampling sessions and seeds).

? a printed number in doubt; the ledger says why.

– not run: Toys, Lost (too large).
"""


def small_table() -> Table:
    rows = [
        (SIMPLE, "Popularity", "HR", 10, 0.1, None, None, "", ""),
        (SIMPLE, "Popularity", "Repetitiveness", 5, 3.0, None, None, "", ""),
        (PAPER, "Old_i", "HR", 10, 0.2, 0.01, 0.21, "", "DOUBTFUL: smudged"),
        (PAPER, "Old_i", "Repetitiveness", 5, 4.0, 0.5, 4.1, "", ""),
        (PAPER, "New", "HR", 10, 0.3, 0.02, 0.25, "*", ""),
        (PAPER, "New", "Repetitiveness", 5, 2.5, None, None, "†", ""),
        (PAPER, "Lost", "HR", 10, None, None, None, "", ""),
        (PAPER, "Lost", "Repetitiveness", 5, None, None, None, "", ""),
    ]
    names = ["group", "row", "metric", "k", "ours", "sd", "printed", "mark", "note"]
    place = {"block": "Toys", "dataset": "toys", "source": "toy_world", "stand_in": "a world"}
    cells = pl.DataFrame([dict(zip(names, row, strict=True)) | place for row in rows], schema=CELL)
    short = pl.when(metric="HR").then(pl.lit("HR@10")).otherwise(pl.lit("R@5"))
    cells = cells.with_columns(
        column=short,
        digits=pl.when(metric="HR").then(4).otherwise(2).cast(pl.Int64),
        not_run=pl.when(row="Lost").then(pl.lit("too large")),
    )
    return Table(
        "table_1_2", "Small.", "Table 1.2", "tier smoke; seeds 1, 2", ranked(cells), "Old_i"
    )


def test_markdown_is_as_stored():
    assert markdown(small_table()) == STORED


def test_latex_has_as_many_cells_in_every_row():
    text = latex(small_table())
    rows = [line for line in text.splitlines() if "&" in line]
    assert {line.count("&") for line in rows} == {2}
    assert all(line.endswith(r"\\") for line in rows)
    assert text.count("{") == text.count("}")
    assert r"\textbf{0.3000}$^{*}$ {\tiny $\pm$ 0.0200}" in text
    assert r"\textbf{2.50}$^{\dagger}$" in text
    assert r"\underline{0.2000}" in text
    assert r"\textit{$-$0.0100}" in text
    assert r"Old\textsubscript{i}" in text


def test_latex_has_no_bare_special_signs():
    body = latex(small_table()).split(r"\toprule")[1]
    assert not re.search(r"(?<!\\)[#%_]", body.replace(r"\_", ""))
    assert body.isascii()


def test_numbers():
    assert number(1234.5, 0) == "1,234"
    assert number(-0.5, 2, signed=True) == "−0.50"
    assert number(0.00001, 4, signed=True) == "0.0000"
    assert number(-0.00001, 4, signed=True) == "0.0000"
    assert number(None, 2) == ""


def test_escape():
    assert escape("a_b & 5% ±") == r"a\_b \& 5\% $\pm$"
