"""What holds for every study: its exhibits, claims, known answers and page are made from generated results."""

import re

import polars as pl
import pytest
from saved import studies

from recloop.plan import names
from recloop.report.exhibits import maker
from recloop.report.sections import ENDINGS
from recloop.report.tables import CELL

pytestmark = pytest.mark.parametrize("name", studies())


def cells_of(output, key: str) -> pl.DataFrame:
    """Read what a table shows."""
    return pl.read_csv(output / f"{key}.csv", schema_overrides=CELL)


def ran(found) -> list[str]:
    """List the data sets that there are results of."""
    return [name for name, entry in found.datasets.items() if entry.get("source")]


def test_every_exhibit_has_a_kind(name, generated):
    study = generated(name).study
    assert all(
        callable(maker(*pair[::-1])) for pair in (study["tables"] | study["figures"]).items()
    )


def test_every_run_of_a_claim_is_a_run_of_an_exhibit(name, generated):
    found = generated(name)
    made = {pair for entry in found.exhibits for pair in names.wanted(found.study, entry)}
    for claim in found.study["claims"].values():
        assert set(names.wanted(found.study, claim)) <= made


def test_every_printed_metric_has_a_margin(name, generated):
    found = generated(name)
    assert set(pl.read_csv(found.reported)["metric"]) <= set(found.study["margins"])


def test_every_file_is_there(name, generated, drawn):
    study, output = generated(name).study, drawn(name)
    tables, figures = (
        [f"{key}.{end}" for key in study[kind] for end in ENDINGS[kind]] for kind in ENDINGS
    )
    others = ["claims.md", "claims.csv", "claims.json", "ledger.csv", "README.md", "index.html"]
    assert sorted(path.name for path in output.iterdir()) == sorted([*tables, *figures, *others])
    assert all(path.stat().st_size for path in output.iterdir())


def test_nothing_is_no_number(name, drawn):
    for path in drawn(name).iterdir():
        if path.suffix in (".md", ".tex", ".csv", ".html"):
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"\b(nan|NaN|inf|None)\b", text), path.name


def test_tables_have_values_or_reasons(name, generated, drawn):
    found, output = generated(name), drawn(name)
    for key, entry in found.study["tables"].items():
        cells = cells_of(output, key)
        assert set(cells["dataset"]) == set(entry["datasets"]), key
        assert (cells["ours"].is_null() == cells["not_run"].is_not_null()).all(), key
        here = cells.filter(pl.col("dataset").is_in(ran(found)))
        assert here.is_empty() or here["ours"].count(), key


def test_figures_have_values_or_reasons(name, generated, drawn):
    found, output = generated(name), drawn(name)
    for key in found.study["figures"]:
        data = pl.read_csv(output / f"{key}.csv", infer_schema_length=None)
        assert len(data), key
        if "metric" in data.columns and set(data["dataset"]) & set(ran(found)):
            assert data["value"].count(), key


def test_stand_ins_are_marked(name, generated, drawn):
    found, output = generated(name), drawn(name)
    replaced = {name: one for name, one in found.datasets.items() if one.get("stand_in")}
    page = (output / "README.md").read_text(encoding="utf-8")
    ledger = pl.read_csv(output / "ledger.csv", infer_schema_length=None)
    assert replaced
    for dataset, entry in replaced.items():
        assert f"**stand-in**: {entry['stand_in']}" in page
        assert set(ledger.filter(dataset=dataset)["status"]) <= {"stand-in", "not run"}
    for key in found.study["tables"]:
        shown = set(cells_of(output, key).drop_nulls("ours")["dataset"])
        text = (output / f"{key}.md").read_text(encoding="utf-8")
        sources = [replaced[one]["source"] for one in shown & replaced.keys()]
        assert all(f"{source}, stand-in for" in text for source in sources), key


def test_every_claim_and_known_answer_is_judged(name, generated, drawn):
    found, output = generated(name), drawn(name)
    judged = pl.read_csv(output / "claims.csv", infer_schema_length=None)
    assert set(judged["id"]) == set(found.study["claims"] | found.study["known"])
    assert judged["claim_verdict"].null_count() == 0
    assert set(judged["claim_verdict"]) != {"not run"}


def test_the_page_shows_every_exhibit(name, generated, drawn):
    found, page = generated(name), (drawn(name) / "README.md").read_text(encoding="utf-8")
    for entry in found.exhibits:
        assert entry["caption"].split(". ")[0].split(":")[0] in page
    assert "Not made in this run." not in page
    assert ("## Known answers" in page) == bool(found.study["known"])
