"""A user who says, turn by turn, what the shown items lack: catalogues, dialogues, encoders and simulated users."""

import functools

from recloop.data.settings import check_dialogues
from recloop.plan import Plan, artifacts
from recloop.plan.artifacts import Artifact, raw
from recloop.plan.studies import Run, manifest

METRICS = "recloop.evaluation.dialogue"
LANGUAGE = True
FACTS = {"items", "features", "shown", "turns"}
ASKED_WITH_KEYWORDS = False
TOLD = True  # a list is a dialogue about pictures
check_recipe = check_dialogues
PLANS = ("label", "learnt_from", "published")  # what of a simulated user is the plan's, not its own


# -- pictures and dialogues --------------------------------------------------------------------------------------------


def catalogue(recipe: dict) -> Artifact:
    """Declare the items of a source with their pictures, attributes and the words of people."""
    code = ("recloop.data.read", "recloop.data.catalogues")
    return artifacts.read("catalogues", recipe["source"], recipe["manifest"], code)


def dialogues(plan: Plan, recipe: dict) -> Artifact:
    """Declare the targets of dialogues, the histories before them and the captions."""
    settings = {part: recipe[part] for part in ("prepare", "split")}
    return Artifact(
        "dialogues",
        f"data/dialogues/{recipe['source']}",
        settings | {"seed": plan.tier["split_seed"]},
        {"catalogue": catalogue(recipe)},
        ("recloop.data.dialogues",),
    )


@functools.cache
def split(plan: Plan, study: str, dataset: str) -> Artifact:
    """Declare the dialogues of a data set, which all runs on it share."""
    return dialogues(plan, plan.recipe(study, dataset))


@functools.cache
def pictures(plan: Plan, study: str, dataset: str) -> Artifact:
    """Declare the catalogue of a data set."""
    return catalogue(plan.recipe(study, dataset))


# -- encoders ----------------------------------------------------------------------------------------------------------


def encoder_settings(plan: Plan, study: str, name: str) -> dict:
    """Return an encoder's own settings, without the source that it learns from, which is the plan's."""
    settings = plan.component(study, "features", name)
    return {key: value for key, value in settings.items() if key != "learnt_from"}


def learnt_from(plan: Plan, study: str, name: str) -> dict:
    """Return the source, and its manifest, that an encoder of ours learns from; it is none of the study's."""
    source = plan.component(study, "features", name)["learnt_from"]
    return {
        "source": source["source"],
        "manifest": manifest(source["source"], source.get("sizes")),
    }


@functools.cache
def encoder(plan: Plan, study: str, name: str) -> Artifact | None:
    """Declare an encoder that the workflow trains itself; None for a published one."""
    settings = encoder_settings(plan, study, name)
    if "pretrain" not in settings:
        return None
    return Artifact(
        "encoders",
        f"data/encoders/{name}",
        {"settings": settings, "seed": plan.tier["split_seed"]},
        {"catalogue": catalogue(learnt_from(plan, study, name))},
        ("recloop.features.pretrain", module_of("features", settings)),
    )


@functools.cache
def features(plan: Plan, study: str, dataset: str, name: str) -> Artifact:
    """Declare a data set's pictures as an encoder sees them."""
    return encoded(plan, study, pictures(plan, study, dataset), name)


def encoded(plan: Plan, study: str, shown: Artifact, name: str) -> Artifact:
    """Declare the pictures of a catalogue as an encoder sees them."""
    settings, own = encoder_settings(plan, study, name), encoder(plan, study, name)
    return Artifact(
        "features",
        f"data/features/{shown.name}/{name}",
        {"settings": settings},
        {"catalogue": shown} | ({"encoder": own} if own else {}),
        ("recloop.features.encode", module_of("features", settings)),
    )


# -- simulated users ---------------------------------------------------------------------------------------------------


def user_settings(plan: Plan, study: str, name: str) -> dict:
    """Return a simulated user's own settings, without its printed name and what is the plan's."""
    settings = plan.component(study, "simulators", name)
    return {key: value for key, value in settings.items() if key not in PLANS}


def user_code(settings: dict) -> tuple[str, ...]:
    """List the modules of a simulated user and of its network."""
    names = [settings["class"], *([settings["network"]] if "network" in settings else [])]
    return tuple(f"recloop.simulators.{name.rpartition('.')[0]}" for name in names)


def taught_by(plan: Plan, study: str, dataset: str, name: str) -> dict:
    """Return the recipe of a simulated user's training captions: the data set's, or another source's."""
    other = plan.component(study, "simulators", name).get("learnt_from")
    if not other:
        return plan.recipe(study, dataset)
    return other | {"manifest": manifest(other["source"])}


def grid(plan: Plan, study: str, shown: Artifact, name: str) -> Artifact | None:
    """Declare the grid features of some pictures that a simulated user looks at; None for one that learns nothing."""
    settings = plan.component(study, "simulators", name)
    return encoded(plan, study, shown, settings["grid"]) if "grid" in settings else None


