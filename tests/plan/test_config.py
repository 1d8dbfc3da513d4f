"""Configs, tiers and studies that are wrong are explained; a plan is what they ask for."""

from pathlib import Path

import pytest

from recloop.plan.studies import Run
from recloop.storage.settings import SettingsError, check, read_settings

STUDY, DATASET = "modt4r", "rc15"


def test_an_unknown_key_stops_with_the_nearest_name(plan):
    with pytest.raises(SettingsError, match=r"config\.yaml: .*'teir'; did you mean 'tier'\?"):
        plan(teir="smoke")


def test_a_number_that_yaml_takes_for_text_is_caught(tmp_path):
    path = tmp_path / "tiers.yaml"
    text = (Path(__file__).parents[2] / "studies/modt4r/tiers.yaml").read_text()
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
