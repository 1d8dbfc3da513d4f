"""The page: all that it must say, and that its links lead somewhere."""

import re

import pytest

from recloop.report.build import build, build_page
from recloop.report.cost import duration
from recloop.report.page_html import inline


@pytest.fixture(scope="module")
def pages(tmp_path_factory, study, saved, reported):
    output = tmp_path_factory.mktemp("page") / "modt4r"
    given = {
        "study": study,
        "tier": saved["tier"],
        "splits": saved["splits"],
    }
    exhibits = dict.fromkeys(["table_4_4", "figure_4_7"], saved["scores"])
    build(exhibits=exhibits, reported=reported, output=output, **given)
    not_run = {"LLM features": "need a GPU"}
    runs = saved["runs"]
    build_page(scores=saved["scores"], runs=runs, output=output, not_run=not_run, **given)
    return output


@pytest.fixture(params=["README.md", "index.html"])
def text(pages, request) -> str:
    return (pages / request.param).read_text(encoding="utf-8")


def test_links_lead_to_files(pages):
    links = re.findall(r"\]\(([^)#]+)\)", (pages / "README.md").read_text())
    links += re.findall(r'(?:href|src)="([^"#]+)"', (pages / "index.html").read_text())
    assert links
    for link in links:
        assert (pages / link).exists(), link


def test_the_checklist_leads_to_records_and_splits(pages):
    text = (pages / "README.md").read_text(encoding="utf-8").partition("## Checklist")[2]
    for name in ("run.json", "split.json"):
        assert re.search(rf"\| \[{name}\]\([^)]+/{name}\)", text), name


def test_places_within_the_page_exist(pages):
    html = (pages / "index.html").read_text()
    for place in re.findall(r'href="#([^"]+)"', html):
        assert f'id="{place}"' in html


def test_it_says_everything(text, study):
    for part in (
        study["title"],
        "tier laptop",
        "seeds 1, 2",
        "embedded shop, 1,500 items",
        "2 cores",
        "torch 2.13",
    ):
        assert part in text
    for part in (
        "18 GB of raw data",
        "its item-item matrix needs 40 GiB",
        "LLM features: need a GPU",
    ):
        assert part in text
    for name in (*study["tables"], *study["figures"]):
        assert f"snakemake results/modt4r/{name}." in text


def test_what_was_not_made_is_said(text):
    assert "Not made in this run." in text
    assert "No claims were judged in this run." in text


def test_departures_are_listed(tmp_path, study, saved):
    logged = study | {"departures": ["Read the action early.", {"what": "alpha", "why": "lost"}]}
    given = {"study": logged, "tier": saved["tier"], "splits": saved["splits"]}
    build_page(output=tmp_path / "modt4r", runs=[], scores=[], **given)
    text = (tmp_path / "modt4r" / "README.md").read_text()
    assert "- Read the action early.\n- alpha: lost" in text


def test_html_escapes_and_reads_little_markdown():
    assert inline("a < b, **c**, `d_*e*`") == "a &lt; b, <strong>c</strong>, <code>d_*e*</code>"
    assert inline("[f](g.csv)<br>x") == '<a href="g.csv">f</a><br>x'


def test_durations():
    assert [duration(seconds) for seconds in (3.21, 300, 9000)] == ["3.2 s", "5.0 min", "2.5 h"]


@pytest.mark.xdist_group("browser")
def test_the_keyboard_tells_where_a_number_comes_from(pages, browser):
    page = browser((pages / "index.html").as_uri())
    stops = page.run("document.querySelectorAll('table.cells td[tabindex=\"0\"]').length")
    assert stops == page.run("document.querySelectorAll('table.cells').length") == 1
    page.run("document.querySelector('td[tabindex=\"0\"]').focus()")
    said, focus = "document.querySelector('.said').textContent", "document.activeElement"
    first = page.run(said)
    assert first.startswith("mean of 2 seeds") and "recloop trace: --model" in first
    told = [first]
    for key in ("ArrowDown", "ArrowRight", "End"):
        page.press(key)
        assert page.run(f"{focus}.title") == page.run(said)
        told.append(page.run(said))
    assert len({*told}) == 4
    page.press("Home")
    assert page.run(said) == first and page.run(f"{focus}.tabIndex") == 0
    page.press("Tab")
    assert page.run(f"{focus}.closest('table.cells') === null")
    assert page.faults == []


ROWS = "[...document.querySelectorAll('#table_4_4 tbody tr')]"
BLOCKS = f"{ROWS}.reduce((found, row) => found.concat(row.matches('.block, .group') ? '|' : row.className), [])"
NAMED = f"{ROWS}.map((row) => [row.className, ...[...row.cells].map((cell) => cell.textContent)])"


@pytest.mark.xdist_group("browser")
def test_a_table_of_results_is_sorted_with_the_lines_below_each_row_and_back(pages, browser):
    page = browser((pages / "index.html").as_uri())
    made, shape = page.run(NAMED), page.run(BLOCKS)
    page.run("document.querySelector('#table_4_4 td[tabindex=\"0\"]').focus()")
    page.press("ArrowUp")
    assert page.run("document.activeElement.closest('th').cellIndex") == 1
    for order in ("ascending", "descending", None):
        page.press("Enter")
        heads = "document.querySelectorAll('#table_4_4 [aria-sort]')"
        assert page.run(f"[...{heads}].map((one) => one.ariaSort)") == ([order] if order else [])
        rows = page.run(NAMED)
        assert sorted(rows) == sorted(made) and page.run(BLOCKS) == shape
        if order:
            below_a_heading = parted(rows)
            assert max(len({*values}) for values in below_a_heading) > 2
            for values in below_a_heading:
                assert values == sorted(values, reverse=order == "descending")
            assert below(rows) == below(made)
    assert rows == made
    assert page.faults == []


def number(text):
    """Read the number that a cell begins with."""
    return float(re.match(r"−?[\d.]+", text)[0].replace("−", "-"))


def parted(rows):
    """List our values of the first column, heading by heading."""
    found = [[]]
    for row in rows:
        if row[0] in ("block", "group"):
            found.append([])
        elif row[0] == "ours" and row[2] != "–":
            found[-1].append(number(row[2]))
    return found


def below(rows):
    """Pair each row with the lines that stand below it."""
    found = {}
    for row in rows:
        if row[0] == "ours":
            mine = found.setdefault(tuple(row), [])
        elif row[0] in ("printed", "difference") and row[1] in ("printed", "difference"):
            mine.append(row)
    return found


@pytest.mark.xdist_group("browser")
def test_a_table_that_says_no_origins_is_scrolled_by_keyboard(pages, browser, tmp_path):
    html = (pages / "index.html").read_text(encoding="utf-8")
    (tmp_path / "index.html").write_text(re.sub(r' title="[^"]*"', "", html), encoding="utf-8")
    around = "document.querySelector('#table_4_4 .wide')"
    page = browser((tmp_path / "index.html").as_uri())
    assert page.run(f"{around}.tabIndex") == 0 and page.run(f"{around}.role") == "group"
    assert page.run(f"{around}.ariaLabel").startswith("Table 4.4")
    page = browser((pages / "index.html").as_uri())
    assert page.run(f"{around}.tabIndex") == -1  # a cell of it is a stop
