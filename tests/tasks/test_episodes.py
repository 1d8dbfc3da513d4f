"""The task of online RL: what its runs work with, and in which environments they learn and are judged."""

import pytest

from recloop.plan.artifacts import with_all_inputs
from recloop.plan.checks import check_plan
from recloop.plan.studies import Run
from recloop.storage.settings import SettingsError
from recloop.tasks import episodes


@pytest.fixture(scope="module")
def it(plan):
    return plan(studies=["ialp"])


def run(model, dataset="coat"):
    return Run("ialp", dataset, model, 1)


def test_runs_work_with_users_and_their_ratings(it):
    found = it.data(run("dqn"))
    assert found["sessions"].startswith("data/sessions/racks-")
    assert found["tables"].startswith("data/tables/racks-")


def test_an_agent_is_judged_where_it_learned(it):
    settings = it.job_settings(run("dqn"))
    assert settings["environment"] == settings["played_in"]
    assert settings["environment"]["class"] == "online.RatedItems"
    other = it.job_settings(run("dqn,environment=dorl"))
    assert other["played_in"]["threshold"] == 1.0


def test_a_policy_that_learned_from_preferences_is_judged_by_rewards(it):
    settings = it.job_settings(run("true_ialp"))
    assert settings["environment"]["class"] == "preferences.PreferredItems"
    assert settings["played_in"] == it.job_settings(run("dqn"))["environment"]
    code = {"recloop.simulators.online", "recloop.simulators.preferences"}
    assert code <= {*it.code(run("true_ialp"))}


def test_another_moment_asks_the_same_weights(it):
    early = run("dqn,after=start")
    assert it.trained(early) == run("dqn")
    assert it.lists(early).path != it.lists(run("dqn")).path


def test_fine_tuning_needs_what_learned_from_the_same_preferences(it):
    needed = {model: it.needs(run(model))["start"].model for model in ("true_ft", "random_ap")}
    assert needed == {"true_ft": "true_ialp", "random_ap": "random_ialp"}


def test_controls_of_what_was_told_read_the_same_table(it):
    told = it.data(run("ialp"))["preferences"]
    shuffled, asked = run("ialp,environment=shuffled_preferences"), run("asked_ft")
    for one, name in ((shuffled, "ShuffledItems"), (asked, "AskedItems")):
        assert it.data(one)["preferences"] == told
        settings = it.job_settings(one)
        assert settings["environment"]["class"] == f"told_controls.{name}"
        assert settings["played_in"] == it.job_settings(run("dqn"))["environment"]
    assert it.needs(asked)["start"] == run("ialp")


def test_the_users_of_llm_online_are_played_by_the_rules_of_all(plan):
    """But for its class an environment of those users is that of LLMOnline, whose rules are those of A-iALP."""
    for tier in ("smoke", "quick", "laptop", "real", "full"):
        it = plan(studies=["ialp"], tier=tier)
        for dataset in ("coat", "lfm"):
            worlds = [
                {
                    key: value
                    for key, value in it.job_settings(run(model, dataset))["environment"].items()
                    if key != "class"
                }
                for model in ("asked_ft", "llm_online", "ft")
            ]
            assert worlds[0] == worlds[1] == worlds[2], (tier, dataset)


def test_a_policy_may_be_tested_as_it_explored(it):
    drawn, greedy = (run(f"a2c,explore=greedy{more}") for more in ("", ",choose=greedy"))
    assert it.trained(greedy) == drawn
    assert it.job_settings(greedy)["inference"]["choose"] == "greedy"
    assert it.lists(greedy).path != it.lists(drawn).path


def test_the_data_are_those_of_the_chapter_before(plan):
    """Table 7.2 has the counts of Table 6.1."""
    it = plan(studies=["ialp", "lea"], tier="full")
    for dataset in ("lfm", "industry"):
        own, other = (it.recipe(study, dataset) for study in ("ialp", "lea"))
        assert own["source"] == other["source"]
        assert own["prepare"] == other["prepare"]


