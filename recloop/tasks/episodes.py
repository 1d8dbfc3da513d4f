"""A user who is shown item after item and rates each until bored: ratings, and the environment that they make."""

import functools
from pathlib import Path

from recloop.plan import Plan
from recloop.plan import language_models as lm
from recloop.plan.artifacts import Artifact
from recloop.plan.checks import check_keywords
from recloop.plan.studies import Run
from recloop.tasks import sequences
from recloop.tasks.sequences import check_recipe, encoders, pictures, split

__all__ = [
    "ASKED_WITH_KEYWORDS",
    "BY_DATASET",
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
    "spoken",
    "validity",
]

METRICS = "recloop.evaluation.episodes"
LANGUAGE = False
FACTS = {"items", "length"}
ASKED_WITH_KEYWORDS = False
BY_DATASET = True  # settings of components may differ between data sets
FIELDS = {"scenario", "item", "behavior", "attributes", "history", "candidates"}  # of a prompt
PLANS = ("label", "told_by", "user_model")  # what of an environment is the plan's, not its own
ANSWERS = "data/answers"  # of all language models


def data(plan: Plan, run: Run) -> dict[str, Artifact]:
    """List the artifacts below data/ that a run works with: users in parts, the tables, and what is made of both."""
    place = run.study, run.dataset
    found = {"sessions": split(plan, *place), "tables": sequences.tables(plan, *place)}
    named = environments(plan, run).values()
    told = (made_for(plan, *place, name) for name in named)
    return {role: one for pair in (found, *told) for role, one in pair.items()}


def environments(plan: Plan, run: Run) -> dict[str, str]:
    """Name the environments of a run: the one that it learns in, and the one that it is judged in."""
    settings = plan.settings(run.study, run.dataset, run.model)
    learns = settings["training"]["environment"]
    return {"environment": learns, "played_in": settings["inference"]["played_in"] or learns}


def resolved(plan: Plan, study: str, dataset: str, name: str) -> dict:
    """Return the settings of an environment, or of a judge, for a data set."""
    return plan.component_for(study, "simulators", name, dataset)


def own(settings: dict) -> dict:
    """Leave out what is the plan's."""
    return {key: value for key, value in settings.items() if key not in PLANS}


def environment(plan: Plan, run: Run) -> dict:
    """Return the settings of the environments that an agent acts in."""
    named = environments(plan, run).items()
    return {role: own(resolved(plan, run.study, run.dataset, name)) for role, name in named}


def code(plan: Plan, run: Run) -> list[str]:
    """List the modules of the environments."""
    return sorted({module_of(one) for one in environment(plan, run).values()})


def module_of(settings: dict) -> str:
    """Return the module of an environment."""
    return f"recloop.simulators.{settings['class'].rpartition('.')[0]}"


def components(plan: Plan, study: str, dataset: str) -> dict[str, set[str]]:
    """List the environments of a data set, with who judges and who rewards in them."""
    runs = (run for run in plan.all_runs(study) if run.dataset == dataset)
    named = {name for run in runs for name in environments(plan, run).values()}
    named |= {name for place, name in plan.study_users(study) if place == dataset}
    found = [resolved(plan, study, dataset, name) for name in named]
    made_by = {one.get(role) for one in found for role in ("told_by", "user_model")}
    return {"simulators": named | made_by - {None}}


# -- what is made first ------------------------------------------------------------------------------------------------


def made_for(plan: Plan, study: str, dataset: str, name: str) -> dict[str, Artifact]:
    """List what has to be made before an environment can be opened, by role."""
    settings = resolved(plan, study, dataset, name)
    found = {}
    if judge := settings.get("told_by"):
        found["preferences"] = preferences(plan, study, dataset, judge)
    if model := settings.get("user_model"):
        found["user_model"] = user_model(plan, study, dataset, model)
    return found


