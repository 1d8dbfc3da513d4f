"""Settings, tiers and overrides to keywords and places; every ingredient of a result is in its key."""

import shutil
from pathlib import Path

import pytest

from recloop.plan.folders import with_alike, written_out
from recloop.plan.studies import Run, modules
from recloop.storage import fingerprint as hashing
from recloop.storage.settings import SettingsError, check, read_settings

STUDY, DATASET = "modt4r", "rc15"


def settings(plan, model, dataset=DATASET):
    return plan.settings(STUDY, dataset, model)


# -- settings ----------------------------------------------------------------------------------------------------------


def test_a_model_gets_its_keywords_and_nothing_else(plan):
    found = settings(plan(), "smorl")
    assert found["model"]["class"] == "sequential.smorl.SMORL"
    assert found["model"]["backbone"]["class"] == "backbones.sasrec.SASRec"
    assert not {"label", "item_vectors", "training", "inference"} & found["model"].keys()
    assert found["needs"] == {"item_vectors": "gru4rec"}
    assert settings(plan(), "sasrec")["needs"] == {}


def test_later_settings_win_study_then_model_then_tier_then_name(plan):
    it = plan()
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


def test_values_can_differ_between_data_sets(plan):
    it = plan()
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


def test_tiers_and_protocols_reach_components(plan):
    it = plan()
    tracker = gommir(it, "gommir")["model"]["tracker"]
    assert (tracker["layers"], tracker["feed_forward"]) == (1, 16)  # every_model of the tier
    it.tier["studies"]["gommir"]["models"] = {"gommir": {"heads": 2, "policy.discount": 0.7}}
    own = gommir(it, "gommir,gate=false")["model"]
    assert (own["tracker"]["heads"], own["policy"]["discount"]) == (2, 0.7)
    twin = gommir(it, "ege,twin=as_released")["model"]
    assert twin["policy"]["raw_reward"]
    assert twin["last_turn_loss"]


def test_a_keyword_of_several_components_has_to_be_told_apart(plan):
    it = plan()
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


# -- what one model takes from another ---------------------------------------------------------------------------------


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
def test_a_need_on_no_data_set_is_explained(plan, where, message):
    it = plan()
    it.studies["transrec"]["models"]["transrec"]["needs"] = {"start": f"uep on {where}"}
    with pytest.raises(SettingsError) as error:
        needed(it, "transrec")
    assert message in str(error.value)


def test_a_value_can_differ_between_stages(plan):
    it = plan()
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


# -- files -------------------------------------------------------------------------------------------------------------


def test_an_unknown_key_stops_with_the_nearest_name(plan):
    with pytest.raises(SettingsError, match=r"config\.yaml: .*'teir'; did you mean 'tier'\?"):
        plan(teir="smoke")


def test_a_number_that_yaml_takes_for_text_is_caught(tmp_path):
    path = tmp_path / "tiers.yaml"
    text = (Path(__file__).parents[1] / "studies/modt4r/tiers.yaml").read_text()
    path.write_text(text.replace("learning_rate: [0.005]", "learning_rate: 1e-3"))
    with pytest.raises(SettingsError, match=r"'1e-3' is text to YAML, not a number; write 0.001"):
        read_settings(path, "tiers")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tier": "smok"}, "'smok' is not allowed; did you mean 'smoke'?"),
        ({"datasets": ["rc51"]}, "unknown 'rc51'; did you mean 'rc15'?"),
        ({"device": "gpu"}, "device: 'gpu' is not allowed"),
        ({"seeds": ["1"]}, "seeds.0: '1' is not of type 'integer'"),
    ],
)
def test_a_wrong_config_is_explained(plan, changes, message):
    with pytest.raises(SettingsError) as error:
        plan(**changes)
    assert message in str(error.value)


def test_a_missing_study_is_named_with_those_there_are(plan):
    with pytest.raises(SettingsError, match=r"there is no 'nothing'; allowed: .*modt4r"):
        plan(studies=["nothing"])