@functools.cache
def simulator(plan: Plan, study: str, dataset: str, name: str) -> Artifact | None:
    """Declare a trained (or published) simulated user; None for one that learns nothing."""
    recipe, settings = taught_by(plan, study, dataset, name), user_settings(plan, study, name)
    looked_at = grid(plan, study, catalogue(recipe), name)
    if looked_at is None:
        return None
    source = plan.component(study, "simulators", name).get("published")
    published = raw(source, manifest(source)) if source else None
    captions = dialogues(plan, recipe)
    converts = ("recloop.simulators.convert",) if published else ()
    return Artifact(
        "simulators",
        f"data/simulators/{captions.name}/{name}",
        {"settings": settings, "seed": None if published else plan.tier["split_seed"]},
        {"dialogues": captions, "features": looked_at}
        | ({"published": published} if published else {}),
        ("recloop.simulators.train", *user_code(settings), *converts),
    )


def validity(plan: Plan, study: str, dataset: str, name: str) -> Artifact:
    """Declare the measures of how good a simulated user is; the study's own encoder listens to it."""
    recipe, listener = taught_by(plan, study, dataset, name), judging_encoder(plan, study)
    shown, own = catalogue(recipe), encoder(plan, study, listener)
    found = {
        "dialogues": dialogues(plan, recipe),
        "catalogue": shown,
        "features": encoded(plan, study, shown, listener),
        "grid": grid(plan, study, shown, name),
        "simulator": simulator(plan, study, dataset, name),
        "encoder_folder": own,
    }
    settings = user_settings(plan, study, name)
    return Artifact(
        "validity",
        f"results/{study}/validity/{plan.folder(study, dataset)}/{name}",
        {
            "settings": settings,
            "encoder": encoder_settings(plan, study, listener),
            "identity": plan.identity(Run(study, dataset, name, plan.tier["split_seed"])),
        },
        {role: one for role, one in found.items() if one},
        ("recloop.simulators.validity", *user_code(settings)),
        suffix="/validity.parquet",
    )


def judging_encoder(plan: Plan, study: str) -> str:
    """Return the encoder by whose frozen query a simulated user is judged: the study's own."""
    return plan.studies[study]["dialogue"]["encoder"]


# -- runs --------------------------------------------------------------------------------------------------------------


def user_of(plan: Plan, run: Run) -> str:
    """Return the simulated user of a run: the one it was trained with unless it is asked by another."""
    settings = plan.settings(run.study, run.dataset, run.model)
    return settings["inference"].get("heard") or settings["dialogue"]["user"]


def encoder_of(plan: Plan, run: Run) -> str:
    """Return the name of a run's encoder."""
    return plan.settings(run.study, run.dataset, run.model)["dialogue"]["encoder"]


def data(plan: Plan, run: Run) -> dict[str, Artifact]:
    """List the artifacts below data/ that a run works with, by role."""
    place, name, user = (run.study, run.dataset), encoder_of(plan, run), user_of(plan, run)
    found = {
        "dialogues": split(plan, *place),
        "catalogue": pictures(plan, *place),
        "features": features(plan, *place, name),
        "encoder": encoder(plan, run.study, name),
        "simulator": simulator(plan, *place, user),
        "grid": grid(plan, run.study, pictures(plan, *place), user),
    }
    return {role: one for role, one in found.items() if one}


def environment(plan: Plan, run: Run) -> dict:
    """Return the settings of what a model talks to: its encoder and its simulated user."""
    return {
        "encoder": encoder_settings(plan, run.study, encoder_of(plan, run)),
        "user": user_settings(plan, run.study, user_of(plan, run)),
    }


def code(plan: Plan, run: Run) -> list[str]:
    """List the modules of the encoder and the simulated user."""
    found = environment(plan, run)
    return [module_of("features", found["encoder"]), *user_code(found["user"])]


def encoders_of(plan: Plan, study: str, dataset: str) -> set[str]:
    """List the encoders that some run or some simulated user needs on a data set."""
    users = [plan.component(study, "simulators", name) for name in users_of(plan, study, dataset)]
    runs = {encoder_of(plan, run) for run in plan.all_runs(study) if run.dataset == dataset}
    return {
        *runs,
        *(user["grid"] for user in users if "grid" in user),
        judging_encoder(plan, study),
    }


def users_of(plan: Plan, study: str, dataset: str) -> set[str]:
    """List the simulated users that some run talks to, or that are judged, on a data set."""
    talked_to = {user_of(plan, run) for run in plan.all_runs(study) if run.dataset == dataset}
    return talked_to | {name for place, name in plan.study_users(study) if place == dataset}


def components(plan: Plan, study: str, dataset: str) -> dict[str, set[str]]:
    """List the encoders and simulated users of a data set."""
    users, own = users_of(plan, study, dataset), encoders_of(plan, study, dataset)
    return {"simulators": users, "features": own}


def encoders(plan: Plan, study: str) -> dict[str, dict]:
    """Describe the encoders that a study uses, and what those of our own learnt from."""
    names = {name for dataset in plan.worlds(study) for name in encoders_of(plan, study, dataset)}
    return {name: described(plan, study, name) for name in sorted(names)}


def described(plan: Plan, study: str, name: str) -> dict:
    """Describe what an encoder is and where it lies."""
    own = encoder(plan, study, name)
    title = learnt_from(plan, study, name)["manifest"]["title"] if own else None
    return {
        "settings": encoder_settings(plan, study, name),
        "place": own.path if own else None,
        "learnt_from": title,
    }


def module_of(room: str, settings: dict) -> str:
    """Return the module of a component's class."""
    return f"recloop.{room}.{settings['class'].rpartition('.')[0]}"
