"""Every wrong setting is one clear sentence before the first job, with the nearest valid name."""

import copy
import functools
import re
from pathlib import Path

import pytest

from recloop.plan.values import stop_at_missing
from recloop.storage import settings
from recloop.storage.fingerprint import ROOT

PAPER, TIERS = "studies/modt4r/paper.yaml", "studies/modt4r/tiers.yaml"
EXHIBITS, CLAIMS = "studies/modt4r/exhibits.yaml", "studies/modt4r/claims.yaml"
TALKS, TALK_TIERS = "studies/gommir/paper.yaml", "studies/gommir/tiers.yaml"
USERS = "studies/hdt/paper.yaml"
REWARDS = "studies/gaze/paper.yaml"
LOGS, NONE = "studies/offline_tir/tiers.yaml", "templates: 100, tried: null"
BEYOND = "tiers/smoke.yaml"
VIEWS = "retailrocket: {source: shop_views,"  # of the smoke tier
WEEK = "period: null, order: [items, sessions]"
PREPARE = f"{VIEWS} prepare: "
SPLIT = f"{VIEWS} split: "


untouched = functools.cache(settings.read_settings)


@pytest.fixture
def planned(monkeypatch, own_plan):
    """Give a function that plans and checks with another text in place of one in a file of settings."""
    from recloop.plan import folders
    from recloop.plan.checks import check_plan

    def check(file: str, old: str, new: str, **config) -> None:
        def reads(path: Path, schema: str) -> dict:
            if Path(path) != ROOT / file:
                return copy.deepcopy(untouched(path, schema))
            text = Path(path).read_text(encoding="utf-8")
            assert old in text, f"{file} has no {old!r}"
            content = settings.parse(text.replace(old, new, 1), file)
            settings.check(content, schema, file)
            return content

        monkeypatch.setattr(folders, "read_settings", reads)
        study = file.split("/")[1] if file.startswith("studies/") else "modt4r"
        check_plan(own_plan(**({"studies": [study]} | config)))

    return check


