"""What one model takes from another: weights, settings and protocols; whose training it shares."""

import pytest

from recloop.plan.studies import Run
from recloop.storage.settings import SettingsError

STUDY, DATASET = "modt4r", "rc15"


def needs(it, model, study="gommir", dataset="shoes"):
    return {role: run.model for role, run in it.needs(Run(study, dataset, model, 1)).items()}


def test_the_trainings_behind_a_run_are_those_it_is_made_of_too(plan):
    found = plan().trainings(
        [Run("gommir", "shoes", "gommir", 1), Run("gommir", "shoes", "tirg", 1)]
    )
    assert {run.model for run in found} == {"gommir", "gommir_sl", "tirg"}


def test_a_model_starts_from_its_pretraining(plan):
    it = plan()
    assert needs(it, "gommir") == {"start": "gommir_sl"}
    assert needs(it, "gommir_sl") == {}
    assert needs(it, "ege") == needs(it, "deers") == {"start": "dm"}
    assert needs(it, "gru_ege", "pmmir", "amazon_shoes") == {"first": "gru_hist", "then": "ege"}


@pytest.mark.parametrize(
    ("model", "start"),
    [
        ("gommir,discount=0.4", "gommir_sl"),  # the first stage has no discount
        ("gommir,gate=false", "gommir_sl,gate=false"),
        ("gommir,shown=2", "gommir_sl,shown=2"),
        ("gommir,heard=attributes", "gommir_sl"),  # only asked so
        ("gommir,user=attributes", "gommir_sl,user=attributes"),
        ("gommir,twin=as_released", "gommir_sl,twin=as_released"),
        ("gommir,stage=pretrain", "gommir_sl"),  # more of what the first stage does
        ("gommir,placebo=shuffled", "gommir_sl"),
    ],
)
def test_overrides_reach_the_pretraining_that_knows_them(plan, model, start):
    it = plan()
    asked = it.trained(Run("gommir", "shoes", model, 1)).model
    assert needs(it, asked) == {"start": start}


def needed(it, model, dataset="tn_mixed"):
    """List where a model starts, and where that one does."""
    found, run = [], Run("transrec", dataset, model, 1)
    while run := it.needs(run).get("start"):
        found.append((run.dataset, run.model))
    return found


def test_a_model_starts_from_one_on_another_data_set(plan):
    it = plan()
    assert needed(it, "transrec") == [("source", "transrec_source"), ("source", "uep")]
    assert needed(it, "transrec_20")[0] == ("source", "transrec_source,share=0.2")
    assert needed(it, "transrec_20")[1] == ("source", "uep,share=0.2")
    run = Run("transrec", "tn_mixed", "transrec", 1)
    made_of = it.weights(run).inputs["need start"]
    assert made_of.path == it.weights(it.needs(run)["start"]).path
    assert "marketplace_d-for-source" in made_of.path


def test_only_what_makes_the_network_is_handed_on_to_another_data_set(plan):
    it = plan()
    assert needed(it, "transrec,share=0.2") == needed(it, "transrec")  # a share of the target
    frozen = [("source", "transrec_source,frozen=true"), ("source", "uep,frozen=true")]
    assert needed(it, "transrec,frozen=true") == frozen


def test_what_is_needed_may_differ_by_data_set(plan):
    it = plan(tier="real")
    assert needed(it, "transrec", "scientific")[0] == ("instruments", "transrec_source")
    assert needed(it, "transrec", "instruments")[0] == ("scientific", "transrec_source")


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("sauce", "needs 'uep on sauce': unknown 'sauce'; did you mean 'source'?"),
        ("douyin", "needs 'uep on douyin'; tier smoke has nothing for 'douyin'"),
    ],
)
def test_a_need_on_no_data_set_is_explained(own_plan, where, message):
    it = own_plan()
    it.studies["transrec"]["models"]["transrec"]["needs"] = {"start": f"uep on {where}"}
    with pytest.raises(SettingsError) as error:
        needed(it, "transrec")
    assert message in str(error.value)


def test_a_value_can_differ_between_stages(own_plan):
    it = own_plan()
    it.tier["studies"].pop("gommir")
    rates = [settings_of(it, model)["training"]["learning_rate"] for model in STAGES]
    assert rates[0] != rates[1]
    assert all(isinstance(rate, list) for rate in rates)


STAGES = ("gommir_sl", "gommir")


def settings_of(it, model):
    return it.settings("gommir", "shoes", model)


def test_a_twin_sets_every_key_that_a_run_has(plan):
    it = plan()
    twin = it.studies["gommir"]["twins"]["as_released"]
    found = settings_of(it, "ege,twin=as_released")
    merged = found["model"] | found["training"] | found["dialogue"]
    assert {key: merged[key] for key in twin.keys() & merged.keys()} == {
        key: twin[key] for key in twin.keys() & merged.keys()
    }
    assert merged["likes"] == "own"
    assert merged["last_turn_loss"] is True
    assert "last_turn_loss" not in settings_of(it, "gommir,twin=as_released")["model"]


def test_the_config_can_ask_for_a_twin_of_everything(plan):
    clean, twin = plan(), plan(twin="as_released")
    assert settings_of(twin, "ege")["dialogue"]["likes"] == "own"
    assert settings_of(clean, "ege")["dialogue"]["likes"] == "fixed"
    run = Run("gommir", "shoes", "ege", 1)
    assert clean.weights(run).path != twin.weights(run).path
    sequences = Run(STUDY, DATASET, "sasrec", 1)
    assert clean.weights(sequences).path == twin.weights(sequences).path


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"twin": "released"}, "twin: no study has 'released'; did you mean 'as_released'?")],
)
def test_an_unknown_twin_is_explained(plan, changes, message):
    with pytest.raises(SettingsError) as error:
        plan(**changes)
    assert message in str(error.value)


def test_a_user_can_learn_elsewhere(plan):
    """The paper's users learn from other data sets than its models; a tier may let them learn at home."""
    away, home = plan(tier="full"), plan()
    place = ("pmmir", "amazon_shoes", "show_attend_tell")
    made_of = away.validity(*place).folders
    assert made_of["dialogues"].startswith("data/dialogues/berg_shoes-")
    assert made_of["grid"].startswith("data/features/berg_shoes-")
    run = Run("pmmir", "amazon_shoes", "pmmir_gru", 1)
    assert away.data(run)["grid"].startswith("data/features/amazon_shoes-")
    at_home = home.split("pmmir", "amazon_shoes").path
    assert home.validity(*place).folders["dialogues"] == at_home


def test_published_weights_take_the_place_of_a_training(plan):
    it = plan(tier="full")
    asked = Run("gommir", "shoes", "gommir,user=guo_captioner", 1)
    made_of = it.weights(asked).inputs["simulator"].folders
    assert made_of["published"] == "data/raw/guo_captioner"
    own = it.weights(Run("gommir", "shoes", "gommir", 1)).inputs["simulator"]
    assert "published" not in own.folders


def test_asking_another_user_keeps_the_weights(plan):
    it = plan()
    asked = Run("gommir", "shoes", "gommir,heard=attributes", 1)
    plain = Run("gommir", "shoes", "gommir", 1)
    assert it.weights(it.trained(asked)).path == it.weights(plain).path
    assert it.lists(asked).path != it.lists(plain).path
