"""The next item of a session, learnt with the feedback of an environment that reads: as `sequences`, and what it is of.

The environment is an entry of `simulators`; runs name it by `training.environment`, and the share of the users that it
learnt from by `training.share`.
"""

import functools
from collections.abc import Mapping

from recloop.language_models.prompts import read_prompts
from recloop.plan import Plan, language_models
from recloop.plan.artifacts import Artifact
from recloop.plan.studies import Run, manifest
from recloop.storage.settings import read_settings
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
]

METRICS = "recloop.evaluation.feedback"
BY_DATASET = True  # settings of components may differ between data sets
LANGUAGE = True
FACTS = sequences.FACTS | {"state_dim", "states", "vectors"}
ASKED_WITH_KEYWORDS = True
PROMPTS = {  # what an environment is asked, and what each prompt is told
    "sentence": {"item", "title", "category", "brand", "description"},
    "user": {"history"},
    "action": {"item"},
    "selection": {"list"},
}
ASKING = "asking"  # the loop whose runs ask the environment themselves
PLANS = ("label", "learns", "pool", "wording")  # what of an environment is the plan's, not its own


# -- what the environment is made of -----------------------------------------------------------------------------------


def settings_of(plan: Plan, study: str, dataset: str, name: str, training: Mapping) -> dict:
    """Return the settings of an environment as a run wants it: its share of the users, and how items are said there.

    Args:
        plan, study, dataset: of the run.
        name: of the environment.
        training: of the run, with `share` and `length`.
    """
    settings = plan.component_for(study, "simulators", name, dataset)
    own = {key: value for key, value in settings.items() if key not in PLANS}
    found = own | {name: training[name] for name in ("share", "length")}
    wording = settings.get("wording")
    return found | ({"prompts": prompts(plan, study, wording)} if wording else {})


def prompts(plan: Plan, study: str, kind: str) -> dict:
    """Read what is asked in some wording, with the labels that answer a selection.

    Args:
        plan, study: whose prompts.yaml.
        kind: the first word of the prompts' names.
    """
    path = plan.folders[study] / "prompts.yaml"
    kinds = {kind, *(name.rpartition("_")[0] for name in read_settings(path, "prompts"))}
    known = {f"{one}_{name}": fields for one in kinds for name, fields in PROMPTS.items()}
    found = read_prompts(path, known)
    asked = {name: found[f"{kind}_{name}"].template for name in PROMPTS}
    return asked | {"labels": list(found[f"{kind}_selection"].answers)}


def own_model(plan: Plan, study: str, dataset: str, settings: Mapping) -> Artifact | None:
    """Declare the language model of an environment where the workflow trains it; None for a published one, or none."""
    described = settings.get("language_model", {})
    if "pretrain" not in described:
        return None
    source = plan.recipe(study, dataset)["source"]
    own = language_models.corpus(source, sequences.tables(plan, study, dataset))
    named = described.get("learnt_from")
    other = named and language_models.published_texts(
        named["source"], manifest(named["source"], named.get("sizes"))
    )
    sizes = {"pretrain": described["pretrain"]}
    return language_models.language_model("small", sizes, plan.tier["split_seed"], own, other)


def item_tokens(
    plan: Plan, study: str, dataset: str, settings: Mapping, model: Artifact | None
) -> Artifact:
    """Declare the tokens of a data set's items in a language model."""
    sessions = split(plan, study, dataset)
    given = {"language_model": settings["language_model"], **settings["tokens"]}
    return Artifact(
        "item_tokens",
        f"data/item_tokens/{sessions.name}/items",
        {
            "settings": given | {"sentence": settings["prompts"]["sentence"]},
            "seed": plan.tier["split_seed"],
        },
        {"sessions": sessions} | ({"model": model} if model else {}),
        ("recloop.language_models.item_tokens",),
    )


def parts(plan: Plan, study: str, dataset: str, settings: Mapping) -> dict[str, Artifact]:
    """List what an environment is opened from beside its own weights, by role."""
    found = {"sessions": split(plan, study, dataset)}
    if "language_model" not in settings:
        return found
    model = own_model(plan, study, dataset, settings)
    found["item_tokens"] = item_tokens(plan, study, dataset, settings, model)
    return found | ({"language_model": model} if model else {})


def simulator(plan: Plan, study: str, dataset: str, name: str, training: Mapping) -> Artifact:
    """Declare an environment that has learnt."""
    settings = settings_of(plan, study, dataset, name, training)
    learns = plan.component_for(study, "simulators", name, dataset)["learns"]
    found = parts(plan, study, dataset, settings)
    return Artifact(
        "simulators",
        f"data/simulators/{found['sessions'].name}/{name}",
        {"settings": settings, "seed": plan.tier["split_seed"], "learns": learns},
        found,
        (f"recloop.simulators.{learns}",),
    )


