"""A study whose task asks for texts, a language model of ours and what it reads: rules make all three, once."""

import json

import pytest

from recloop.features.cache import Features

TASK = '''
"""Sessions of items whose titles a language model reads."""

from recloop.plan import language_models as lm
from recloop.tasks import sequences
from recloop.tasks.sequences import *

SETTINGS = {"pretrain": {"dim": 32, "layers": 1, "heads": 2, "vocabulary": 300, "epochs": 15,
                         "batch_tokens": 128, "patience": 20, "learning_rate": 0.01, "warm_up": 10}}


def data(plan, run):
    source = plan.recipe(run.study, run.dataset)["source"]
    texts = lm.corpus(source, sequences.tables(plan, run.study, run.dataset))
    model = lm.language_model("small", SETTINGS, 1, texts)
    return sequences.data(plan, run) | {"states": lm.states("small", SETTINGS, texts, model)}
'''


@pytest.fixture
def project(untouched, tmp_path):
    """A copy of the project with a task of the user's own for one study."""
    package, root = tmp_path / "packages/reading", tmp_path / "project"
    package.mkdir(parents=True)
    root.mkdir()
    (package / "__init__.py").write_text('"""A user\'s own."""\n')
    (package / "task.py").write_text(TASK)
    settings = ["--config", "tier=smoke", "seeds=[1]", "device=cpu", "studies=[modt4r]"]
    settings += ["datasets=[retailrocket]", "--cores", "1"]
    project = type(untouched)(root, settings, package.parent)
    own = "studies/modt4r/paper.yaml"
    project.edit(own, lambda text: text.replace("task: sequences", "task: reading.task"))
    return project


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
