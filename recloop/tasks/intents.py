"""The next item of a session whose moments are known, and the intents behind it: as `sequences`, judged by more."""

from recloop.plan import Plan
from recloop.plan.artifacts import Artifact
from recloop.plan.studies import Run
from recloop.tasks import sequences
from recloop.tasks.sequences import (
    ASKED_WITH_KEYWORDS,
    LANGUAGE,
    check_recipe,
    code,
    components,
    encoders,
    environment,
    pictures,
    split,
)

__all__ = [
    "ASKED_WITH_KEYWORDS",
    "LANGUAGE",
    "check_recipe",
    "code",
    "components",
    "encoders",
    "environment",
    "pictures",
    "split",
]

METRICS = "recloop.evaluation.intents"
FACTS = sequences.FACTS | {"kinds"}


def data(plan: Plan, run: Run) -> dict[str, Artifact]:
    """List the artifacts below data/ that a run works with: sessions, and raw files for the truth of a world."""
    sessions = split(plan, run.study, run.dataset)
    return {"sessions": sessions, "raw": sessions.inputs["tables"].inputs["raw"]}
