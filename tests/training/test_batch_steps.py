"""Several runs in one job: what each step makes, and what a kill leaves."""

import json
from pathlib import Path

import pytest

from recloop.training import batch

MADE = {
    "train": {"run", "lists", "scores"},
    "rank": {"lists", "scores"},
    "list": {"lists"},
    "evaluate": {"scores"},
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Work in an empty folder, where training, ranking and scoring write one word each."""
    monkeypatch.chdir(tmp_path)

    def train(output, **given):
        output.mkdir()
        (output / "weights.safetensors").write_text("new")
        (output / "run.json").write_text("new")

    monkeypatch.setattr(batch, "train", train)
    monkeypatch.setattr(batch, "rank_test", lambda output, **given: output.write_text("new"))
    monkeypatch.setattr(batch, "score", lambda output, **given: output.write_text("new"))


def task(step, name="a"):
    """Describe one task as the plan does."""
    given = {"data": {}, "settings": {}, "identity": {}, "needs": {}, "top_k": 10}
    judged = {"split": "split", "identity": {}, "evaluation": {}, "metrics": "m"}
    place = Path(name)
    asked = {
        "lists": str(place / "lists"),
        "scores": str(place / "scores"),
        "rank": given,
        "evaluate": judged,
    }
    return {
        "step": step,
        "key": f"{step}-{name}",
        "checkpoints": name,
        "weights": str(place / "run"),
        "train": given,
        "asked": [asked],
    }


def work(*tasks):
    Path("batch.json").write_text(json.dumps(tasks))
    batch.work(Path("batch.json"))


@pytest.mark.parametrize("step", MADE)
def test_a_step_makes_what_it_says_and_leaves_the_rest(step):
    Path("a/run").mkdir(parents=True)
    old = [Path("a/run/weights.safetensors"), Path("a/lists"), Path("a/scores")]
    for file in old:
        file.write_text("old")
    work(task(step))
    parts = dict(zip(("run", "lists", "scores"), old, strict=True))
    assert {part for part, file in parts.items() if file.read_text() == "new"} == MADE[step]


def test_what_was_killed_while_it_was_put_into_place_goes_on(monkeypatch):
    published = []

    def killed(one):
        published.append(one)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(batch, "publish", killed)
        with pytest.raises(KeyboardInterrupt):
            work(task("list"), task("list", "b"))
    assert len(published) == 1
    work(task("list"), task("list", "b"))
    assert Path("b/lists").read_text() == "new" and not Path("b/scores").exists()
    assert not any(batch.ASIDE.iterdir())
