"""Runs in batches: every file has one maker, nothing waits for itself, and only what is missing is made."""

from graphlib import TopologicalSorter

import pytest

from recloop.plan.batches import batches
from recloop.plan.studies import Run

NOTHING, ALL = (lambda file: False), (lambda file: True)


@pytest.fixture(scope="module")
def studies(plan):
    """A plan of a study about sequences and of one about dialogues."""
    return plan(studies=["modt4r", "gommir"])


def without(*missing):
    """Say of every file but some that it is there."""
    return lambda file: file not in missing


@pytest.mark.parametrize("there", [NOTHING, ALL])
def test_every_file_has_one_maker_and_nothing_waits_for_itself(studies, there):
    found = list(batches(studies, there))
    made = [file for batch in found for file in batch.outputs]
    assert len(made) == len(set(made))
    wanted = {studies.scores(run).path for s in studies.studies for run in studies.study_runs(s)}
    assert wanted <= set(made)
    maker = {file: batch.name for batch in found for file in batch.outputs}
    waits = {b.name: {maker[f] for f in b.inputs if f in maker} for b in found}
    assert len(list(TopologicalSorter(waits).static_order())) == len(found)


def test_a_batch_is_no_longer_than_the_tier_says(studies, monkeypatch):
    monkeypatch.setitem(studies.tier, "runs_per_job", 3)
    assert max(len(batch.tasks) for batch in batches(studies, NOTHING)) == 3


def missing_in(studies, *files):
    """List step and tasks of the batches that make something that is missing."""
    found = batches(studies, without(*files))
    return [(b.step, len(b.tasks), b.title) for b in found if {*files} & {*b.outputs}]


def test_a_new_run_is_trained_without_its_neighbours(studies):
    weights = studies.weights(Run("modt4r", "rc15", "sasrec", 1)).record
    where = "shop_clicks-for-rc15"
    assert missing_in(studies, weights) == [
        ("train", 1, f"train, rank and evaluate on {where}: sasrec seed 1")
    ]


def test_old_weights_are_asked_anew_and_old_lists_judged_anew(studies):
    run = Run("modt4r", "rc15", "modt4r,alpha=0.5", 1)
    lists, scores = studies.lists(run).record, studies.scores(run).path
    where = "shop_clicks-for-rc15: modt4r,alpha=0.5 seed 1"
    expected = [("rank", 1, f"rank and evaluate on {where}")]
    assert missing_in(studies, lists, scores) == expected
    assert missing_in(studies, scores) == [("evaluate", 1, f"evaluate on {where}")]
