"""The next item of a session, or of a user's sessions: tables, sessions and their split."""

import functools

from recloop.data.settings import check_settings
from recloop.plan import Plan, artifacts
from recloop.plan.artifacts import Artifact
from recloop.plan.studies import Run

METRICS = "recloop.evaluation.metrics"
LANGUAGE = False
FACTS = {"items", "sequences", "item_counts", "item_vectors", "length"}
ASKED_WITH_KEYWORDS = True
check_recipe = check_settings


@functools.cache
def tables(plan: Plan, study: str, dataset: str) -> Artifact:
    """Declare the tidy tables of a source."""
    recipe = plan.recipe(study, dataset)
    return artifacts.tables(recipe["source"], recipe["manifest"])


@functools.cache
def split(plan: Plan, study: str, dataset: str) -> Artifact:
    """Declare the sessions and their split."""
    recipe = plan.recipe(study, dataset)
    settings = {part: recipe[part] for part in ("prepare", "split")}
    return Artifact(
        "sessions",
        f"data/sessions/{recipe['source']}",
        settings | {"seed": plan.tier["split_seed"]},
        {"tables": tables(plan, study, dataset)},
        ("recloop.data.prepare",),
        notes={"source": recipe["manifest"]},
    )


def data(plan: Plan, run: Run) -> dict[str, Artifact]:
    """List the artifacts below data/ that a run works with, by role."""
    return {"sessions": split(plan, run.study, run.dataset)}


def environment(plan: Plan, run: Run) -> dict:
    """Return the settings of what a model talks to: there is nobody."""
    return {}


def code(plan: Plan, run: Run) -> list[str]:
    """List the modules of the environment: none."""
    return []


def pictures(plan: Plan, study: str, dataset: str) -> None:
    """Return the artifact with pictures: there are none."""


def encoders(plan: Plan, study: str) -> dict[str, dict]:
    """Describe the encoders for a report: there are none."""
    return {}


def components(plan: Plan, study: str, dataset: str) -> dict[str, set[str]]:
    """List the encoders and simulated users of a data set: there are none."""
    return {}