def test_a_file_that_is_not_yaml_is_named(tmp_path):
    (tmp_path / "broken.yaml").write_text("a: [1,")
    with pytest.raises(SettingsError, match=r"broken\.yaml is not YAML"):
        read_settings(tmp_path / "broken.yaml", "tier")


def test_a_right_config_passes(plan):
    check(plan().config, "config", "config.yaml")


# -- what a plan consists of -------------------------------------------------------------------------------------------


def test_a_plan_can_be_narrowed(plan):
    it = plan(datasets=["lfm1b"], seeds=[7, 8])
    runs = it.study_runs(STUDY)
    assert {run.dataset for run in runs} == {"lfm1b"}
    assert {run.seed for run in runs} == {7, 8}
    assert len(set(runs)) == len(runs)


def test_figures_may_use_fewer_seeds(plan):
    it = plan(tier="laptop")
    assert {run.seed for run in it.exhibit_runs(STUDY, "table_4_3")} == set(it.seeds)
    assert len({run.seed for run in it.exhibit_runs(STUDY, "figure_4_5")}) == 1


def test_a_stand_in_is_called_one_in_every_place(plan):
    run = Run(STUDY, DATASET, "sasrec", 1)
    assert "/shop_clicks-for-rc15/" in plan().weights(run).path
    assert plan().identity(run)["stand_in"] is True
    assert "/rc15/" in plan(tier="full").weights(run).path
    assert plan(tier="full").identity(run)["stand_in"] is False


# -- keys --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def house(tmp_path, monkeypatch):
    """Let the plan see a copy of the code; give a function that adds a line to one of its files."""
    shutil.copytree(
        hashing.ROOT / "recloop",
        tmp_path / "recloop",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    monkeypatch.setattr(hashing, "ROOT", tmp_path)
    hashing.fingerprint.cache_clear()

    def edit(file, line):
        path = tmp_path / "recloop" / file
        path.write_text(path.read_text() + f"\n{line}\n")
        hashing.fingerprint.cache_clear()

    yield edit
    hashing.fingerprint.cache_clear()


def places(plan, model="smorl", seed=1, **changes):
    """Where weights, lists and scores of a run lie."""
    it = plan(**changes)
    run = Run(STUDY, DATASET, model, seed)
    return {
        "run": it.weights(it.trained(run)).path,
        "lists": it.lists(run).path,
        "scores": it.scores(run).path,
    }


def moved(before, after):
    return {name for name in before if before[name] != after[name]}


ALL = {"run", "lists", "scores"}


def test_places_are_the_same_every_time(plan):
    assert places(plan) == places(plan)


def test_another_seed_or_tier_is_another_place(plan):
    before = places(plan)
    assert moved(before, places(plan, seed=2)) == ALL
    assert moved(before, places(plan, tier="laptop")) == ALL


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("models/sequential/smorl.py", ALL),
        ("models/sequential/double_q.py", ALL),  # smorl imports it
        ("models/catalogue.py", ALL),
        ("models/backbones/sasrec.py", ALL),
        ("models/backbones/gru4rec.py", ALL),  # of the run whose vectors it uses
        ("training/supervised.py", ALL),
        ("evaluation/ranker.py", ALL),  # validation ranks
        ("data/prepare.py", ALL),
        ("data/filters.py", ALL),
        ("data/worlds/shop.py", ALL),
        ("data/readers/yoochoose.py", ALL),
        ("evaluation/metrics.py", {"scores"}),
        ("evaluation/catalogue.py", {"scores"}),
        ("models/sequential/smonac.py", set()),
        ("models/decision/modt4r.py", set()),
        ("models/backbones/caser.py", set()),
        ("data/readers/retailrocket.py", set()),
        ("report/tables.py", set()),
        ("evaluation/claims.py", set()),
    ],
)
def test_code_moves_just_what_is_made_with_it(plan, house, file, expected):
    before = places(plan)
    house(file, "changed = True")
    assert moved(before, places(plan)) == expected


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("models/dialogue/gommir.py", {"gommir", "gommir_sl"}),
        ("simulators/show_attend_tell.py", {"gommir", "gommir_sl", "ege", "dm"}),
        ("models/decision/modt4r.py", set()),
    ],
)
def test_code_moves_the_dialogues_that_are_made_with_it(plan, house, file, expected):
    def places():
        it, models = plan(), ("gommir", "gommir_sl", "ege", "dm")
        runs = {model: Run("gommir", "shoes", model, 1) for model in models}
        weights = {model: it.weights(run).path for model, run in runs.items()}
        return weights | {"encoded": it.data(runs["dm"])["grid"]}

    before = places()
    house(file, "changed = True")
    assert moved(before, places()) == expected


