"""Numbers that are quoted stand in what is kept under docs/results/, and kept pages are whole."""

import json
import re
from pathlib import Path

import polars as pl
import pytest

DOCS = Path(__file__).parents[1] / "docs"
KEPT = sorted(path.parent for path in DOCS.glob("results/*/kept.json"))
NUMBER = re.compile(r"(?<![\d.])0\.\d{4}(?!\d)")
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


@pytest.mark.parametrize("folder", KEPT, ids=[folder.name for folder in KEPT])
def test_a_kept_page_is_whole(folder):
    record = json.loads((folder / "kept.json").read_text())
    assert record["runs"] > 0
    assert re.fullmatch(r"[0-9a-f]{10}", record["kept_at_commit"])
    for page in ("README.md", "index.html"):
        links = set(LINK.findall((folder / page).read_text(encoding="utf-8")))
        assert links
        assert not {link for link in links if not (folder / link).exists()}
