"""Every ingredient of a result is in its key, and nothing else."""

import shutil

import pytest

from recloop.plan.studies import Run
from recloop.storage import fingerprint as hashing

STUDY, DATASET = "modt4r", "rc15"


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """Copy the code once; who changes a file puts it back."""
    root = tmp_path_factory.mktemp("house")
    code, made = hashing.ROOT / "recloop", shutil.ignore_patterns("__pycache__")
    shutil.copytree(code, root / "recloop", ignore=made)
    return root


@pytest.fixture
def house(copied, monkeypatch):
    """Let the plan see a copy of the code; give a function that adds a line to one of its files."""
    before = {}
    monkeypatch.setattr(hashing, "ROOT", copied)
    hashing.fingerprint.cache_clear()

    def edit(file, line):
        path = copied / "recloop" / file
        before.setdefault(path, path.read_text())
        path.write_text(f"{before[path]}\n{line}\n")
        hashing.fingerprint.cache_clear()

    yield edit
    for path, text in before.items():
        path.write_text(text)
    hashing.fingerprint.cache_clear()


def places(plan, model="smorl", seed=1, **changes):
    """Where weights, lists and scores of a run lie."""
    return places_in(plan(studies=[STUDY], **changes), model, seed)


def places_in(it, model, seed=1):
    run = Run(STUDY, DATASET, model, seed)
    return {
        "run": it.weights(it.trained(run)).path,
        "lists": it.lists(run).path,
        "scores": it.scores(run).path,
    }


def moved(before, after):
    return {name for name in before if before[name] != after[name]}


ALL = {"run", "lists", "scores"}


def test_places_are_the_same_every_time(plan, own_plan):
    assert places(plan) == places(own_plan)


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
        ("fitting/highest.py", ALL),
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
def test_code_moves_just_what_is_made_with_it(plan, own_plan, house, file, expected):
    before = places(plan)  # as in the copy, which says the same
    house(file, "changed = True")
    assert moved(before, places(own_plan)) == expected


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("models/dialogue/gommir.py", {"gommir", "gommir_sl"}),
        ("simulators/show_attend_tell.py", {"gommir", "gommir_sl", "ege", "dm"}),
        ("models/decision/modt4r.py", set()),
    ],
)
def test_code_moves_the_dialogues_that_are_made_with_it(plan, own_plan, house, file, expected):
    def places(plan):
        it, models = plan(studies=["gommir"]), ("gommir", "gommir_sl", "ege", "dm")
        runs = {model: Run("gommir", "shoes", model, 1) for model in models}
        weights = {model: it.weights(run).path for model, run in runs.items()}
        return weights | {"encoded": it.data(runs["dm"])["grid"]}

    before = places(plan)
    house(file, "changed = True")
    assert moved(before, places(own_plan)) == expected


def test_a_comment_moves_nothing(plan, own_plan, house):
    before = places(plan)
    house("models/sequential/smorl.py", "# why")
    assert moved(before, places(own_plan)) == set()


def test_code_of_a_report_moves_its_exhibits(own_plan, house):
    before = own_plan(studies=[STUDY]).exhibit(STUDY, "table_4_3").key
    house("models/blocks.py", "changed = True")
    between = own_plan(studies=[STUDY]).exhibit(STUDY, "table_4_3").key
    house("report/tables.py", "changed = True")
    after = own_plan(studies=[STUDY]).exhibit(STUDY, "table_4_3").key
    assert len({before, between, after}) == 3


def changed_places(own_plan, change, model="smorl"):
    it = own_plan(studies=[STUDY])
    change(it)
    return places_in(it, model)


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
def test_settings_move_just_what_is_made_with_them(plan, own_plan, change, expected):
    assert moved(places(plan), changed_places(own_plan, change)) == expected


def test_how_it_is_asked_moves_its_weights_too_where_validation_asks_so(plan, own_plan):
    """Early stopping scores with the study's own inference settings; an override in a name does not."""
    before = places(plan, model="modt4r")

    def change(it):
        inference = model_of(it, "modt4r")["inference"]
        model_of(it, "modt4r")["inference"] = inference | {"alpha": 0.3}

    assert moved(before, changed_places(own_plan, change, model="modt4r")) == ALL
    assert moved(before, places(plan, model="modt4r,alpha=0.3")) == {"lists", "scores"}
