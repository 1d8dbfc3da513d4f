"""What tables, claims and pages say of trainings that were not trained out, and of models at popularity."""

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from recloop.evaluation.results import Quantity
from recloop.report import checklist, ledger, printing, sections, tables, verdicts
from recloop.report.evidence import CURVE, Evidence
from recloop.report.latex import latex

RISING, LEVEL = [0.1, 0.2, 0.3, 0.4, 0.5], [0.1, 0.5, 0.5, 0.5, 0.5]


@pytest.fixture
def evidence(saved, study, tmp_path):
    """Results of MODT4R, of which SASRec's second training was still gaining."""
    runs = []
    for model, seed, scores in [
        ("sasrec", 1, LEVEL),
        ("sasrec", 2, RISING),
        ("modt4r", 1, LEVEL),
        ("modt4r,alpha=0.5", 1, RISING),
    ]:
        place = tmp_path / f"{model}-{seed}" / "run.json"
        place.parent.mkdir()
        record = {"dataset": "rc15", "model": model, "seed": seed}
        place.write_text(json.dumps(record | {"settings": {"training": {"patience": 99}}}))
        rows = {"update": range(1, 6), "epoch": range(1, 6), "loss": [1.0] * 5}
        frame = pl.DataFrame(rows | {"valid_ndcg10": scores})
        frame.select(pl.col(name).cast(CURVE[name]) for name in frame.columns).write_csv(
            place.with_name("curve.csv")
        )
        runs.append(place)
    given = {key: saved[key] for key in ("tier", "splits", "scores")}
    return Evidence.gather(study=study, runs=runs, **given)


def test_trainings_are_found_by_what_was_trained(evidence):
    assert evidence.unfinished("rc15", "sasrec") == 1
    assert evidence.unfinished("rc15", "sasrec,judged_on=valid") == 1
    assert evidence.unfinished("rc15", "modt4r") == 0
    assert evidence.unfinished("rc15", "modt4r,alpha=0.5") == 1
    assert evidence.unfinished("rc15", "popularity") == 0
    assert sorted(sections.finished(evidence)) == [False, False, True, True]


def test_validations_of_a_warm_up_say_nothing_of_what_came_after(evidence):
    record, curve = evidence.runs[0], evidence.runs[0].with_name("curve.csv")
    rows = pl.DataFrame({"update": range(1, 9), "valid_ndcg10": [0.9] * 3 + RISING})
    rows.with_columns(epoch=1.0, loss=1.0).write_csv(curve)
    assert replace(evidence).unfinished("rc15", "sasrec") == 1  # the second alone
    record.write_text(json.dumps(json.loads(record.read_text()) | {"head_start": 3}))
    assert replace(evidence).unfinished("rc15", "sasrec") == 2


def test_what_a_model_starts_from_counts_with_it(evidence, study):
    needing = study["models"]["modt4r"] | {"needs": {"start": "sasrec"}}
    other = replace(evidence, study=study | {"models": study["models"] | {"modt4r": needing}})
    assert other.unfinished("rc15", "modt4r") == 1
    assert other.unfinished("rc15", "modt4r,alpha=0.5") == 2
    early = study["models"]["modt4r"] | {
        "needs": {"early": "sasrec"}
    }  # meant to be of an early stage
    asked = replace(evidence, study=study | {"models": study["models"] | {"modt4r": early}})
    assert asked.unfinished("rc15", "modt4r") == 0


def test_a_row_that_rests_on_one_is_marked(evidence, study):
    cells = [
        tables.cell(evidence, "table_4_3", "", Quantity("rc15", model, "NDCG", 10))
        for model in ("sasrec", "modt4r")
    ]
    assert [cell["unfinished"] for cell in cells] == [1, 0]
    table = tables.Table("table_1", "Some", "", "", tables.ranked(pl.DataFrame(cells, tables.CELL)))
    text = printing.markdown(table)
    assert "| SASRec ◦ |" in text
    assert "| MODT4R |" in text
    assert "◦ not trained out" in text
    assert r"SASRec $\circ$ &" in latex(table)


