"""Texts of others (titles, labels, notes) are read, never run: neither by a browser nor by a spreadsheet."""

import csv
from html.parser import HTMLParser

import polars as pl
import pytest

from recloop.report import page_html, sheet
from recloop.report.outline import Exhibit, Grid, Page, Section
from recloop.report.tables import CELL, Table

TITLES = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "[go](javascript:alert(1))",
    "[go](JavaScript:alert(1))",
    "[go](data:text/html,<script>alert(1)</script>)",
    '[go](x"onmouseover="alert(1))',
    "**<svg onload=alert(1)>**",
    "`</code><script>alert(1)</script>`",
    "<br><iframe src=//evil.example>",
    "--><style>*{display:none}</style><!--",
]
PLACES = "html head meta title body header nav main section article figure div table thead tbody tr th td ul li"
WORDS = "h1 h2 h3 p a code strong em br sup small span u"
HARMLESS = {*PLACES.split(), *WORDS.split()}


class Seen(HTMLParser):
    """Collects the elements of a page."""

    def __init__(self):
        super().__init__()
        self.elements, self.texts = [], []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    def others(self) -> list[str]:
        """List the elements that may do more than stand there: styles, scripts, pictures, what nobody foresaw."""
        return [tag for tag, _ in self.elements if tag not in HARMLESS]


def cells(title: str, stand_in: str | None) -> pl.DataFrame:
    """Two rows whose every text is a title; the first has a number, the second one in print."""
    texts = {name: title for name, kind in CELL.items() if kind == pl.String}
    row = dict.fromkeys(CELL) | texts | {"stand_in": stand_in, "digits": 2, "k": 10, "ours": 0.5}
    other = row | {"row": "other", "ours": None, "printed": 0.4, "difference": 0.1, "rank": 1}
    return pl.DataFrame([row, other], schema=CELL, orient="row")


def rendered(title: str) -> Seen:
    shown = [
        Exhibit("table_1", title, title, title, ("table_1.csv",), table)
        for stand_in in (None, title)
        for table in [Table(title, title, title, title, cells(title, stand_in), title)]
    ]
    drawn = Exhibit("figure_1", title, title, title, ("figure_1.svg",))
    parts = [title, [title], Grid((title,), [[title]]), *shown, drawn]
    seen = Seen()
    seen.feed(page_html.render(Page(title, [title], [Section(title, parts)])))
    return seen


@pytest.mark.parametrize("title", TITLES)
def test_a_title_is_text_wherever_it_stands_on_a_page(title):
    seen, plain = rendered(title), rendered("plain")
    assert seen.others() == plain.others()  # the script of the page itself among them
    for tag, attributes in seen.elements:
        assert not [name for name in attributes if name.startswith("on")]
        leads = [attributes.get(name, "").strip().lower() for name in ("href", "src")]
        assert not [one for one in leads if one.startswith(("javascript:", "data:", "//"))], tag
    assert title in seen.texts  # in the head, letter by letter


FORMULAS = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''@a"]
PLAIN = ["shoes", "+1.5", "-3", "1e-5", "−2", "a=b", "", "'quoted'", None, "–"]


def test_no_cell_of_a_csv_is_a_formula(tmp_path):
    frame = pl.DataFrame({"title": [*FORMULAS, *PLAIN], "value": [-1.5] * 18})
    sheet.write(frame, tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    for (written, value), title in zip(rows, frame["title"], strict=True):
        assert written == (f"'{title}" if title in FORMULAS else title or "")
        assert value == "-1.5"
    again = sheet.read(tmp_path / "a.csv", {"title": pl.String})
    assert again["title"].fill_null("").to_list() == frame["title"].fill_null("").to_list()


def test_a_table_a_figure_and_the_ledger_are_written_that_way():
    """Whoever writes a CSV of a report another way is found here."""
    folder = page_html.STYLE.parent
    writers = [
        file.name for file in folder.rglob("*.py") if ".write_csv(" in file.read_text("utf-8")
    ]
    assert writers == ["sheet.py"]
