"""Studies, tiers and overrides to the keywords of every run."""

import pytest

from recloop.plan.folders import with_alike, written_out
from recloop.plan.studies import Run, modules
from recloop.storage.settings import SettingsError

STUDY, DATASET = "modt4r", "rc15"


def settings(plan, model, dataset=DATASET):
    return plan.settings(STUDY, dataset, model)


def test_a_model_gets_its_keywords_and_nothing_else(plan):
    found = settings(plan(), "smorl")
    assert found["model"]["class"] == "sequential.smorl.SMORL"
    assert found["model"]["backbone"]["class"] == "backbones.sasrec.SASRec"
    assert not {"label", "item_vectors", "training", "inference"} & found["model"].keys()
    assert found["needs"] == {"item_vectors": "gru4rec"}
    assert settings(plan(), "sasrec")["needs"] == {}


def test_later_settings_win_study_then_model_then_tier_then_name(own_plan):
    it = own_plan()
    paper = it.studies[STUDY]
    paper["training"] = {"loop": "supervised", "a": 1, "b": 1, "c": 1, "d": 1}
    paper["models"]["sasrec"] = paper["models"]["sasrec"] | {
        "training": {"b": 2, "c": 2, "d": 2},
        "x": 2,
        "y": 2,
    }
    it.tier["studies"][STUDY]["training"] = {"c": 3, "d": 3}
    it.tier["studies"][STUDY]["models"] = {"sasrec": {"y": 3}}
    found = settings(it, "sasrec,d=4,x=4")
    assert found["training"] == {"loop": "supervised", "a": 1, "b": 2, "c": 3, "d": 4}
    assert (found["model"]["x"], found["model"]["y"]) == (4, 3)
    assert settings(it, "gru4rec")["training"]["b"] == 1


def test_values_can_differ_between_data_sets(own_plan):
    it = own_plan()
    betas = [
        settings(it, "modt4r", name)["model"]["return_loss"]
        for name in ("rc15", "retailrocket", "lfm1b")
    ]
    assert betas == [0.6, 0.8, 0.0]
    paper = it.studies[STUDY]
    paper["models"]["mrdt"]["inference"] = {"alpha": {"rc15": 0.5, "lfm1b": 2.0}}
    paper["models"]["mrdt"]["training"] = {"epochs": {"rc15": 3, "lfm1b": 4}}
    it.tier["studies"][STUDY]["training"] = {"patience": {"rc15": 5, "lfm1b": 6}}
    for dataset, alpha, epochs, patience in [("rc15", 0.5, 3, 5), ("lfm1b", 2.0, 4, 6)]:
        found = settings(it, "mrdt", dataset)
        assert found["inference"]["alpha"] == alpha
        assert (found["training"]["epochs"], found["training"]["patience"]) == (epochs, patience)


def test_a_tier_is_only_where_it_says_so(plan):
    assert settings(plan(), "smonac")["model"]["warm_up"] == 5
    assert settings(plan(tier="full"), "smonac")["model"]["warm_up"] == 15000
    assert settings(plan(tier="full"), "sasrec")["training"]["epochs"] == 50


def test_a_data_set_like_another_has_its_data_and_settings_but_for_what_it_says(plan):
    it = plan()
    plain, timed = (it.recipe(STUDY, name) for name in ("rc15", "rc15_temporal"))
    assert timed == plain | {"split": {"by": "time", "shares": [0.8, 0.1, 0.1]}}
    assert settings(it, "modt4r", "rc15_temporal") == settings(it, "modt4r", "rc15")
    assert it.split(STUDY, "rc15_temporal").path != it.split(STUDY, "rc15").path
    assert it.folder(STUDY, "rc15_temporal") == "shop_clicks-for-rc15_temporal"
    assert "rc15_temporal" not in plan(tier="quick").datasets(STUDY)  # absent there


def test_a_tier_does_not_change_the_split_by_which_a_data_set_differs():
    datasets = {"a": {"split": {"by": "session"}}, "b": {"like": "a", "split": {"by": "time"}}}
    here = {"datasets": {"a": {"source": "world", "split": {"by": "given"}}}}
    assert with_alike(here, datasets)["datasets"]["b"] == {"source": "world"}
    told = {"datasets": here["datasets"] | {"b": {"source": "other"}}}
    assert with_alike(told, datasets) == told
    assert with_alike(here | {"absent": {"b": "why"}}, datasets)["datasets"].keys() == {"a"}


def test_a_data_set_like_none_is_explained():
    with pytest.raises(SettingsError, match=r"like: unknown 'rc51'; did you mean 'rc15'\?"):
        written_out({"rc15": {}, "other": {"like": "rc51"}}, "paper.yaml: datasets.other")


def test_overrides_change_one_keyword_each(plan):
    it = plan()
    plain = settings(it, "modt4r")
    for name, part, key, value in [
        ("modt4r,return_loss=0.2", "model", "return_loss", 0.2),
        ("modt4r,item_loss=false", "model", "item_loss", False),
        ("modt4r,objectives=acc+div", "model", "objectives", "acc+div"),
        ("modt4r,epochs=3", "training", "epochs", 3),
        ("modt4r,validation_events=null", "training", "validation_events", None),
        ("modt4r,alpha=2", "inference", "alpha", 2),
    ]:
        found = settings(it, name)
        assert found[part] == plain[part] | {key: value}
        assert {k: v for k, v in found.items() if k not in (part, "trained_as")} == {
            k: v for k, v in plain.items() if k not in (part, "trained_as")
        }