def test_a_comment_moves_nothing(plan, house):
    before = places(plan)
    house("models/sequential/smorl.py", "# why")
    assert moved(before, places(plan)) == set()


def test_code_of_a_report_moves_its_exhibits(plan, house):
    before = plan().exhibit(STUDY, "table_4_3").key
    house("models/blocks.py", "changed = True")
    between = plan().exhibit(STUDY, "table_4_3").key
    house("report/tables.py", "changed = True")
    assert len({before, between, plan().exhibit(STUDY, "table_4_3").key}) == 3


def changed_places(plan, change, model="smorl"):
    it = plan()
    change(it)
    run = Run(STUDY, DATASET, model, 1)
    return {
        "run": it.weights(it.trained(run)).path,
        "lists": it.lists(run).path,
        "scores": it.scores(run).path,
    }


def model_of(it, name):
    return it.studies[STUDY]["models"][name]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda it: model_of(it, "smorl").update(q_weight=0.5), ALL),
        (lambda it: model_of(it, "smorl").update(backbone={"class": "backbones.caser.Caser"}), ALL),
        (lambda it: it.tier["studies"][STUDY]["training"].update(epochs=3), ALL),
        (
            lambda it: model_of(it, "gru4rec").update(
                backbone={"class": "backbones.gru4rec.GRU4Rec"}
            ),
            ALL,
        ),
        (lambda it: it.tier.update(split_seed=2), ALL),
        (
            lambda it: it.studies[STUDY]["datasets"]["rc15"]["prepare"].update(
                min_session_events=4
            ),
            ALL,
        ),
        (
            lambda it: it.tier["studies"][STUDY]["datasets"]["rc15"]["sizes"].update(sessions=301),
            ALL,
        ),
        (lambda it: it.studies[STUDY]["evaluation"].update(top_k=30), {"lists", "scores"}),
        (lambda it: it.studies[STUDY]["evaluation"].update(cutoffs=[5]), {"scores"}),
        (lambda it: it.studies[STUDY]["evaluation"].update(item_vectors="caser"), {"scores"}),
        (lambda it: model_of(it, "smorl").update(label="S"), set()),
        (lambda it: model_of(it, "sqn").update(discount=0.1), set()),
        (lambda it: it.tier["studies"][STUDY]["models"]["smonac"].update(warm_up=9), set()),
        (lambda it: it.studies[STUDY]["tables"].pop("table_4_4"), set()),
        (
            lambda it: it.studies[STUDY]["datasets"]["lfm1b"]["prepare"].update(min_item_events=4),
            set(),
        ),
    ],
    ids=[
        *("model", "backbone", "training", "vectors' run", "split seed", "filter", "world"),
        *("length of lists", "cut-offs", "judge", "label", "another model", "its tier"),
        *("a table", "another data set"),
    ],
)
def test_settings_move_just_what_is_made_with_them(plan, change, expected):
    assert moved(places(plan), changed_places(plan, change)) == expected


def test_how_it_is_asked_moves_its_weights_too_where_validation_asks_so(plan):
    """Early stopping scores with the study's own inference settings; an override in a name does not."""
    before = places(plan, model="modt4r")

    def change(it):
        inference = model_of(it, "modt4r")["inference"]
        model_of(it, "modt4r")["inference"] = inference | {"alpha": 0.3}

    assert moved(before, changed_places(plan, change, model="modt4r")) == ALL
    assert moved(before, places(plan, model="modt4r,alpha=0.3")) == {"lists", "scores"}