WRONG = [
    # -- names in a tier
    (BEYOND, "threads:", "studies: {modtr4: {}}\nthreads:", "'modtr4'; did you mean 'modt4r'?"),
    (BEYOND, "threads:", "threds: 1\nthreads:", "'threds'; did you mean 'threads'?"),
    (TIERS, "smoke:", "smok:", "'smok'; did you mean 'smoke'?"),
    (TIERS, "smoke:", "smoke:\n  most_seeds: {rc51: 2}", "'rc51'; did you mean 'rc15'?"),
    (TIERS, "smoke:", "smoke:\n  most_seeds: {rc15: 0}", "smoke.most_seeds.rc15: 0 is too small, expected 1 or more"),
    (TIERS, "smoke:", "smoke:\n  most_seeds: {rc15: {caser: 0}}", "most_seeds.rc15.caser: 0 is too small"),
    (TIERS, "retailrocket: {", "retailrockt: {", "'retailrockt'; did you mean 'retailrocket'?"),
    (TIERS, "smonac:", "smonak:", "'smonak'; did you mean 'smonac'?"),
    (TIERS, "{warm_up: 5}", "{warm_upp: 5}", "'warm_upp'; did you mean 'warm_up'?"),
    (TIERS, "epochs: 2", "epoch: 2", "'epoch'; did you mean 'epochs'?"),
    (TIERS, "  models:", "  models:\n    \"smono*\": {warm_up: 5}", "'smono*'; did you mean 'smonac'?"),
    (TIERS, "  models:", "  every_model: {dimm: 8}\n  models:", "'dimm'; did you mean 'dim'?"),
    (TIERS, "  models:", "  absent: {lfm2b: x}\n  models:", "'lfm2b'; did you mean 'lfm1b'?"),
    (TIERS, "  models:", "  absent: {lfm1b: x}\n  models:", "absent and yet among the datasets"),
    (TIERS, "  models:", "  says_nothing: {table_4_33: x}\n  models:", "did you mean 'table_4_3'?"),
    (TIERS, "sessions: 300", "sesions: 300", "'sesions'; did you mean 'sessions'?"),
    (TIERS, "items: 120", "items: -5", "sizes.items: -5 is too small, expected 2 or more"),
    (TIERS, "items: 120", "items: 12.5", "sizes.items: 12.5 is not of type 'integer'"),
    (TIERS, "source: shop_clicks", "source: shop_click", "did you mean 'shop_clicks'?"),
    (TIERS, "period: null", "period: [2012-06-01, 2012-06-08]", 'write "2012-06-01" in quotes'),
    (BEYOND, "seeds: [1]", "seeds: [1.0]", "seeds.0: 1.0 is no whole number; write 1"),
    (TALK_TIERS, "resnet101: {class", "resnet102: {klass", "did you mean 'resnet101'?"),
    # -- training
    (TIERS, "epochs: 2", "epochs: 0", "epochs: 0 is too small, expected 1 or more"),
    (TIERS, "epochs: 2", "epochs: 2\n    epochs: 3", "the key 'epochs' stands in line"),
    (TIERS, "epochs: 2", "batch_size: 0", "batch_size: 0 is too small, expected 1 or more"),
    (TIERS, "epochs: 2", "batch_size: -5", "batch_size: -5 is too small"),
    (TIERS, "epochs: 2", "batch_size: 2.5", "batch_size: 2.5 is not of type 'integer'"),
    (TIERS, "epochs: 2", "clip_norm: -1", "clip_norm: -1 is too small, expected more than 0"),
    (TIERS, "epochs: 2", "clip_norm: .inf", ".inf is not a finite number"),
    (TIERS, "[0.005]", "[-0.005]", "learning_rate.0: -0.005 is too small, expected more than 0"),
    (TIERS, "[0.005]", "[]", "learning_rate: [] has too few values"),
    (TIERS, "[0.005]", "0.005", "learning_rate: 0.005 is not of type 'array'"),
    (TIERS, "[0.005]", "[5e-3]", "'5e-3' is text to YAML, not a number; write 0.005"),
    (TIERS, "patience: 2", "patience: 0", "patience: 0 is too small"),
    (TIERS, "validation_events: 100", "validation_events: 0", "validation_events: 0 is too small"),
    (TIERS, "epochs: 2", "draws: pases", "draws: 'pases' is not allowed; did you mean 'passes'?"),
    (TIERS, "epochs: 2", "epochs: {rc16: 3}", "epochs has values for rc16 and none for supervised"),
    (PAPER, "  length: 10", "  lenght: 10", "'lenght'; did you mean 'length'?"),
    (PAPER, "loop: supervised", "loop: supervisd", "no 'supervisd'; did you mean 'supervised'?"),
    (PAPER, "loop: supervised", "loop: mine.loops.one", "no module 'mine.loops.one'"),
    (TALKS, "stage: pretrain", "stage: pretain", "'pretain'; did you mean 'pretrain'?"),
    (TALKS, "weight_decay: 0.00000001", "weight_decay: -1", "weight_decay: -1 is too small"),
    (USERS, "  loop: users", "  exclude_seen: true\n  loop: users", "exclude_seen: true is not allowed"),
    (TALKS, "clip: 0.1", "clip: 0", "show_attend_tell: training: clip: 0 is too small"),
    (LOGS, NONE, "templates: 100, tried: alfa", "training.tried: unknown 'alfa'"),
    (LOGS, NONE, "templates: 100, tried: learning_rate",
     "tried='learning_rate' needs tried_values and tuning_epochs"),
    # -- processes
    (TIERS, "epochs: 2", "processes: 2\n    epochs: 2", "processes=2: the batches of this training depend"),
    (TALKS, "clip: 0.1", "processes: 2\n      clip: 0.1", "processes=2: the batches of this training depend"),
    (REWARDS, "accumulate: 1 ", "processes: 2 ", "processes=2: an update has 1 batches (accumulate)"),
    # -- models
    (PAPER, "sequential.sqn.SQN", "sequential.sqn.SQM", "did you mean 'SQN'?"),
    (PAPER, "sequential.sqn.SQN", "sequential.sqm.SQN", "did you mean 'sequential.sqn'?"),
    (PAPER, "click_reward: 1.0", "clik_reward: 1.0", "SQN: unknown 'clik_reward'; did you mean"),
    (PAPER, "heads: 1, dropout", "haeds: 1, dropout", "backbone: SASRec: unknown 'haeds'; did you"),
    (PAPER, "horizon: 1.0 ", "horizon: 1.0\n        horizn: 1.0 ", "desired: Desired: unknown 'horizn'; did you mean"),
    (PAPER, "    item_loss: true", "    items: 5\n    item_loss: true", "MODT4R: unknown 'items'"),
    (PAPER, "{rc15: 0.6, retailrocket: 0.8, lfm1b: 0.0, default: 0.6}", "{rc15: 0.6, retailrocket: 0.8}",
     "return_loss has values for rc15, retailrocket and none for lfm1b"),
    # -- prepare and split
    (TIERS, VIEWS, PREPARE + "{min_item_event: 3},", "did you mean 'min_item_events'?"),
    (TIERS, VIEWS, PREPARE + "{order: [sample], min_item_events: 1, min_session_events: 1, "
     "sample_sessions: -5},", "sample_sessions is -5, expected a whole number (at least 1)"),
    (TIERS, VIEWS, PREPARE + "{sessions: {by: gap, gap_minutes: -1}},", "gap_minutes is -1, expected a number"),
    (TIERS, VIEWS, PREPARE + "{sessions: {by: gap, gap_minutes: 0}},", "gap_minutes is 0, expected a number"),
    (TIERS, VIEWS, PREPARE + "{sessions: {by: gap}},", "gap_minutes is missing, expected a number"),
    (TIERS, VIEWS, PREPARE + "{sessions: {by: count, events: 2.5}},", "events is 2.5, expected a whole"),
    (TIERS, VIEWS, PREPARE + "{sessions: {by: user, last: 0}},", "last is 0, expected a whole number"),
    (TIERS, VIEWS, PREPARE + "{sessions: {by: usr}},", "'usr'; did you mean 'user'?"),
    (TIERS, VIEWS, PREPARE + "{events: [veiw]},", "'veiw'; did you mean 'view'?"),
    (TIERS, WEEK, 'period: ["2012-06-08", "2012-06-01"], order: [period, items, sessions]',
     "expected two dates as text, the earlier one first"),
    (TIERS, WEEK, "period: [june, july], order: [period, items, sessions]", "expected two dates as text"),
    (TIERS, VIEWS, SPLIT + "{by: leave_one_out, shares: [7, 7, 7]},", "shares is [7, 7, 7], expected three that sum"),
    (TIERS, VIEWS, SPLIT + "{by: leave_one_out, shares: [0.8, 0.1, 0.1]},", "shares does nothing"),
    (TIERS, VIEWS, SPLIT + "{shares: [0.8, 0.1, 0.2]},", "expected three that sum to 1"),
    (TIERS, VIEWS, SPLIT + "{by: leave_one},", "did you mean 'leave_one_out'?"),
    (TALK_TIERS, "train: 80,", "train: null,", "train has none"),
    (TALK_TIERS, "by: grammar", "by: gramar", "'gramar'; did you mean 'grammar'?"),
    # -- dialogues
    (TALKS, "  turns: 10  ", "  turns: 0  ", "turns: 0 is too small"),
    (TALKS, "  likes: fixed", "  likes: fixd", "'fixd' is not allowed; did you mean 'fixed'?"),
    (TALKS, "  encoder: clip_rn101", "  encoder: clip_rn10", "did you mean 'clip_rn101'?"),
    (TALKS, "heard: null", "heard: attribute", "did you mean 'attributes'?"),
    (TALKS, "likes_by: null", "likes_by: attribute", "'attribute' is not allowed; did you mean 'attributes'?"),
    (TALKS, "likes_noise: 0.0", "likes_noise: 1.5", "likes_noise: 1.5 is too large"),
    # -- exhibits and claims
    (EXHIBITS, "models: [sasrec,", "models: [sasrek,", "no model 'sasrek'; did you mean 'sasrec'?"),
    (EXHIBITS, "datasets: [rc15,", "datasets: [rc51,", "'rc51'; did you mean 'rc15'?"),
    (EXHIBITS, '"HR@10"', '"HT@10"', "table_4_3: no metric 'HT'; allowed: "),
    (EXHIBITS, '"HR@10"', '"HR_purchse@10"', "'purchse'; did you mean 'purchase'?"),
    (EXHIBITS, "kind: grid", "kind: gird", "'gird'; did you mean 'grid'?"),
    (CLAIMS, "kind: ordering", "kind: order", "'order' is not allowed; did you mean 'ordering'?"),
    (CLAIMS, "than: [", "then: [", "unknown key 'then'; did you mean 'than'?"),
    (EXHIBITS, '"HR@10"', '"HR@11"', "'HR@11': 11 is none of the cutoffs [5, 10, 20]"),
    (EXHIBITS, "alpha={0.0", "alfa={0.0", "overrides 'alfa', which it has not; did you mean"),
    (CLAIMS, "datasets: [", "datasets: [rc51, ", "'rc51'; did you mean 'rc15'?"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "old", "new", "message"), WRONG, ids=[re.sub(r"\W+", "_", case[2]) for case in WRONG]
)
def test_a_wrong_setting_is_one_sentence_before_the_first_job(planned, file, old, new, message):
    with pytest.raises(settings.SettingsError) as error:
        planned(file, old, new)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_judge_without_a_word_for_a_data_set_is_refused(planned):
    """A tier's values by data set take the place of the study's: what it leaves out would be nobody's."""
    known = "attributes: {coat: [color, jackettype], lfm"
    with pytest.raises(settings.SettingsError) as error:
        planned("studies/ialp/tiers.yaml", known, "attributes: {lfm", studies=["ialp"], tier="real")
    assert str(error.value) == (
        "tier real, ialp: simulators.judge: attributes has values for lfm, industry and none for coat; add one, or "
        "`default`"
    )


