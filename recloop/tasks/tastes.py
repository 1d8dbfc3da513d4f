"""Which genres a user likes and dislikes, asked of a language model: ratings, their texts, and who reads and speaks.

A study has `language_models` with a `reader`, which encodes interactions and is frozen, and a `speaker`, which answers;
and prompts.yaml with the prompts of `ASKED`.
"""

import functools

from recloop.data.settings import SettingError, check_settings
from recloop.language_models.prompts import read_prompts
from recloop.plan import Plan, language_models
from recloop.plan.artifacts import Artifact
from recloop.plan.language_models import READER, SPEAKER
from recloop.plan.studies import Run
from recloop.storage.settings import SettingsError
from recloop.tasks import sequences
from recloop.tasks.sequences import components, encoders, pictures, split

__all__ = ["components", "encoders", "pictures", "split"]

METRICS = "recloop.evaluation.answers"
LANGUAGE = True
FACTS = {
    *("speak", "genres", "width", "places", "dim", "most", "question", "template", "max_tokens"),
}
ASKED_WITH_KEYWORDS = False
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


@functools.cache
def own(plan: Plan, study: str, name: str) -> Artifact | None:
    """Declare a language model of ours; None for a published one."""
    return language_models.ours(plan, study, name)


@functools.cache
def states(plan: Plan, study: str, dataset: str, told: str) -> Artifact:
    """Declare the texts of a data set as the frozen reader encodes them."""
    texts, model = interactions(plan, study, dataset, told), own(plan, study, READER)
    return language_models.states(
        READER, language_models.opening(plan, study, READER), texts, model
    )


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
    speaker = language_models.opening(plan, run.study, SPEAKER)
    return {"prompts": prompts(plan, run.study), "speaker": speaker}


def code(plan: Plan, run: Run) -> list[str]:
    """List the modules of the environment: the loop imports them all."""
    return []


def spoken(plan: Plan, study: str) -> dict[str, dict]:
    """Describe the language models of a study for a report: which model plays which, and what ours learnt from."""
    models = {name: own(plan, study, name) for name in (READER, SPEAKER)}
    return language_models.described(plan, study, models)