def gommir(plan, model):
    return plan.settings("gommir", "shoes", model)


def test_overrides_reach_components(plan):
    it = plan()
    plain, other = (gommir(it, name)["model"] for name in ("gommir", "gommir,discount=0.4"))
    assert other == plain | {"policy": plain["policy"] | {"discount": 0.4}}
    assert gommir(it, "gommir,policy.discount=0.4")["model"] == other
    assert plain["policy"]["discount"] == 0.2  # settings of the study are left as they were
    asked = settings(it, "modt4r,horizon=2.0,desired.first_diversity=0.5")["inference"]["desired"]
    assert (asked["horizon"], asked["first_diversity"]) == (2.0, 0.5)
    assert settings(it, "sqn,dropout=0.3")["model"]["backbone"]["dropout"] == 0.3


def test_tiers_and_protocols_reach_components(own_plan):
    it = own_plan()
    tracker = gommir(it, "gommir")["model"]["tracker"]
    assert (tracker["layers"], tracker["feed_forward"]) == (1, 16)  # every_model of the tier
    it.tier["studies"]["gommir"]["models"] = {"gommir": {"heads": 2, "policy.discount": 0.7}}
    own = gommir(it, "gommir,gate=false")["model"]
    assert (own["tracker"]["heads"], own["policy"]["discount"]) == (2, 0.7)
    twin = gommir(it, "ege,twin=as_released")["model"]
    assert twin["policy"]["raw_reward"]
    assert twin["last_turn_loss"]


def test_a_keyword_of_several_components_has_to_be_told_apart(own_plan):
    it = own_plan()
    entry = it.studies["gommir"]["models"]["gommir"]
    entry["opening"] = {"class": "dialogue.reinforce.Reinforce", "discount": {"shoes": 0.1}}
    with pytest.raises(SettingsError, match=r"write policy\.discount or opening\.discount"):
        gommir(it, "gommir,discount=0.4")
    assert gommir(it, "gommir,policy.discount=0.4")["model"]["opening"]["discount"] == 0.1


def test_the_code_of_every_component_counts(plan):
    found = modules(gommir(plan(), "gommir"))
    assert {"recloop.models.dialogue.tracker", "recloop.models.dialogue.reinforce"} <= {*found}
    assert "recloop.models.decision.returns" in modules(settings(plan(), "modt4r"))


def test_what_is_only_asked_shares_the_training(plan):
    it = plan()
    found = settings(it, "modt4r,alpha=0.5,return_loss=0.2,diversity_weight=2.0")
    assert found["trained_as"] == "modt4r,return_loss=0.2"
    asked = Run(STUDY, DATASET, "modt4r,alpha=0.5", 1)
    assert it.trained(asked) == Run(STUDY, DATASET, "modt4r", 1)
    assert it.lists(asked).path != it.lists(it.trained(asked)).path


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("modt5r", "no model 'modt5r'; did you mean 'modt4r'?"),
        ("modt4r,retrun_loss=0.2", "'retrun_loss', which it has not; did you mean 'return_loss'?"),
        ("sasrec,alpha=0.2", "overrides 'alpha', which it has not"),
        ("modt4r,return_loss=high", "return_loss=high does not go with the study's return_loss"),
        ("modt4r,return_loss=1e-3", "return_loss=1e-3 does not go with"),
        ("modt4r,return_loss=true", "return_loss=true does not go with"),
        ("modt4r,item_loss=maybe", "item_loss=maybe does not go with the study's item_loss: True"),
        ("modt4r,item_loss=0", "item_loss=0 does not go with"),
        ("modt4r,objectives=1", "objectives=1 does not go with"),
    ],
)
def test_a_wrong_override_is_explained(plan, model, message):
    with pytest.raises(SettingsError) as error:
        settings(plan(), model)
    assert message in str(error.value)


def test_a_sample_or_another_network_is_called_a_stand_in_and_named(plan):
    it = plan(tier="real", studies=["pdit_gim"])
    said = it.stand_in("pdit_gim", "industry")
    assert said == "4,500 of its sequences, with other networks than the paper's"
    assert it.described_tier("pdit_gim")["datasets"]["industry"]["stand_in"] == said
    assert it.identity(Run("pdit_gim", "industry", "pdit", 1))["stand_in"] is True
    assert it.folder("pdit_gim", "industry") == "industry"  # the data are the paper's
    assert plan(tier="full", studies=["pdit_gim"]).stand_in("pdit_gim", "industry") is None
    exact = plan(tier="real", studies=["gsasrec"])
    assert exact.stand_in("gsasrec", "ml1m") is None


def test_a_tier_gives_some_models_of_a_data_set_fewer_seeds(plan):
    real = plan(studies=["gsasrec"], tier="real", seeds=[1, 2, 3, 4, 5])
    seeds = {}
    for run in real.exhibit_runs("gsasrec", "table_test"):
        seeds.setdefault(run.model, []).append(run.seed)
    assert seeds["gsasrec"] == seeds["sasrec"] == seeds["popularity"] == [1, 2, 3, 4, 5]
    assert seeds["bert4rec"] == seeds["sasrec_ce"] == seeds["sasrec_ss"] == [1, 2, 3]
    assert real.most_seeds("gsasrec", "ml1m", "esasrec") == 3
    assert real.most_seeds("gsasrec", "ml1m", "gsasrec") is None