def test_a_part_of_a_model_without_a_value_for_a_data_set_is_refused():
    part = {"class": "backbones.sasrec.SASRec", "dropout": {"rc15": 0.1}}
    with pytest.raises(
        settings.SettingsError, match="dropout has values for rc15 and none for lfm"
    ):
        stop_at_missing({"backbone": part}, "lfm", ["rc15", "lfm"], "here")
    stop_at_missing(
        {"backbone": part | {"dropout": 0.1}, "learnt": {"x": 1}}, "lfm", ["lfm"], "here"
    )


def test_settings_as_they_are_pass(planned):
    planned(TIERS, "smoke:", "smoke:", studies="all")


def test_a_data_set_that_a_tier_has_not_is_no_empty_report(planned):
    with pytest.raises(settings.SettingsError, match="the tier smoke has nothing for 'jdata'"):
        planned("studies/ssrl/tiers.yaml", "smoke:", "smoke:", datasets=["jdata"])


def test_a_declared_default_stands_in_where_no_value_is_given(planned, own_plan):
    planned(
        PAPER,
        "{rc15: 0.6, retailrocket: 0.8, lfm1b: 0.0, default: 0.6}",
        "{rc15: 0.6, default: 0.5}",
    )
    it = own_plan(studies=["modt4r"])
    values = [
        it.settings("modt4r", name, "modt4r")["model"]["return_loss"] for name in ("rc15", "lfm1b")
    ]
    assert values == [0.6, 0.5]


