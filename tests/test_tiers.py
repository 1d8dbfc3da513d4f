"""The tiers: each study's share of the first run, thinned sweeps, and worlds with known answers."""

import pytest

from recloop.plan import folders
from recloop.plan.names import thinned

LIMIT = 18.0  # minutes of the first run without set-up: 15 for thirteen studies, as much for each of sixteen
STUDY = {
    "datasets": {},
    "models": {"m": {"a": 0.2, "b": {"x": 1}}},
    "training": {},
}


def test_shares_of_the_first_run_fit_into_its_time():
    studies = folders.find_studies("all")
    tier = folders.read_tier("quick")
    minutes = [folders.tier_of_study(folder, tier)["minutes"] for folder in studies.values()]
    assert 0 < sum(minutes) <= LIMIT


@pytest.mark.parametrize(
    ("sweep", "expected"),
    [
        ("m,a={0.0,0.2,0.4,0.6,0.8,1.0}", "m,a={0.0,0.2,1.0}"),  # its own value is trained anyway
        ("m,a={0.0,0.3,0.6,0.8,1.0}", "m,a={0.0,0.6,1.0}"),
        ("m,a={0.2,0.4,0.6,0.8,1.0}", "m,a={0.2,0.6,1.0}"),
        ("m,b={1,2,3,4}", "m,b={1,3,4}"),
        ("m,a={0.0,1.0}", "m,a={0.0,1.0}"),
        ("m,a={none,zero,shuffled,auxiliary}", "m,a={none,zero,shuffled,auxiliary}"),
        ("a caption about {1,2,3,4}", "a caption about {1,2,3,4}"),
    ],
)
def test_sweeps_keep_their_ends_and_the_study_s_own_value(sweep, expected):
    assert thinned({"models": [sweep]}, STUDY, 3) == {"models": [expected]}
    assert thinned(sweep, STUDY, None) == sweep


def test_values_that_a_tier_leaves_out_everywhere_do_not_count():
    sweep = "m,a={0.0,0.2,0.4,0.6,1.0}"
    here = {"left_out": {"one": ["m,a=1.0", "m,a=0.0"], "two": ["m,a=1.0"]}}
    assert thinned(sweep, STUDY | {"here": here}, 3) == "m,a={0.0,0.2,0.6}"
    assert thinned(sweep, STUDY | {"here": {"left_out": {"one": []}}}, 3) == "m,a={0.0,0.2,1.0}"


@pytest.fixture(scope="module")
def first(plan):
    return plan(tier="quick")


def test_every_exhibit_of_a_paper_has_something_to_show(first):
    for study in first.studies:
        for name, entry in first.exhibits(study).items():
            made = first.exhibit_runs(study, name) or first.exhibit_users(study, name)
            absent = set(entry["datasets"]).isdisjoint(first.datasets(study))
            without = entry["kind"] == "counts" or entry.get("show") == "parser"
            assert made or absent or without, (study, name)


def test_known_answers_come_in_pairs_and_stay_out_of_exhibits(first):
    for study, paper in first.studies.items():
        assert {entry["expected"] for entry in paper["known"].values()} == {"holds", "not"}
        shown = {
            run.dataset for name in first.exhibits(study) for run in first.exhibit_runs(study, name)
        }
        assert not shown & set(first.controls(study))
        asked = {run.dataset for run in first.known_runs(study)}
        assert set(first.controls(study)) <= asked


@pytest.mark.parametrize("tier", ["real", "full"])
def test_no_control_where_data_are_real(plan, tier):
    it = plan(tier=tier)
    for study in it.studies:
        assert not it.controls(study)
        assert not it.known_runs(study)


def test_a_control_has_the_settings_of_what_it_is_like(first):
    model = "gru4rec,concatenated=false"
    assert first.settings("hdt", "album_forgetful", model) == first.settings("hdt", "album", model)
    changed, own = (
        first.recipe("hdt", name)["manifest"]["sizes"] for name in ("album_forgetful", "album")
    )
    assert changed == own | {"memory": 0}


def test_a_data_set_has_no_more_seeds_than_the_tier_gives_it(own_plan):
    plan = own_plan(tier="real", studies=["ialp"], seeds=[7, 8, 9, 10, 11])
    found = {
        dataset: {run.seed for run in plan.study_runs("ialp") if run.dataset == dataset}
        for dataset in ("coat", "lfm")
    }
    assert found == {"coat": {7, 8, 9, 10, 11}, "lfm": {7, 8, 9}}
