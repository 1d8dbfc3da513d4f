"""Which genres a user likes and dislikes, asked of a language model: ratings, their texts, and who reads and speaks.

A study has `language_models` with a `reader`, which encodes interactions and is frozen, and a `speaker`, which answers;
and prompts.yaml with the prompts of `ASKED`.
"""

import functools

from recloop.data.settings import SettingError, check_settings
from recloop.language_models.prompts import read_prompts
from recloop.plan import Plan, language_models
from recloop.plan.artifacts import Artifact
from recloop.plan.studies import Run, manifest
from recloop.storage.settings import SettingsError
from recloop.tasks import sequences
from recloop.tasks.sequences import components, encoders, pictures, split

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
    "spoken",
]

METRICS = "recloop.evaluation.answers"
LANGUAGE = True
FACTS = {
    *("speak", "genres", "width", "places", "dim", "most", "question", "template", "max_tokens"),
}
ASKED_WITH_KEYWORDS = False
READER, SPEAKER = "reader", "speaker"
FIELDS = {"title", "genres", "rating"}
ASKED = {
    "interaction": FIELDS,
    "without_genres": FIELDS - {"genres"},
    "question": set(),
    "text_prompt": {"history"},
}


def check_recipe(prepare: dict, way: dict) -> None:
    """Stop at settings of the data that make no sense: users are asked about, and parts share none.

    Raises:
        SettingError: sessions are no users, or a split that parts a user's ratings.
    """
    settings, found = check_settings(prepare, way)
    if settings["sessions"]["by"] != "user" or settings["events"] != ["rating"]:
        raise SettingError("prepare: expected events: [rating] and sessions: {by: user}")
    if found["by"] != "session":
        raise SettingError(f"split.by is {found['by']}, expected session: parts share no user")


@functools.cache
def prompts(plan: Plan, study: str) -> dict[str, str]:
    """Read what is asked, by the names of `ASKED`."""
    found = read_prompts(plan.folders[study] / "prompts.yaml", ASKED)
    return {name: prompt.template for name, prompt in found.items()}


@functools.cache
def interactions(plan: Plan, study: str, dataset: str, told: str) -> Artifact:
    """Declare the ratings of a data set as texts.

    Raises:
        SettingsError: no such way to tell them.
    """
    if told not in ("interaction", "without_genres"):
        raise SettingsError(f"{study}: told is {told!r}, expected interaction or without_genres")
    return Artifact(
        "corpora",
        f"data/corpora/{plan.recipe(study, dataset)['source']}",
        {"template": prompts(plan, study)[told]},
        {"sessions": split(plan, study, dataset), "tables": sequences.tables(plan, study, dataset)},
        ("recloop.language_models.corpora",),
    )


def settings_of(plan: Plan, study: str, name: str) -> dict:
    """Return what opens a language model: its own settings, or those of the one that it is."""
    mine = plan.component(study, "language_models", name)
    same = plan.component(study, "language_models", mine["same_as"]) if "same_as" in mine else {}
    return {k: v for k, v in (same | mine).items() if k not in ("label", "same_as", "learnt_from")}


@functools.cache
def own(plan: Plan, study: str, name: str) -> Artifact | None:
    """Declare a language model of ours; None for a published one."""
    mine = plan.component(study, "language_models", name)
    if "same_as" in mine:
        return own(plan, study, mine["same_as"])
    if "pretrain" not in mine:
        return None
    source = mine["learnt_from"]
    talk = language_models.published_texts(
        source["source"], manifest(source["source"], source.get("sizes"))
    )
    settings = {"pretrain": mine["pretrain"]}
    return language_models.language_model(name, settings, plan.tier["split_seed"], talk)


@functools.cache
def states(plan: Plan, study: str, dataset: str, told: str) -> Artifact:
    """Declare the texts of a data set as the frozen reader encodes them."""
    texts, model = interactions(plan, study, dataset, told), own(plan, study, READER)
    settings = settings_of(plan, study, READER)
    kept = {key: one for key, one in settings.items() if key != "pretrain"}
    return language_models.states(READER, kept, texts, model)


def data(plan: Plan, run: Run) -> dict[str, Artifact]:
    """List the artifacts below data/ that a run works with, by role."""
    told = plan.settings(run.study, run.dataset, run.model)["training"]["told"]
    place, speaker = (run.study, run.dataset), own(plan, run.study, SPEAKER)
    found = {
        "sessions": split(plan, *place),
        "tables": sequences.tables(plan, *place),
        "interactions": interactions(plan, *place, told),
        "states": states(plan, *place, told),
    }
    return found | ({"speaker": speaker} if speaker else {})


def environment(plan: Plan, run: Run) -> dict:
    """Return the settings of what a model talks to: the language model, and what it is asked."""
    speaker = settings_of(plan, run.study, SPEAKER)
    kept = {key: one for key, one in speaker.items() if key != "pretrain"}
    return {"prompts": prompts(plan, run.study), "speaker": kept}


def code(plan: Plan, run: Run) -> list[str]:
    """List the modules of the environment: the loop imports them all."""
    return []


def spoken(plan: Plan, study: str) -> dict[str, dict]:
    """Describe the language models of a study for a report: which model plays which, and what ours learnt from."""
    found = {}
    for name in (READER, SPEAKER):
        model = own(plan, study, name)
        mine = plan.component(study, "language_models", name)
        source = plan.component(study, "language_models", mine.get("same_as", name))
        learnt = manifest(source["learnt_from"]["source"])["title"] if model else None
        found[name] = {
            "label": mine.get("label", name),
            "settings": settings_of(plan, study, name),
            "place": model.path if model else None,
            "learnt_from": learnt,
        }
    return found
