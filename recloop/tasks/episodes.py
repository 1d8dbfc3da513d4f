"""A user who is shown item after item and rates each until bored: ratings, and the environment that they make."""

from recloop.plan import Plan
from recloop.plan.artifacts import Artifact
from recloop.plan.studies import Run
from recloop.tasks import sequences
from recloop.tasks.sequences import check_recipe, encoders, pictures, split

__all__ = [
    "ASKED_WITH_KEYWORDS",
    "FACTS",
    "LANGUAGE",
    "METRICS",
    "check_recipe",
    "code",
    "components",
    "data",
    "encoders",
    "environment",
    "pictures",
    "split",
]

METRICS = "recloop.evaluation.episodes"
LANGUAGE = False
FACTS = {"items", "length"}
ASKED_WITH_KEYWORDS = False
PLANS = ("label",)  # what of an environment is the plan's, not its own


def data(plan: Plan, run: Run) -> dict[str, Artifact]:
    """List the artifacts below data/ that a run works with: users in parts, and the tables with their ratings."""
    found = split(plan, run.study, run.dataset)
    return {"sessions": found, "tables": sequences.tables(plan, run.study, run.dataset)}


def environments(plan: Plan, run: Run) -> dict[str, str]:
    """Name the environments of a run: the one that it learns in, and the one that it is judged in."""
    settings = plan.settings(run.study, run.dataset, run.model)
    learns = settings["training"]["environment"]
    return {"environment": learns, "played_in": settings["inference"]["played_in"] or learns}


def environment(plan: Plan, run: Run) -> dict:
    """Return the settings of the environments that an agent acts in."""
    named = environments(plan, run).items()
    found = {role: plan.component(run.study, "simulators", name) for role, name in named}
    return {
        role: {key: value for key, value in settings.items() if key not in PLANS}
        for role, settings in found.items()
    }


def code(plan: Plan, run: Run) -> list[str]:
    """List the modules of the environments."""
    found = environment(plan, run).values()
    return sorted({f"recloop.simulators.{one['class'].rpartition('.')[0]}" for one in found})


def components(plan: Plan, study: str, dataset: str) -> dict[str, set[str]]:
    """List the environments of a data set."""
    runs = (run for run in plan.all_runs(study) if run.dataset == dataset)
    return {"simulators": {name for run in runs for name in environments(plan, run).values()}}
