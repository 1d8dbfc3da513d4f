"""Numbers that are quoted stand in what is kept under docs/results/, and kept pages are whole."""

import json
import re
from pathlib import Path

import polars as pl
import pytest

DOCS = Path(__file__).parents[1] / "docs"
KEPT = sorted(path.parent for path in DOCS.glob("results/*/kept.json"))
NUMBER = re.compile(r"(?<![\d.])0\.\d{4}(?!\d)")
DECIMAL = re.compile(r"(?<![\w.])\d+\.(\d+)(?![\d.])")
LINK = re.compile(r'(?:\]\(|src="|href=")([^)"#:]+?)(?:#[^)"]*)?[)"]')


def sections() -> list[tuple[str, str]]:
    """Part docs/results.md by heading; keep the sections that link a kept page, with its study."""
    parts = re.split(r"^## ", (DOCS / "results.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    linked = [(re.search(r"\(results/(\w+)/README\.md\)", part), part) for part in parts]
    return [(found[1], part) for found, part in linked if found]


def values(folder: Path) -> set[str]:
    """Read all numbers of the kept tables, as they are printed with four digits."""
    frames = [pl.read_csv(path, infer_schema_length=None) for path in folder.glob("*.csv")]
    columns = [frame[name] for frame in frames for name in frame.select(pl.col(pl.Float64)).columns]
    return {f"{value:.4f}" for column in columns for value in column.drop_nulls()}


def test_something_is_kept_and_quoted():
    assert KEPT
    assert {study for study, _ in sections()} == {folder.name for folder in KEPT}


@pytest.mark.parametrize(("study", "text"), sections(), ids=[study for study, _ in sections()])
def test_every_quoted_number_is_kept(study, text):
    quoted = set(NUMBER.findall(text))
    assert quoted
    assert not quoted - values(DOCS / "results" / study)


def found() -> list[tuple[str, Path]]:
    """List the lines of docs/found.md that name a table, each with its file."""
    lines = (DOCS / "found.md").read_text(encoding="utf-8").split("\n|")
    linked = [(line, re.search(r"\((results/\S+\.csv)\)", line)) for line in lines]
    return [(line, DOCS / link[1]) for line, link in linked if link and line.count("|") == 3]


@pytest.mark.parametrize(("line", "file"), found(), ids=[line.split("|")[0] for line, _ in found()])
def test_every_finding_stands_in_its_file(line, file):
    """A number with some decimals is a number of the file, rounded to as many."""
    frame = pl.read_csv(file, infer_schema_length=None)
    columns = [frame[name].drop_nulls() for name, kind in frame.schema.items() if kind.is_float()]
    quoted = list(DECIMAL.finditer(line.split("|")[1]))
    assert quoted
    for number in quoted:
        digits = len(number[1])
        assert number[0] in {f"{value:.{digits}f}" for one in columns for value in one}


def test_every_number_of_the_readme_is_kept():
    """A paragraph that quotes numbers links the pages that they are on."""
    parts = (DOCS.parent / "README.md").read_text(encoding="utf-8").split("\n\n")
    quoting = [part for part in parts if NUMBER.search(part)]
    assert quoting
    for part in quoting:
        studies = re.findall(r"\(docs/results/(\w+)/README\.md\)", part)
        kept = set().union(*(values(DOCS / "results" / study) for study in studies))
        assert not set(NUMBER.findall(part)) - kept


@pytest.mark.parametrize("folder", KEPT, ids=[folder.name for folder in KEPT])
def test_a_kept_page_is_whole(folder):
    record = json.loads((folder / "kept.json").read_text())
    assert record["runs"] > 0
    assert re.fullmatch(r"[0-9a-f]{10}", record["kept_at_commit"])
    for page in ("README.md", "index.html"):
        links = set(LINK.findall((folder / page).read_text(encoding="utf-8")))
        assert links
        assert not {link for link in links if not (folder / link).exists()}