def test_a_claim_that_rests_on_one_is_undecided(evidence):
    claim = {"claim": "", "source": "", "checks": [{"kind": "ordering", "models": ["modt4r"]}]}
    claim["checks"][0] |= {"than": ["sasrec"], "metrics": ["NDCG@10"], "datasets": ["rc15"]}
    (row,) = verdicts.judged(evidence, "c", claim, evidence.unfinished)
    assert row["claim_verdict"] == "undecided (not trained out)"
    (row,) = verdicts.judged(evidence, "c", claim)
    assert row["claim_verdict"] in ("holds", "fails", "undecided")


def test_a_training_that_was_best_at_once_is_named_and_decides_nothing(evidence):
    assert list(checklist.at_once(evidence)) == []
    curve = evidence.runs[0].with_name("curve.csv")
    rows = pl.DataFrame({"update": range(1, 6), "valid_ndcg10": [0.5, 0.4, 0.3, 0.4, 0.3]})
    rows.with_columns(epoch=1.0, loss=1.0).write_csv(curve)
    (row,) = checklist.at_once(found := replace(evidence))
    assert row[1] == "1 of 4 trainings: SASRec on RC15"
    assert found.unfinished("rc15", "sasrec") == 1  # the second alone


def test_a_model_at_popularity_is_marked(evidence):
    assert not evidence.popular("rc15", "modt4r")
    assert not evidence.popular("rc15", "popularity")
    folders = evidence.results.folders
    folders["rc15", "sasrec"] = folders["rc15", "popularity"]
    cell = tables.cell(evidence, "table_4_3", "", Quantity("rc15", "sasrec", "NDCG", 10))
    assert cell["popular"]
    assert printing.signs([cell]) == " ◦≈"


# -- one seed of two diverged ------------------------------------------------------------------------------------------


def test_a_seed_that_diverged_is_marked_listed_and_decides_nothing(saved, study, tmp_path):
    """Its scores have no rows, so that only the other seed is left, which alone says nothing of the model."""
    why = "diverged: update 5 (epoch 1): the loss of update 5 is not a finite number"
    lost = tmp_path / "lost" / "run.json"
    lost.parent.mkdir()
    lost.write_text(json.dumps({"dataset": "rc15", "model": "sasrec", "seed": 2, "not_run": why}))
    given = {key: saved[key] for key in ("tier", "splits")}
    scores = [one for one in saved["scores"] if not is_of(one, "sasrec", 2)]
    assert len(scores) == len(saved["scores"]) - 1
    found = Evidence.gather(study=study, runs=[*saved["runs"], lost], scores=scores, **given)

    cell = tables.cell(found, "table_4_3", "", Quantity("rc15", "sasrec", "NDCG", 10))
    assert cell["ours"] is not None
    assert printing.signs([cell]).startswith(" ◦")
    claim = {"claim": "", "source": "", "checks": [{"kind": "ordering", "models": ["modt4r"]}]}
    claim["checks"][0] |= {"than": ["sasrec"], "metrics": ["NDCG@10"], "datasets": ["rc15"]}
    (row,) = verdicts.judged(found, "c", claim, found.unfinished)
    assert row["claim_verdict"] == "undecided (not trained out)"
    status = ledger.decided({"ours": 1.0, "stand_in": None, "margin": 1.0}, cell["unfinished"])
    assert status["status"] == "not trained out"

    runs = [json.loads(Path(run).read_text()) for run in found.runs]
    page = sections.gather(found, runs, tmp_path, ())
    (lines,) = next(one.parts for one in page.sections if one.title == "Not run")
    assert any(line.startswith("SASRec on RC15, seed 2: diverged: update 5") for line in lines)


def is_of(scores: Path, model: str, seed: int) -> bool:
    """Check whose scores these are."""
    return pl.read_parquet(scores).filter(dataset="rc15", model=model, seed=seed).height > 0