@functools.cache
def user_model(plan: Plan, study: str, dataset: str, name: str) -> Artifact:
    """Declare a model of users, whose scores are rewards."""
    users, tables = split(plan, study, dataset), sequences.tables(plan, study, dataset)
    settings, facts = own(resolved(plan, study, dataset, name)), {"sessions", "raw", "context"}
    check_keywords(settings, facts, set(), "recloop.simulators", f"{study}: simulators.{name}")
    return Artifact(
        "user_models",
        f"data/user_models/{users.name}/{name}",
        {"settings": settings, "seed": plan.tier["split_seed"]},
        {"sessions": users, "raw": tables.inputs["raw"]},
        ("recloop.simulators.user_models",),
    )


@functools.cache
def preferences(plan: Plan, study: str, dataset: str, judge: str) -> Artifact:
    """Declare what a language model says that users prefer."""
    settings = own(resolved(plan, study, dataset, judge))
    check_keywords(settings, set(), set(), "recloop.simulators", f"{study}: simulators.{judge}")
    settings.pop("class")
    users, model = split(plan, study, dataset), language_model(plan, study, dataset, judge)
    found = {"sessions": users, "tables": sequences.tables(plan, study, dataset)}
    return Artifact(
        "preferences",
        f"data/preferences/{users.name}/{judge}",
        {"settings": settings, "prompt": prompt(plan.folders[study] / "prompts.yaml")},
        found | ({"model": model} if model else {}),
        ("recloop.simulators.telling", "recloop.language_models.weighing"),
        notes={"answers": ANSWERS},
    )


def prompt(path: Path) -> dict:
    """Read what is asked, checked."""
    from recloop.language_models.prompts import read_prompts

    found = read_prompts(path, {"preference": FIELDS})["preference"]
    return {"template": found.template, "answers": list(found.answers)}


def language_model(plan: Plan, study: str, dataset: str, judge: str) -> Artifact | None:
    """Declare the model of a judge if it is one of ours, which learns from the source's texts; else None."""
    settings = resolved(plan, study, dataset, judge)["model"]
    if "pretrain" not in settings:
        return None
    recipe = plan.recipe(study, dataset)
    source, manifest = recipe["source"], recipe["manifest"]
    items = sequences.tables(plan, study, dataset)
    texts = (
        lm.published_texts(source, manifest) if "texts" in manifest else lm.corpus(source, items)
    )
    return lm.language_model(judge, settings, plan.tier["split_seed"], texts)


@functools.cache
def spoken(plan: Plan, study: str) -> dict[str, dict]:
    """Describe for a report the language models that tell what users prefer, with the record of what they told.

    Ours learns anew for each data set; the first stands for all.
    """
    asked: dict[str, str] = {}
    for run in plan.study_runs(study):
        for name in environments(plan, run).values():
            if judge := resolved(plan, study, run.dataset, name).get("told_by"):
                asked.setdefault(judge, run.dataset)
    found = {}
    for judge, dataset in asked.items():
        model = language_model(plan, study, dataset, judge)
        found[judge] = {
            "label": resolved(plan, study, dataset, judge).get("label", judge),
            "settings": resolved(plan, study, dataset, judge)["model"],
            "place": model.path if model else None,
            "learnt_from": plan.recipe(study, dataset)["manifest"]["title"] if model else None,
            "told": preferences(plan, study, dataset, judge).record,
        }
    return found


def validity(plan: Plan, study: str, dataset: str, name: str) -> Artifact:
    """Declare what a judge of preferences knows, held against what users rate."""
    settings = own(resolved(plan, study, dataset, name))
    found = {
        "sessions": split(plan, study, dataset),
        "tables": sequences.tables(plan, study, dataset),
    }
    identity = plan.identity(Run(study, dataset, name, plan.tier["split_seed"]))
    return Artifact(
        "validity",
        f"results/{study}/validity/{plan.folder(study, dataset)}/{name}",
        {"settings": settings, "identity": identity},
        found | made_for(plan, study, dataset, name),
        ("recloop.simulators.agreement", module_of(settings)),
        suffix="/validity.parquet",
    )