def feedback(plan: Plan, study: str, dataset: str, name: str, training: Mapping) -> Artifact:
    """Declare what an environment answers to the training part."""
    settings = settings_of(plan, study, dataset, name, training)
    pool = plan.component_for(study, "simulators", name, dataset)["pool"]
    found = parts(plan, study, dataset, settings)
    return Artifact(
        "feedback",
        f"data/feedback/{found['sessions'].name}/{name}",
        {"settings": settings, "seed": plan.tier["split_seed"], "pool": pool},
        found | {"simulator": simulator(plan, study, dataset, name, training)},
        ("recloop.simulators.feedback", module_of(settings)),
    )


def module_of(settings: Mapping) -> str:
    """Return the module of an environment's class."""
    return f"recloop.simulators.{settings['class'].rpartition('.')[0]}"


# -- runs --------------------------------------------------------------------------------------------------------------


def asked(plan: Plan, run: Run) -> tuple[str, dict] | None:
    """Return the name of the environment of a run, and its settings of training; None where it asks none."""
    training = plan.settings(run.study, run.dataset, run.model)["training"]
    return (training["environment"], training) if "environment" in training else None


@functools.cache
def data(plan: Plan, run: Run) -> dict[str, Artifact]:
    """List the artifacts below data/ that a run works with, by role."""
    found = {"sessions": split(plan, run.study, run.dataset)}
    if (named := asked(plan, run)) is None:
        return found
    place = (run.study, run.dataset)
    name, training = named
    if training["loop"] == ASKING:
        settings = settings_of(plan, *place, name, training)
        return parts(plan, *place, settings) | {
            "simulator": simulator(plan, *place, name, training)
        }
    model = plan.settings(*place, run.model)["model"]
    return found | ({"feedback": feedback(plan, *place, name, training)} if answered(model) else {})


def answered(model: Mapping) -> bool:
    """Check whether a model reads what an environment said of the log: its rewards, states or negatives."""
    reads = (("reward", "environment"), ("refused_of", "asked"))
    return any(model.get(name) == value for name, value in reads) or (
        model.get("state", "hidden") != "hidden"
    )


def environment(plan: Plan, run: Run) -> dict:
    """Return the settings of the environment, for those runs that ask it themselves."""
    named = asked(plan, run)
    if named is None or named[1]["loop"] != ASKING:
        return {}
    return {"environment": settings_of(plan, run.study, run.dataset, *named)}


def code(plan: Plan, run: Run) -> list[str]:
    """List the modules of the environment, for those runs that ask it themselves."""
    return [module_of(one) for one in environment(plan, run).values()]


def components(plan: Plan, study: str, dataset: str) -> dict[str, set[str]]:
    """List the environments that runs on a data set learn from."""
    runs = (run for run in plan.all_runs(study) if run.dataset == dataset)
    return {"simulators": {named[0] for run in runs if (named := asked(plan, run))}}


@functools.cache
def spoken(plan: Plan, study: str) -> dict[str, dict]:
    """Describe for a report the language models of the environments that runs ask, or read what they answered.

    Ours learns anew for each data set; the first stands for all. What a model knows of the items of each data set is
    in the records of their tokens (`knows`).
    """
    labels: dict[str, dict[str, None]] = {}  # of environments, by the model that they share
    found, seen = {}, set()
    for run in plan.study_runs(study):
        name = reads(plan, run)
        if name is None or (name, run.dataset) in seen:
            continue
        seen.add((name, run.dataset))
        training = plan.settings(run.study, run.dataset, run.model)["training"]
        settings = settings_of(plan, study, run.dataset, name, training)
        if "language_model" not in settings:
            continue
        said, model = settings["language_model"], own_model(plan, study, run.dataset, settings)
        key = next((key for key, one in found.items() if one["settings"] == said), name)
        if key not in found:
            place = {"place": model.path if model else None}
            learnt = {"learnt_from": learnt_from(plan, study, run.dataset, said) if model else None}
            found[key] = {"settings": said, **place, **learnt, "knows": {}}
        shown = plan.component_for(study, "simulators", name, run.dataset)
        labels.setdefault(key, {})[shown["label"]] = None
        tokens = item_tokens(plan, study, run.dataset, settings, model)
        found[key]["knows"].setdefault(run.dataset, tokens.record)
    return {key: one | {"label": ", ".join(labels[key])} for key, one in found.items()}


def learnt_from(plan: Plan, study: str, dataset: str, described: Mapping) -> str:
    """Name the sources whose texts a language model of ours learnt from."""
    texts = [plan.recipe(study, dataset)["manifest"]]
    if other := described.get("learnt_from"):
        texts.append(manifest(other["source"]))
    return " and ".join(one["title"] for one in texts)


def reads(plan: Plan, run: Run) -> str | None:
    """Return the name of the environment that a run asks, or whose answers it reads; None where it does neither."""
    if (named := asked(plan, run)) is None:
        return None
    model = plan.settings(run.study, run.dataset, run.model)["model"]
    return named[0] if named[1]["loop"] == ASKING or answered(model) else None
