"""Users who look for an item with some attributes, recommenders who choose attribute values, and logs of both.

A learner's log is made by runs: `training.log` names the behaviour whose weights collect it.
"""

from recloop.plan import Plan
from recloop.plan.artifacts import Artifact
from recloop.plan.names import RunName
from recloop.plan.studies import Run, modules
from recloop.tasks import dialogues
from recloop.tasks.dialogues import check_recipe, features, pictures, split

__all__ = ["check_recipe", "pictures", "split"]

METRICS = "recloop.evaluation.shopping"
LANGUAGE = False
FACTS = {"sizes", "inputs", "words", "features", "vocabulary", "labels", "differences"}
ASKED_WITH_KEYWORDS = False
TOLD = True  # a list is a dialogue about pictures
PLANS = ("label", "encoder")  # what of an environment is the plan's, not its own


def environments(plan: Plan, run: Run) -> dict[str, str]:
    """Name the users of a run: those it learns with and those it is judged by; what only perceives has none."""
    settings = plan.settings(run.study, run.dataset, run.model)
    learns = settings["training"]["environment"]
    judges = settings["inference"]["played_in"] or learns
    return {"environment": learns, "played_in": judges} if learns else {}


def settings_of(plan: Plan, study: str, name: str) -> dict:
    """Return the settings of some users."""
    found = plan.component(study, "simulators", name)
    return {key: value for key, value in found.items() if key not in PLANS}


def encoder_of(plan: Plan, run: Run) -> str:
    """Name the encoder of the pictures: that of the users of a run, or of the study."""
    named = environments(plan, run).get("environment")
    name = named or plan.studies[run.study]["training"]["environment"]
    return plan.component(run.study, "simulators", name)["encoder"]


def known(plan: Plan, run: Run) -> dict[str, Artifact]:
    """List what is known of items: parts, pictures with attributes, features."""
    place, name = (run.study, run.dataset), encoder_of(plan, run)
    return {
        "dialogues": split(plan, *place),
        "catalogue": pictures(plan, *place),
        "features": features(plan, *place, name),
    }


def behind(plan: Plan, run: Run) -> list[Run]:
    """List the runs whose policies collected the log of a run."""
    log = plan.settings(run.study, run.dataset, run.model)["training"].get("log")
    if not log:
        return []
    name = plan.inherited(run, RunName.parse(log), run.dataset)
    return [plan.trained(Run(run.study, run.dataset, name, run.seed))]


def experience(plan: Plan, behaviour: Run) -> Artifact:
    """Declare the log that a behaviour collects."""
    settings = plan.job_settings(behaviour)
    training = settings["training"]
    given = {part: settings[part] for part in ("model", "environment")}
    needs = {f"need {role}": plan.weights(one) for role, one in plan.needs(behaviour).items()}
    found = known(plan, behaviour)
    return Artifact(
        "experience",
        f"data/experience/{found['dialogues'].name}/{behaviour.model}",
        {
            "settings": given | {key: training[key] for key in ("sessions", "parallel")},
            "seed": behaviour.seed,
        },
        found | needs | {"need policy": plan.weights(behaviour)},
        ("recloop.training.experience", *modules(settings), *code(plan, behaviour)),
    )


def data(plan: Plan, run: Run) -> dict[str, Artifact]:
    """List the artifacts below data/ that a run works with, its log among them."""
    found = known(plan, run)
    for one in behind(plan, run):
        found["experience"] = experience(plan, one)
    return found


def environment(plan: Plan, run: Run) -> dict:
    """Return the settings of the users of a run."""
    named = environments(plan, run).items()
    return {role: settings_of(plan, run.study, name) for role, name in named}


def code(plan: Plan, run: Run) -> list[str]:
    """List the modules of the users."""
    found = environment(plan, run).values()
    return sorted({dialogues.module_of("simulators", one) for one in found})


def components(plan: Plan, study: str, dataset: str) -> dict[str, set[str]]:
    """List the users and encoders of a data set."""
    runs = [run for run in plan.all_runs(study) if run.dataset == dataset]
    users = {name for run in runs for name in environments(plan, run).values()}
    return {"simulators": users, "features": {encoder_of(plan, run) for run in runs}}


def encoders(plan: Plan, study: str) -> dict[str, dict]:
    """Describe the encoders that a study uses, and what those of our own learnt from."""
    found = [components(plan, study, dataset)["features"] for dataset in plan.worlds(study)]
    names = sorted(set().union(*found))
    return {name: dialogues.described(plan, study, name) for name in names}
