"""The table printer against stored texts."""

import re
import shutil
import subprocess

import polars as pl
import pytest

from recloop.report import labels
from recloop.report.latex import ABREAST, LETTERS, compact, escape, latex
from recloop.report.printing import doubts, markdown, number
from recloop.report.tables import CELL, PAPER, SIMPLE, Table, ranked

OWN = """\
# Table 1.2. Small.

_tier smoke; seeds 1, 2_

## Toys (toy_world)

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

Marks: * better, † worse than Old_i, p < 0.05 after Holm's correction over the table (paired t-test over sessions or \
dialogues; coverage by resampling sessions and seeds).

± is the standard deviation over seeds.

? Old_i, HR@10: DOUBTFUL: smudged.

– not run: Toys, Lost (too large).
"""


APART = """\
| Old_i | <u>0.2000</u> ± 0.0100 | 4.00 ± 0.50 |
| New | **0.3000**\\* ± 0.0200 | **2.50**† |
| Third | 0.1500 | – |
| Lost | – | – |
| *Printed, on the paper's own data* |  |  |
| Old_i | 0.2100? | 4.10 |
| New | 0.2500 |  |
| Third | 0.2300 |  |
| Kendall's τ, ours and printed | +0.33 |  |
"""


def small_table(stand_in: str | None = None) -> Table:
    rows = [
        (SIMPLE, "Popularity", "HR", 10, 0.1, 1e-17, None, "", ""),
        (SIMPLE, "Popularity", "Repetitiveness", 5, 3.0, None, None, "", ""),
        (PAPER, "Old_i", "HR", 10, 0.2, 0.01, 0.21, "", "DOUBTFUL: smudged"),
        (PAPER, "Old_i", "Repetitiveness", 5, 4.0, 0.5, 4.1, "", ""),
        (PAPER, "New", "HR", 10, 0.3, 0.02, 0.25, "*", ""),
        (PAPER, "New", "Repetitiveness", 5, 2.5, None, None, "†", ""),
        *[(PAPER, "Third", "HR", 10, 0.15, None, 0.23, "", "")] * bool(stand_in),
        *[(PAPER, "Third", "Repetitiveness", 5, None, None, None, "", "")] * bool(stand_in),
        (PAPER, "Lost", "HR", 10, None, None, None, "", ""),
        (PAPER, "Lost", "Repetitiveness", 5, None, None, None, "", ""),
    ]
    names = ["group", "row", "metric", "k", "ours", "sd", "printed", "mark", "note"]
    place = {"block": "Toys", "dataset": "toys", "source": "toy_world", "stand_in": stand_in}
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
    assert markdown(small_table()) == OWN


def test_many_reasons_for_doubt_are_left_to_the_ledger():
    cells = small_table().cells
    many = [cells.with_columns(note=pl.lit(f"DOUBTFUL: reason {place}")) for place in range(4)]
    assert doubts(pl.concat(many)) == ["? a printed number in doubt; the ledger says why."]


def test_on_a_stand_in_printed_numbers_stand_apart_and_only_orders_are_compared():
    text = markdown(small_table("a world"))
    assert "## Toys (toy_world, stand-in for Toys: a world)" in text
    assert APART in text
    assert "difference" not in text
    assert small_table("a world").cells["difference"].is_null().all()
    for whole in (latex(small_table("a world")), APART):
        assert "Printed, on the paper's own data" in whole
    assert r"Kendall's $\tau$, ours and printed & +0.33 & " in latex(small_table("a world"))


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


def test_the_compact_form_has_means_and_marks_alone_and_few_columns_abreast():
    text = compact(small_table())
    assert r"New & \textbf{0.3000}$^{*}$ & \textbf{2.50}$^{\dagger}$ \\" in text
    assert r"\resizebox" not in text
    assert not any(word in text for word in ("printed", "difference", r"$\pm$"))
    table = small_table()
    wide = pl.concat(
        [table.cells.with_columns(column=pl.lit(f"HR@{k}")) for k in range(ABREAST + 2)]
    )
    text = compact(Table("t", "c", "s", "", wide))
    assert text.count(r"\begin{tabular}") == 2
    assert r"\begin{tabular}{l" + "r" * ABREAST + "}" in text


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


def test_every_letter_of_the_tables_of_all_studies_is_known_to_pdflatex(drawn):
    from saved import studies

    texts = [path for name in studies() for path in drawn(name).glob("*.tex")]
    assert len(texts) > 30
    for path in texts:
        text = path.read_text(encoding="utf-8")
        assert not {letter for letter in text if ord(letter) > 255}, path
        assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}"), path


@pytest.mark.parametrize("engine", ["pdflatex", "lualatex"])
def test_every_table_compiles(engine, drawn, tmp_path):
    from saved import studies

    if not shutil.which(engine):
        pytest.skip(f"no {engine} here")

    head = r"\documentclass[twocolumn]{article}\usepackage{booktabs,graphicx}\begin{document}"
    for name in studies():
        body = [path.read_text(encoding="utf-8") for path in sorted(drawn(name).glob("*.tex"))]
        whole = "\n\\clearpage\n".join([head, *body, r"\end{document}"])
        (tmp_path / f"{name}.tex").write_text(whole, encoding="utf-8")
        command = [engine, "-halt-on-error", "-interaction=nonstopmode", f"{name}.tex"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-2000:]


def test_escape():
    assert all(len(letter) == 1 for letter in LETTERS)
    assert escape("a^b {c} α $5 ~\\") == (
        r"a\textasciicircum{}b \{c\} $\alpha$ \$5 \textasciitilde{}\textbackslash{}"
    )
    assert escape("a_b & 5% ±") == r"a\_b \& 5\% $\pm$"


def test_data_sets_and_sweeps_with_fewer_seeds_are_named():
    study = {"datasets": {"coat": {"label": "Coat"}, "lfm": {"label": "LFM"}, "shop": {}}}
    counts = {("coat", "dqn"): 3, ("lfm", "dqn"): 2, ("lfm", "dqn,epochs=9"): 1}
    rows = [(*run, seed) for run, count in counts.items() for seed in range(count)]
    frame = pl.DataFrame(rows, schema=["dataset", "model", "seed"], orient="row")
    assert [*labels.fewer_seeds(study, frame, 3)] == [("LFM", 2), ("sweeps", 1)]
    assert [*labels.fewer_seeds(study, frame.filter(model="dqn"), 3)] == [("LFM", 2)]
    assert [*labels.fewer_seeds(study, frame.clear(), 3)] == []
