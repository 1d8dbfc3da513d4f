"""Known answers by trained models: what a world plants is found, and not where it is taken away."""

from pathlib import Path

import polars as pl
import pytest

from recloop.data.prepare import prepare
from recloop.data.read import read
from recloop.data.sources import fetch
from recloop.evaluation.run import score
from recloop.report.evidence import Evidence
from recloop.report.known import is_right, judge_known
from recloop.training.run import rank_test, train


@pytest.fixture(scope="module")
def first(plan):
    return plan(tier="quick", studies=["ssrl"])


@pytest.fixture(scope="module")
def judged(first, tmp_path_factory) -> pl.DataFrame:
    """Train and ask every run that the known answers of ssrl need, and judge them."""
    folder = tmp_path_factory.mktemp("known")
    runs = first.known_runs("ssrl")
    splits = {dataset: make_split(first, dataset, folder) for dataset in first.worlds("ssrl")}
    vectors = {}
    for run in dict.fromkeys(first.judge(run) for run in runs):
        vectors[run.dataset] = make_weights(first, run, splits, folder)
    saved = [make_scores(first, run, splits, vectors[run.dataset], folder) for run in runs]
    records = [split / "split.json" for split in splits.values()]
    tier = first.described_tier("ssrl")
    return judge_known(Evidence.gather(first.studies["ssrl"], tier, saved, None, records))


def make_split(plan, dataset: str, folder: Path) -> Path:
    recipe, place = plan.recipe("ssrl", dataset), folder / dataset
    fetch(recipe["manifest"], place / "raw")
    read(recipe["manifest"], place / "raw", place / "tables")
    prepare(
        place / "tables", place / "split", recipe["prepare"], recipe["split"], 1, recipe["manifest"]
    )
    return place / "split"


def make_weights(plan, run, splits, folder: Path) -> Path:
    run = plan.trained(run)
    place = folder / "runs" / run.dataset / run.model
    if not place.exists():
        data, settings = {"sessions": splits[run.dataset]}, plan.job_settings(run)
        train(data, settings, plan.identity(run) | {"key": "0" * 8}, place, folder / "side")
    return place / "weights.safetensors"


def make_scores(plan, run, splits, vectors: Path, folder: Path) -> Path:
    place = folder / "scores" / run.dataset / run.model
    data, settings = {"sessions": splits[run.dataset]}, plan.job_settings(run)
    weights, top_k = make_weights(plan, run, splits, folder), plan.evaluation(run)["top_k"]
    place.mkdir(parents=True)
    rank_test(data, weights, settings, place / "lists.parquet", top_k)
    found = place / "scores-0.parquet"
    score(
        place / "lists.parquet",
        data["sessions"],
        plan.identity(run),
        plan.evaluation(run),
        found,
        vectors,
    )
    return found


def test_what_is_planted_is_found_and_nothing_else(judged):
    found = {name: is_right(part) for (name,), part in judged.group_by("id")}
    assert found == {"rewards_matter": True, "rewards_are_noise": True}, judged


@pytest.mark.parametrize(
    ("expected", "verdict", "answer"),
    [
        ("holds", "holds", True),
        ("holds", "undecided", False),
        ("holds", "fails", False),
        ("not", "holds", False),
        ("not", "undecided", True),
        ("not", "fails", True),
        ("holds", "not run", None),
        ("not", "holds in part", None),
    ],
)
def test_a_verdict_agrees_with_what_was_planted_or_not(expected, verdict, answer):
    part = pl.DataFrame({"expected": [expected], "claim_verdict": [verdict]})
    assert is_right(part) is answer
