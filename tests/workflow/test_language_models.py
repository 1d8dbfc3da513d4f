"""A study whose task asks for texts, a language model of ours and what it reads: rules make all three, once."""

import json

import pytest

from recloop.features.cache import Features

TASK = '''
"""Sessions of items whose titles a language model reads."""

from recloop.plan import language_models as lm
from recloop.tasks import sequences
from recloop.tasks.sequences import *

SETTINGS = {"pretrain": {"dim": 32, "layers": 1, "heads": 2, "vocabulary": 300, "epochs": 60,
                         "batch_tokens": 128, "patience": 20, "learning_rate": 0.01, "warm_up": 10}}


def data(plan, run):
    source = plan.recipe(run.study, run.dataset)["source"]
    texts = lm.corpus(source, sequences.tables(plan, run.study, run.dataset))
    model = lm.language_model("small", SETTINGS, 1, texts)
    return sequences.data(plan, run) | {"states": lm.states("small", SETTINGS, texts, model)}
'''


@pytest.fixture
def project(untouched, tmp_path):
    """The project with a task of the user's own for one study."""
    (tmp_path / "reading").mkdir()
    (tmp_path / "reading/__init__.py").write_text('"""A user\'s own."""\n')
    (tmp_path / "reading/task.py").write_text(TASK)
    before = {name: (untouched.root / name).read_text() for name in ("studies/modt4r/paper.yaml",)}
    untouched.edit(
        "studies/modt4r/paper.yaml",
        lambda text: text.replace("task: sequences", "task: reading.task"),
    )
    untouched.packages = tmp_path
    untouched.settings = ["--config", "tier=smoke", "seeds=[1]", "device=cpu"]
    untouched.settings += ["studies=[modt4r]", "datasets=[retailrocket]", "--cores", "1"]
    yield untouched
    untouched.packages = None
    for name, text in before.items():
        (untouched.root / name).write_text(text)


def test_rules_make_texts_a_model_and_states(project):
    jobs = project.plan("shared_data")
    rules = {job.split()[0] for job in jobs}
    assert {"make_corpus", "pretrain_language_model", "write_states"} <= rules
    project.snakemake("shared_data")
    (record,) = (project.root / "data/language_models").glob("small-*/model.json")
    found = json.loads(record.read_text())["perplexity"]
    assert found["model"] < found["bigram"] < found["unigram"]
    (states,) = (project.root / "data/states").glob("*/small-*")
    (corpus,) = (project.root / "data/corpora").glob("*/corpus.json")
    assert len(Features.open(states)) == json.loads(corpus.read_text())["items"]
    assert project.plan("shared_data") == set()
