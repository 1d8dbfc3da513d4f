"""What tables of TransRec ask for: improvements within a table, users of a row, exhibits without a meaning."""

from dataclasses import replace

import polars as pl
import pytest

from recloop.evaluation.results import Quantity
from recloop.report import tables, verdicts
from recloop.report.evidence import Evidence
from recloop.report.exhibits import grid


@pytest.fixture(scope="module")
def evidence(generated):
    """Made-up results on the source."""
    found = generated("transrec")
    given = {key: found.saved[key] for key in ("tier", "splits", "scores", "runs")}
    return Evidence.gather(study=found.study, **given)


def test_improvement_is_over_the_models_of_its_own_table(evidence):
    asked = Quantity("tn_mixed", "transrec", "HR", 10)
    assert tables.beside(evidence, "table_3_6", asked) == ["idrnn", "idcnn", "idrec", "tfs"]
    assert tables.beside(evidence, "table_3_8", asked) == ["tfs"]
    assert tables.beside(evidence, "table_3_3", asked) == []


def test_a_table_says_how_many_users_its_rows_have(evidence):
    entry = evidence.study["tables"]["table_3_3_image"]
    cells = grid.make(evidence, entry, "table_3_3_image").cells
    row = cells.filter(row="users")
    folder = next(iter(evidence.results.folders["source", "transrec_source"].values()))
    met = pl.read_parquet(folder / "lists.parquet").filter(kind="image")["session"].n_unique()
    assert row["ours"].to_list() == [met] * 4
    assert row["column"].to_list() == entry["metrics"]
    assert row["rank"].is_null().all()
    assert set(cells["rank"].drop_nulls()) == {1, 2, 3}


def test_what_has_no_meaning_on_a_tier_stands_empty_with_its_reason(evidence):
    why = dict.fromkeys(["table_3_3_image", "transrec-01"], "all encoders are frozen")
    silent = replace(evidence, tier=evidence.tier | {"says_nothing": why})
    entry = evidence.study["tables"]["table_3_3_image"]
    cells = grid.make(silent, entry, "table_3_3_image").cells
    assert cells["ours"].is_null().all()
    assert set(cells["not_run"]) == {"all encoders are frozen"}
    assert cells["mark"].drop_nulls().is_in([""]).all()
    claim = evidence.study["claims"]["transrec-01"]
    rows = verdicts.judged(silent, "transrec-01", claim)
    assert {row["claim_verdict"] for row in rows} == {"not run"}
    assert {row["not_run"] for row in rows} == {"all encoders are frozen"}
    assert verdicts.judged(evidence, "transrec-01", claim)[0]["claim_verdict"] != "not run"
