"""What audits ask, answered from saved files."""

import json

import pytest

from recloop.report import checklist
from recloop.report.evidence import Evidence


def run(seed, rates=(0.001, 0.003), **training):
    model = {"class": "a.B", "policy": {"negatives": 10}}
    settings = {"model": model, "training": {"learning_rate": list(rates)} | training}
    made = {"host": "2 cores", "device": "cpu", "torch": "2.13", "key": f"k{seed}{len(rates)}"}
    found = {"valid_ndcg10": 0.1, "epochs_run": 3.0 + seed, "settings": settings}
    return {"seed": seed, "not_run": None} | made | found


def answers(runs):
    rows = [*checklist.of_training(runs), *checklist.of_machines(runs)]
    return {asked: answer for asked, answer, _ in rows}


def test_trainings_are_described_as_they_were():
    found = answers([run(1), run(2)])
    assert found["search space"] == "learning rates 0.001, 0.003"
    assert found["trials in tuning"] == "2 of a learning rate for each row, the same for all"
    assert found["selection"] == "the best validation of each of 2 trainings of 4 to 5 epochs"
    later = answers([run(1), run(2) | {"head_start": 80}])["selection"]
    assert later == found["selection"] + "; of 1 after their warm-up"
    assert found["negatives in training"] == "all items, or drawn: 10"
    assert found["seeds"] == "1, 2; 2 runs"
    assert "key of each of 2 trainings" in found["code"]
    assert found["hardware"] == "2 cores, cpu, torch 2.13"


def test_a_setting_that_was_chosen_is_named():
    tuning = [{"alpha": 10.0, "valid_ndcg10": 0.1}, {"alpha": 30.0, "valid_ndcg10": 0.2}]
    tried = {"model": "offline", "tuning": tuning}
    runs = [run(seed) | tried | {"chosen": {"alpha": one}} for seed, one in ((1, 30.0), (2, 10.0))]
    said = answers([*runs, run(3) | {"chosen": {}}])["settings chosen on validation"]
    assert said == "offline: alpha 30, 10 of 10, 30"
    assert "settings chosen on validation" not in answers([run(1)])


def test_prompts_are_named_where_runs_have_some():
    asked = run(1)
    asked["settings"]["speaker"] = {"prompts": {"user": "Bought {history}.", "item": "A {title}."}}
    assert answers([asked, run(2)])["prompts"] == "2 templates: item, user"
    asked["settings"]["speaker"]["prompts"]["labels"] = ["1", "2"]  # answers, no template
    assert answers([asked, run(2)])["prompts"] == "2 templates: item, user"
    assert "prompts" not in answers([run(1)])


def test_stages_have_rates_of_their_own():
    staged = run(1)
    staged["settings"]["training"]["learning_rate"] = {"first": [0.01], "then": [0.001]}
    found = answers([staged])
    assert found["search space"] == "learning rates 0.001; or 0.01"
    assert found["trials in tuning"] == "1 of a learning rate for each row, the same for all"


def test_an_unequal_budget_and_a_choice_on_test_are_said():
    found = answers([run(1), run(1, rates=(0.01,)), run(2, chosen_on="test")])
    assert (
        found["trials in tuning"] == "1 to 2 of a learning rate for each row, not the same for all"
    )
    assert found["selection"].endswith("; 1 of a twin on the test part")


@pytest.mark.parametrize(
    ("split", "said"),
    [
        (
            {"split": {"by": "time", "shares": [0.8, 0.1, 0.1]}, "seed": 3},
            "time 0.8, 0.1, 0.1, seed 3",
        ),
        ({"split": {"by": "leave_one_out", "shares": None}}, "leave one out"),
    ],
)
def test_a_split_is_named(split, said):
    assert checklist.way(split) == said


def test_leaks_and_filters_come_from_the_split():
    split = {
        "leakage": {"identical_test_in_train": 0.0125},
        "steps": [{"step": "read", "interactions": 1200}, {"step": "items", "interactions": 900}],
    }
    assert checklist.leaks(split) == "1.2% of test sessions equal one in training"
    assert checklist.steps(split) == "read 1,200 → items 900"


def test_answers_lead_to_the_files_that_they_are_read_from():
    found = {"run.json": "runs/a/1-x/run.json", "curve.csv": "runs/a/1-x/curve.csv"}
    said = checklist.linked("run.json, `best_epoch`; curve.csv; split.json", found)
    links = "[run.json](runs/a/1-x/run.json), `best_epoch`; [curve.csv](runs/a/1-x/curve.csv)"
    assert said == f"{links}; split.json"


def test_a_language_model_is_named_to_its_commit_or_by_the_hash_of_its_making():
    published = {"settings": {"name": "org/Big", "revision": "0a1b2c"}, "place": None}
    packaged = {"settings": {"package": "llm-small"}, "place": None}
    ours = {"settings": {}, "place": "data/language_models/letters-12345678"}
    said = [checklist.version(one) for one in (published, packaged, ours)]
    assert said == ["org/Big at `0a1b2c`", "llm-small", "ours, `letters-12345678`"]
    provided = {"settings": {"provider": {"address": "http://a", "name": "big"}}, "place": None}
    assert checklist.version(provided) == "big of a provider"


def decoding(runs, **used):
    """Answer what is asked of decoding, with where it was read, of a study with some language models."""
    tier = {"tier": "none", "datasets": {}, "language_models": used}
    evidence = Evidence.gather({"tables": {}, "figures": {}}, tier, [])
    return {asked: more for asked, *more in checklist.of_decoding(evidence, runs)}


def test_decoding_is_read_from_the_settings_of_runs():
    says, asks, plain = run(1), run(2), run(3)
    says["settings"]["model"]["max_tokens"] = 24
    asks["settings"]["environment"] = {"prompts": {"user": "Bought.", "labels": ["1", "2"]}}
    plain["settings"]["training"]["labels"] = "shuffled"  # no answers to choose among
    found, where = decoding([says, asks, plain], own={})["language models, decoding"]
    assert found == "the likeliest token each time, at most 24 tokens; the likeliest of 1, 2"
    assert where == "run.json, `settings`"
    says["settings"]["model"]["temperature"] = 0.7
    (found, _), *_ = decoding([says], own={}).values()
    assert found == "drawn at temperature 0.7, at most 24 tokens"
    (found, _), *_ = decoding([plain], own={}).values()
    assert found == "nothing is said by one: no setting of it in any run"
    assert decoding([plain]) == {}  # of a study without language models


def test_what_was_told_beforehand_is_read_from_its_record(tmp_path):
    record, judge = tmp_path / "preferences.json", {"weighed": True, "users": 30}
    record.write_text(json.dumps({"judge": judge, "users": 30, "prompts": 1200}))
    found = decoding([run(1)], judge={"told": str(record)}, gone={"told": str(tmp_path / "x")})
    said = "1,200 of one template, for 30 users"
    assert found["prompts, asked beforehand"] == [said, "preferences.json, `prompts`"]
    weighed = "the letter of each candidate weighed, none said"
    assert found["language models, decoding"] == [weighed, "preferences.json, `judge`"]
    assert (
        checklist.weighed({"weighed": False, "chat": True}) == "a letter said, in the chat template"
    )