def test_a_mirror_that_is_not_there_is_said_at_once(planned):
    with pytest.raises(settings.SettingsError, match="mirror: there is no folder /nowhere"):
        planned(TIERS, "smoke:", "smoke:", mirror="/nowhere")


@pytest.mark.parametrize(
    ("given", "value"),
    [
        (["1", "2"], [1, 2]),
        (["1.0"], [1.0]),
        ("null", None),
        ("None", None),
        ("a: b", "a: b"),
        ("2012-06-01", "2012-06-01"),
        ("/data/my mirror", "/data/my mirror"),
        (["rc15"], ["rc15"]),
    ],
)
def test_the_command_line_gives_values_of_their_kind(given, value):
    from recloop.plan.config import typed

    assert repr(typed(given)) == repr(value)


def test_a_config_file_is_read_strictly_and_keeps_its_kinds(tmp_path):
    from recloop.plan.config import read_config

    file = tmp_path / "config.yaml"
    file.write_text('mirror: "2012"\nseeds: null\n')
    assert read_config({"mirror": "2012", "seeds": ["1"]}, [str(file)]) == {
        "mirror": "2012",
        "seeds": [1],
    }
    file.write_text("seeds: null\nseeds: [1]\n")
    with pytest.raises(settings.SettingsError, match="line 2: the key 'seeds' stands in line 1"):
        read_config({"seeds": [1]}, [str(file)])


def test_names_read_off_the_source_are_those_of_the_code():
    from recloop.evaluation import claims, filters, records
    from recloop.plan import vocabulary

    known = {name for name in records.METRICS if not name.startswith("NDCG@")}
    assert set(vocabulary.metric_names()) == known
    assert set(vocabulary.filter_names()) == set(filters.KNOWN)
    schema = settings.load_schema("claims")["$defs"]["check"]["properties"]
    assert schema["kind"]["enum"] == list(claims.KINDS)
