"""Every table and figure of every study has a recipe in every tier; a wrong setting stops before anything runs."""

import pytest
import yaml

from recloop.plan import Plan, folders
from recloop.storage.settings import SettingsError

CONFIG = {
    "tier": "full",
    "studies": "all",
    "datasets": None,
    "seeds": None,
    "device": "cpu",
    "mirror": None,
    "twin": None,
}


def test_dry_run(untouched):
    """The largest tier; tests of `built` run what no other tier has, encoders and users that the workflow trains."""
    untouched.settings = ["--config", "tier=full", "seeds=[4]"]  # one of five: faster
    before = (untouched.root / "tiers/full.yaml").read_text()
    fewer = before.replace(
        "runs_per_job: 1", "runs_per_job: 100"
    )  # jobs: Snakemake takes long with thousands
    untouched.edit("tiers/full.yaml", lambda text: fewer)
    plan = untouched.plan()
    untouched.edit("tiers/full.yaml", lambda text: before)
    for path in (untouched.root / "studies").iterdir():
        study = yaml.safe_load((path / "exhibits.yaml").read_text())
        kinds = {"table": study["tables"], "figure": study["figures"]}
        wanted = {
            f"{kind} {name} of {path.name}" for kind, names in kinds.items() for name in names
        }
        assert wanted | {f"claims of {path.name}", f"page of {path.name}"} <= plan
    trained = {job for job in plan if job.startswith("train ")}
    assert trained
    assert all(job.endswith("seed 4") for job in trained)


@pytest.mark.parametrize("tier", ["laptop", "real", "full"])
def test_every_seed_of_a_tier_is_trained(tier):
    plan = Plan(CONFIG | {"tier": tier})
    seeds = yaml.safe_load((folders.ROOT / f"tiers/{tier}.yaml").read_text())["seeds"]
    for study in plan.studies:
        assert {plan.trained(run).seed for run in plan.study_runs(study)} == set(seeds)


# Studies whose data, or some of them, are not public, and what plays them.
# No longer given away, at no known address as plain text, or read by smaller networks of ours alone.
ABSENT = {
    "pdit_gim": {"lfm", "industry_own"},
    "ssrl": {"yoochoose1_64"},
    "iisan": {"scientific_own"},
}
GIVEN_AWAY = {"transrec": "NineRec", "gaze": "public reading"}


def test_every_dataset_of_the_full_tier_is_the_papers_own():
    plan = Plan(CONFIG)
    for study, paper in plan.studies.items():
        absent = plan.here(study).get("absent", {})
        assert set(absent) == ABSENT.get(study, set())
        assert plan.datasets(study) == [name for name in paper["datasets"] if name not in absent]
        for name in plan.datasets(study):
            stand_in = plan.recipe(study, name)["stand_in"]
            assert not stand_in or GIVEN_AWAY[study] in stand_in


def test_command_line_lists(untouched):
    """Snakemake hands lists of the command line over as text."""
    untouched.settings = ["--config", "tier=smoke", "seeds=[4]", "datasets=[lfm1b]", "mirror=null"]
    plan = untouched.plan("results/modt4r/table_4_4.md")
    assert "train modt4r on shop_plays-for-lfm1b, seed 4" in plan


def test_wrong_command_line_stops(untouched):
    stopped = untouched.call("snakemake", "--dry-run", "--config", "seed=1")
    assert stopped.returncode != 0
    assert "unknown key 'seed'; did you mean 'seeds'?" in stopped.stdout
    assert "Traceback" not in stopped.stdout


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"mirrors": None}, "unknown key 'mirrors'; did you mean 'mirror'?"),
        ({"tier": "labtop"}, "'labtop' is not allowed; did you mean 'laptop'?"),
        ({"datasets": ["rc51"]}, "unknown 'rc51'; did you mean 'rc15'?"),
        (
            {"studies": ["modt4"]},
            "studies: there is no 'modt4'; did you mean 'modt4r'?",
        ),
    ],
)
def test_wrong_config_stops(change, says):
    with pytest.raises(SettingsError) as stopped:
        Plan(CONFIG | change)
    assert says in str(stopped.value)


ENTRY = {"kind": "grid", "caption": "One", "source": "ours"}
CASES = {
    "unknown key of a tier": ("tiers/full.yaml", {"seed": [1]}, "did you mean 'seeds'?"),
    "unknown key of a study": (
        "studies/modt4r/paper.yaml",
        {"modles": {}},
        "did you mean 'models'?",
    ),
    "number as text": (
        "studies/modt4r/paper.yaml",
        {"training": {"loop": "supervised", "length": 10, "clip_norm": "1e-3"}},
        "'1e-3' is text to YAML, not a number; write 0.001",
    ),
    "number as text in a list": (
        "studies/modt4r/tiers.yaml",
        {"full": {"datasets": {}, "training": {"learning_rate": ["1e-3"]}}},
        "training.learning_rate.0: '1e-3' is text to YAML",
    ),
    "number as text, deep down": (
        "studies/modt4r/paper.yaml",
        {"models": {"a": {"class": "b.C", "backbone": {"dropout": {"rc15": "1e-3"}}}}},
        "models.a.backbone.dropout.rc15: '1e-3' is text to YAML",
    ),
    "unknown override": (
        "studies/modt4r/exhibits.yaml",
        {"figures": {"figure_1": ENTRY | {"models": ["modt4r,alhpa=0.5"]}}},
        "overrides 'alhpa', which it has not; did you mean 'alpha'?",
    ),
    "override of the wrong kind": (
        "studies/modt4r/exhibits.yaml",
        {"figures": {"figure_1": ENTRY | {"models": ["modt4r,alpha=high"]}}},
        "alpha=high does not go with the study's alpha: 1.0",
    ),
    "unknown model": (
        "studies/modt4r/exhibits.yaml",
        {"tables": {"table_1": ENTRY | {"models": ["sasrek"]}}},
        "did you mean 'sasrec'?",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_wrong_file_stops(untouched, monkeypatch, case):
    path, change, says = CASES[case]
    file = untouched.root / path
    before = file.read_text()
    file.write_text(yaml.safe_dump(yaml.safe_load(before) | change))
    monkeypatch.setattr(folders, "ROOT", untouched.root)
    try:
        with pytest.raises(SettingsError) as stopped:
            plan = Plan(CONFIG)
            [plan.scores(run) for run in plan.study_runs("modt4r")]
    finally:
        file.write_text(before)
    assert says in str(stopped.value)
