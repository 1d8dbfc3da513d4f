"""The next item of a session where items are words and pictures: as `sequences`, with contents, networks and caches."""

import functools

from recloop.contents.settings import check_network
from recloop.plan import Plan
from recloop.plan.artifacts import Artifact
from recloop.plan.studies import Run, manifest
from recloop.storage.settings import SettingsError, only_known
from recloop.tasks import sequences
from recloop.tasks.dialogues import catalogue
from recloop.tasks.sequences import check_recipe, pictures, split

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

METRICS = "recloop.evaluation.contents"
LANGUAGE = True
FACTS = sequences.FACTS | {"words", "pictures"}
ASKED_WITH_KEYWORDS = True
MODALITIES = ("words", "pictures")
STATES = ("cached", "live")
TRANSFER = "transfer"  # a loop whose users are told apart by what their items are
CACHED = ("dtype", "levels")  # settings of a cache, not of its network
PLANS = ("label", "learnt_from")  # what of a network is the plan's


@functools.cache
def contents(plan: Plan, study: str, dataset: str, captioner: str | None = None) -> Artifact:
    """Declare titles and pictures of a data set's items, or pictures and what a network of ours says of them."""
    sessions = split(plan, study, dataset)
    made_of = {"sessions": sessions, "raw": sessions.inputs["tables"].inputs["raw"]}
    place = f"data/contents/{plan.recipe(study, dataset)['source']}"
    if captioner is None:
        return Artifact("contents", place, {}, made_of, ("recloop.contents.writing",))
    settings, own = network_settings(plan, study, captioner), network(plan, study, captioner)
    if own is None:
        raise SettingsError(
            f"{study}: training.captions: '{captioner}' is published; expected a network that learns here (`learn`)"
        )
    told = {"class": settings["class"]}
    return Artifact(
        "contents",
        place,
        {"settings": told},
        made_of | {"captioner": own},
        ("recloop.contents.writing", "recloop.contents.captions"),
    )


def network_settings(plan: Plan, study: str, name: str) -> dict:
    """Return a network's own settings.

    Raises:
        SettingsError: no such network, or a setting that none has.
    """
    settings = plan.component(study, "features", name)
    check_network(settings, f"{study}: features.{name}")
    return {key: value for key, value in settings.items() if key not in PLANS}


def kind_of(settings: dict) -> str:
    """Say what a network reads, for paths: one that a study has under two names is one artifact."""
    return settings["class"].rpartition(".")[2].lower()


def learnt_from(plan: Plan, study: str, name: str) -> dict:
    """Return the source, and its manifest, that a network of ours learns from; none of its items is recommended."""
    source = plan.component(study, "features", name)["learnt_from"]
    found = manifest(source["source"], source.get("sizes"))
    return {"source": source["source"], "manifest": found}


@functools.cache
def network(plan: Plan, study: str, name: str) -> Artifact | None:
    """Declare a network that the workflow trains itself; None for a published one."""
    settings = network_settings(plan, study, name)
    if "learn" not in settings:
        return None
    learns = {key: settings[key] for key in ("class", "learn", "pooling") if key in settings}
    return Artifact(
        "networks",
        f"data/networks/{kind_of(settings)}",
        {"settings": learns, "seed": plan.tier["split_seed"]},
        {"catalogue": catalogue(learnt_from(plan, study, name))},
        ("recloop.contents.learning",),
    )


@functools.cache
def levels(plan: Plan, study: str, known: Artifact, name: str) -> Artifact:
    """Declare the hidden levels of items as a frozen network makes them."""
    settings = {k: v for k, v in network_settings(plan, study, name).items() if k != "learn"}
    own = network(plan, study, name)
    return Artifact(
        "levels",
        f"data/levels/{known.name}/{kind_of(settings)}",
        {"settings": settings},
        {"contents": known} | ({"network": own} if own else {}),
        ("recloop.contents.levels",),
    )


def read_by(plan: Plan, run: Run) -> dict[str, str]:
    """Name the networks of a run by what they read.

    Raises:
        SettingsError: a network that reads something else, or states that are neither cached nor live.
    """
    training = plan.settings(run.study, run.dataset, run.model)["training"]
    found = {reads: training[reads] for reads in MODALITIES if training.get(reads)}
    if found:
        where = f"{run.study}, {run.model}: training.states"
        only_known(where, [training.get("states", "cached")], STATES)
    for reads, name in found.items():
        kind = network_settings(plan, run.study, name)["class"]
        if kind != f"networks.{reads.capitalize()}":
            raise SettingsError(
                f"{run.study}, {run.model}: training.{reads}: '{name}' is a {kind}, expected a network of {reads}"
            )
    return found


def is_live(plan: Plan, run: Run) -> bool:
    """Say whether a run reads with its networks while it learns."""
    training = plan.settings(run.study, run.dataset, run.model)["training"]
    return training.get("states", "cached") == "live"


def data(plan: Plan, run: Run) -> dict[str, Artifact]:
    """List the artifacts below data/ that a run works with, by role."""
    place = (run.study, run.dataset)
    found = {"sessions": split(plan, *place)}
    training = plan.settings(*place, run.model)["training"]
    captioner = training.get("captions")
    if training["loop"] == TRANSFER:
        found["contents"] = contents(plan, *place, captioner)
    for reads, name in read_by(plan, run).items():
        found["contents"] = contents(plan, *place, captioner)
        if not is_live(plan, run):
            found[f"{reads}_levels"] = levels(plan, run.study, found["contents"], name)
        elif own := network(plan, run.study, name):
            found[f"{reads}_network"] = own
    return found


def environment(plan: Plan, run: Run) -> dict:
    """Return the settings of the networks that a run reads with while it learns; a cache has its own."""
    if not is_live(plan, run):
        return {}
    return {
        "networks": {
            reads: {
                key: value
                for key, value in network_settings(plan, run.study, name).items()
                if key not in ("learn", *CACHED)
            }
            for reads, name in read_by(plan, run).items()
        }
    }


def code(plan: Plan, run: Run) -> list[str]:
    """List the modules of networks and caches."""
    return ["recloop.contents.towers"] if read_by(plan, run) else []


def components(plan: Plan, study: str, dataset: str) -> dict[str, set[str]]:
    """List the simulated users of a data set: there are none, and networks are checked where they are declared."""
    return {}


def names_of(plan: Plan, study: str) -> list[str]:
    """List the networks that some run of a study reads with."""
    found = {name for run in plan.all_runs(study) for name in read_by(plan, run).values()}
    return sorted(found)


def encoders(plan: Plan, study: str) -> dict[str, dict]:
    """Describe the networks that a study uses, and what those of our own learnt from."""
    return {name: described(plan, study, name) for name in names_of(plan, study)}


def described(plan: Plan, study: str, name: str) -> dict:
    """Describe what a network is and where it lies."""
    own = network(plan, study, name)
    title = learnt_from(plan, study, name)["manifest"]["title"] if own else None
    settings = network_settings(plan, study, name)
    return {"settings": settings, "place": own.path if own else None, "learnt_from": title}
