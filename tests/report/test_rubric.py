"""How much is reproduced, as a weighted tree."""

import polars as pl
import pytest

from recloop.evaluation.claims import UNFINISHED
from recloop.plan.details import Detail, details
from recloop.report import ledger, rubric, verdicts
from recloop.report.rubric import RAN, Node, of_study

CELLS = {"exhibit": pl.String, "dataset": pl.String, "model": pl.String, "metric": pl.String}
CELLS |= {"k": pl.Int64, "status": pl.String}


def cells(*statuses):
    rows = [("table_1", "rc15", "sasrec", "HR", 10, status) for status in statuses]
    return pl.DataFrame(rows, schema=CELLS, orient="row")


def claims(*rows):
    named = ("id", "strength", "origin", "dataset", "verdict", "stand_in")
    return pl.DataFrame(
        [dict(zip(named, row, strict=True)) for row in rows], schema=verdicts.SCHEMA
    )


def test_a_tree_by_hand():
    judged = claims(
        ("one", "significant", "Table 1", "rc15", "holds", None),
        ("one", "significant", "Table 1", "rc15", "undecided", None),
        ("one", "significant", "Table 1", "lfm", "holds", None),
        ("two", "trend", "Table 2", "rc15", "fails", None),
        ("mine", None, "ours", "rc15", "holds", None),
    )
    known = [Detail(3, "a: 1", "paper", "S4"), Detail(4, "b: 1", "code", "released code")]
    tree = of_study("x", cells("reproduced", "not run"), judged, ["another loss"], known)
    printed, claimed, method = tree.parts
    assert printed.score == 0.5
    assert claimed.score == pytest.approx((2 * (RAN + 1) / 2 + 1 * RAN) / 3)
    assert method.score == pytest.approx((1 + 0.5 + 2 * 0) / 4)
    assert tree.score == pytest.approx(0.4 * 0.5 + 0.4 * claimed.score + 0.2 * method.score)
    assert claimed.decided == pytest.approx((2 * 0.5 + 1 * 1) / 3)
    assert [part.name for part in claimed.parts] == [
        "one",
        "two",
    ]  # what is ours is not the paper's
    assert [leaf.name for leaf in printed.parts[0].parts] == [
        "rc15/sasrec/HR@10",
        "rc15/sasrec/HR@10 (2)",
    ]


@pytest.mark.parametrize("status", [one for one in ledger.STATUSES if one != "reproduced"])
def test_nothing_but_a_reproduced_cell_counts_as_one(status):
    assert (
        Node("cell", 1.0, status=status).score <= RAN < Node("cell", 1.0, status="reproduced").score
    )


@pytest.mark.parametrize("verdict", ["holds", "fails", "undecided", UNFINISHED])
def test_a_verdict_on_a_stand_in_is_one_on_nothing(verdict):
    part = claims(("one", "trend", "Table 1", "rc15", verdict, "a world"))
    assert rubric.claim_status(part) == "stand-in"
    assert "stand-in" not in rubric.DECIDED


def test_a_study_without_anything_scores_nothing():
    empty = of_study("x", cells(), claims(), [], [])
    assert (empty.score, empty.decided, empty.leaves) == (0.0, 0.0, 0)


def test_details_know_their_sources():
    text = "title: 1\ntraining:\n  a: 1  # S4.5\n  b:  # released code\n    c: [1, 2]\n  d: 3  # ours; S4: 4\n  e: 5\n"
    found = [(one.line, one.origin) for one in details(text)]
    assert found == [(3, "paper"), (5, "code"), (6, "ours"), (7, None)]
