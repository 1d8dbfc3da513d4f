"""The task of online RL: what its runs work with, and in which environments they learn and are judged."""

import pytest

from recloop.plan.checks import check_plan
from recloop.plan.studies import Run
from recloop.storage.settings import SettingsError


@pytest.fixture(scope="module")
def it(plan):
    return plan(studies=["ialp"])


def run(model):
    return Run("ialp", "coat", model, 1)


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


def test_the_rules_of_an_environment_are_in_the_key(plan):
    one, other = plan(studies=["ialp"]), plan(studies=["ialp"], tier="laptop")
    assert one.weights(run("random")).key != other.weights(run("random")).key


def test_an_environment_that_is_not_there_is_named(it, plan):
    other = plan(studies=["ialp"])
    other.studies["ialp"]["models"]["dqn"]["training"] = {"environment": "lgos"}
    with pytest.raises(SettingsError, match=r"simulators: no 'lgos'; did you mean 'logs'\?"):
        check_plan(other)
