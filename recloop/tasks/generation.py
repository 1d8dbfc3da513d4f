"""The next item of a user as a latent and as words: sessions, titles, and a language model that reads and says them."""

import functools

from recloop.plan import Plan, language_models
from recloop.plan.artifacts import Artifact
from recloop.plan.studies import Run, manifest
from recloop.storage.settings import SettingsError
from recloop.tasks import sequences
from recloop.tasks.sequences import (
    ASKED_WITH_KEYWORDS,
    check_recipe,
    code,
    components,
    pictures,
    split,
)

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

METRICS = "recloop.evaluation.generation"
LANGUAGE = True
FACTS = sequences.FACTS | {"latents", "lm"}
LOOPS = ("latents", "wording", "decoded")  # that read words
PROMPTS: dict[str, set[str]] = {
    **{name: {"title"} for name in ("product", "track")},
    **{name: {"items"} for name in ("products", "tracks")},
    **{
        name: set()
        for attribute in ("recyclable", "restricted", "pop", "country")
        for name in (attribute, f"no_{attribute}")
    },
    "next": set(),
}


def reads_words(plan: Plan, run: Run) -> bool:
    """Say whether a run works with words, not with the numbers of items alone."""
    settings = plan.settings(run.study, run.dataset, run.model)
    return settings["training"]["loop"] in LOOPS


def settings_of(plan: Plan, study: str) -> dict:
    """Return the language model of a study: the tier's, or the paper's.

    Raises:
        SettingsError: neither names one.
    """
    found = plan.here(study).get("language_model") or plan.studies[study].get("language_model")
    if not found:
        raise SettingsError(f"studies/{study}/paper.yaml: language_model: expected one, got none")
    return found


@functools.cache
def language_model(plan: Plan, study: str, dataset: str) -> Artifact | None:
    """Declare a language model of ours, learnt from titles and other texts; None for a published one."""
    settings = settings_of(plan, study)
    if "pretrain" not in settings:
        return None
    recipe, other = plan.recipe(study, dataset), settings.get("learnt_from")
    own = language_models.corpus(recipe["source"], sequences.tables(plan, study, dataset))
    more = other and language_models.published_texts(
        other["source"], manifest(other["source"], other.get("sizes"))
    )
    name, seed = settings.get("label", study), plan.tier["split_seed"]
    return language_models.language_model(name, {"pretrain": settings["pretrain"]}, seed, own, more)


def data(plan: Plan, run: Run) -> dict[str, Artifact]:
    """List the artifacts below data/ that a run works with: sessions, and the model that reads their titles."""
    found = {"sessions": split(plan, run.study, run.dataset)}
    own = language_model(plan, run.study, run.dataset) if reads_words(plan, run) else None
    return found | ({"language_model": own} if own else {})


def environment(plan: Plan, run: Run) -> dict:
    """Return the language model that a run reads and speaks with, and its prompts."""
    if not reads_words(plan, run):
        return {}
    return {
        "words": {
            "language_model": settings_of(plan, run.study),
            "prompts": prompts(plan, run.study),
        }
    }


@functools.cache
def prompts(plan: Plan, study: str) -> dict[str, str]:
    """Read the prompts of a study."""
    from recloop.language_models.prompts import read_prompts

    found = read_prompts(plan.folders[study] / "prompts.yaml", PROMPTS)
    return {name: prompt.template for name, prompt in found.items()}


def encoders(plan: Plan, study: str) -> dict[str, dict]:
    """Describe the encoders for a report: the page says of the language model under departures."""
    return {}
