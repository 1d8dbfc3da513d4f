"""Which trained models of dialogues lie in the results folder, by catalogue."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from recloop.live.guide import Guide
from recloop.plan import Plan
from recloop.plan.batches import arguments
from recloop.plan.names import RunName
from recloop.plan.studies import Run
from recloop.report.recorded import examples, references
from recloop.storage import checkpoint

METRICS = "recloop.evaluation.dialogue"  # of the task whose users say what they like in words of their own


class Catalogue:
    """The items of a data set of a study, and the models that were trained on it.

    Attributes:
        title: for people.
        models: printed names by name.
        first: the model that is offered first.
        openers: by model, a function that loads it.
    """

    def __init__(self, title: str):
        self.title, self.first = title, ""
        self.models: dict[str, str] = {}
        self.openers: dict[str, Callable[[], Guide]] = {}


def trained(plan: Plan) -> dict[str, Catalogue]:
    """Find every catalogue with a model that a person can talk to, by study/data set."""
    found: dict[str, Catalogue] = {}
    for study in plan.all_told():
        if plan.task(study).METRICS != METRICS:
            continue  # its recommenders know sentences of a book alone
        for run in plan.told(study):
            if not RunName.parse(run.model).overrides and is_there(plan, run):
                here = found.setdefault(f"{study}/{run.dataset}", described(plan, run))
                here.models[run.model] = plan.studies[study]["models"][run.model]["label"]
                here.openers[run.model] = opener(plan, run)
    for name, catalogue in found.items():
        proposals = [
            one for one in proposed(plan, name.partition("/")[0]) if one in catalogue.models
        ]
        catalogue.first = (proposals or list(catalogue.models))[0]
    return found


def proposed(plan: Plan, study: str) -> list[str]:
    """List what a study proposes: what the other models of its example and its tables are compared with."""
    entries = plan.exhibits(study).values()
    return [*(models[-1] for models in examples(entries)), *references(entries)]


def is_there(plan: Plan, run: Run) -> bool:
    """Check that a run was trained under the present plan, and that all it needs is at hand."""
    weights = plan.weights(plan.trained(run))
    needed = [weights, *plan.lists(run).inputs.values()]
    if not all(Path(one.record).exists() for one in needed):
        return False
    return not checkpoint.facts_of(Path(weights.record)).get("not_run")


def described(plan: Plan, run: Run) -> Catalogue:
    """Describe a catalogue without its models."""
    label = plan.studies[run.study]["datasets"][run.dataset]["label"]
    data = plan.recipe(run.study, run.dataset)
    stand_in = f" (stand-in: {data['source']})" if data["stand_in"] else ""
    return Catalogue(f"{label}{stand_in}, study {run.study}")


def opener(plan: Plan, run: Run) -> Callable[[], Guide]:
    """Give a function that loads a model."""
    given = arguments(plan.lists(run))
    paths = {
        kind: {role: Path(one) for role, one in given[kind].items()} for kind in ("data", "needs")
    }
    weights = Path(plan.weights(plan.trained(run)).record)
    return partial(Guide.open, weights, given["settings"], **paths)