def test_what_a_language_model_told_is_made_before_it_is_learned_from(it, plan):
    found = it.task("ialp").data(it, run("ialp"))["preferences"]
    assert found.path.startswith("data/preferences/racks-")
    assert found.notes == {"answers": "data/answers"}
    assert found.settings["prompt"]["answers"][0] == " a"
    assert "pretrain" in found.settings["settings"]["model"]
    assert found.inputs["model"].inputs["own"].settings["published"]["parts"]
    assert "preferences" not in it.data(run("true_ialp"))
    assert "preferences" not in it.data(run("ft"))  # it starts from weights that learned from them
    assert it.data(run("llm_online"))["preferences"] == found.path
    real = plan(studies=["ialp"], tier="real")
    told = real.task("ialp").data(real, run("ialp", "industry"))["preferences"]
    assert "model" not in told.inputs
    assert told.settings["settings"]["item"] == "product"


def test_other_words_ask_anew(it, own_plan):
    other = own_plan(studies=["ialp"])
    before = it.task("ialp").data(it, run("ialp"))["preferences"].key
    other.studies["ialp"]["simulators"]["judge"]["behavior"]["coat"] = "buying"
    assert other.task("ialp").data(other, run("ialp"))["preferences"].key != before


@pytest.mark.parametrize(
    ("name", "role", "model", "dataset", "says"),
    [
        ("judge", "preferences", "ialp", "coat", r"judge: Judge: unknown 'sizes'"),
        ("sasrec", "user_model", "dqn", "lfm", r"sasrec: NextItems: unknown 'users'"),
    ],
)
def test_an_unknown_setting_stops_the_plan(own_plan, name, role, model, dataset, says):
    other = own_plan(studies=["ialp"])
    other.studies["ialp"]["simulators"][name] |= {says.split("'")[1]: 3}
    with pytest.raises(SettingsError, match=says):
        other.data(run(model, dataset))


def test_users_of_sequences_are_a_model_of_users(it):
    found = it.data(run("dqn", "lfm"))["user_model"]
    assert found.startswith("data/user_models/radio_stations-")
    assert it.job_settings(run("dqn", "lfm"))["environment"]["class"] == "sequences.ScoredItems"
    assert "user_model" not in it.job_settings(run("dqn", "lfm"))["environment"]
    assert "user_model" not in it.data(run("dqn"))
    assert "deepfm" in it.data(run("dqn,environment=predicted"))["user_model"]


def test_judges_are_measured(it):
    told = it.validity("ialp", "coat", "told_preferences")
    assert told.inputs.keys() == {"sessions", "tables", "preferences"}
    assert it.validity("ialp", "coat", "true_preferences").inputs.keys() == {"sessions", "tables"}
    assert {"judge", "told_preferences"} <= it.task("ialp").components(it, "ialp", "coat")[
        "simulators"
    ]


def test_the_rules_of_an_environment_are_in_the_key(plan):
    one, other = plan(studies=["ialp"]), plan(studies=["ialp"], tier="laptop")
    assert one.weights(run("random")).key != other.weights(run("random")).key


def test_an_environment_that_is_not_there_is_named(own_plan):
    other = own_plan(studies=["ialp"])
    other.studies["ialp"]["models"]["dqn"]["training"] = {"environment": "lgos"}
    with pytest.raises(SettingsError, match=r"simulators: no 'lgos'; did you mean 'logs'\?"):
        check_plan(other)


def test_who_tells_preferences_is_described_with_the_record_of_it(it, plan):
    (told,) = episodes.spoken(it, "ialp").values()
    made = {one.kind: one for one in with_all_inputs([it.weights(run("ialp"))]).values()}
    assert told["told"] == made["preferences"].record
    assert told["place"] == made["language_models"].path
    (full,) = episodes.spoken(plan(studies=["ialp"], tier="full"), "ialp").values()
    assert full["settings"]["name"] == "mistralai/Mistral-7B-v0.1" and full["place"] is None
