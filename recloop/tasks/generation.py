"""The next item of a user as a latent and as words: sessions, titles, and a language model that reads and says them."""

import functools

from recloop.plan import Plan, language_models
from recloop.plan.artifacts import Artifact
from recloop.plan.language_models import SPEAKER
from recloop.plan.studies import Run
from recloop.tasks import sequences
from recloop.tasks.sequences import (
    ASKED_WITH_KEYWORDS,
    check_recipe,
    code,
    components,
    encoders,
    pictures,
    split,
)

__all__ = [
    "ASKED_WITH_KEYWORDS",
    "check_recipe",
    "code",
    "components",
    "encoders",
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


@functools.cache
def speaker(plan: Plan, study: str, dataset: str) -> Artifact | None:
    """Declare a language model of ours, learnt from titles and other texts; None for a published one."""
    source = plan.recipe(study, dataset)["source"]
    titles = language_models.corpus(source, sequences.tables(plan, study, dataset))
    name = speaks(plan, study, dataset)
    return language_models.ours(plan, study, name, titles, prompts(plan, study))


def speaks(plan: Plan, study: str, dataset: str) -> str:
    """Return the name of the language model that speaks of a data set's items."""
    paper = plan.entry_in(plan.studies[study]["datasets"], study, dataset)
    return paper.get("speaker", SPEAKER)


def data(plan: Plan, run: Run) -> dict[str, Artifact]:
    """List the artifacts below data/ that a run works with: sessions, and the model that reads their titles."""
    found = {"sessions": split(plan, run.study, run.dataset)}
    own = speaker(plan, run.study, run.dataset) if reads_words(plan, run) else None
    return found | ({SPEAKER: own} if own else {})


def environment(plan: Plan, run: Run) -> dict:
    """Return the language model that a run reads and speaks with, and its prompts."""
    if not reads_words(plan, run):
        return {}
    return {
        "words": {
            SPEAKER: language_models.opening(plan, run.study, speaks(plan, run.study, run.dataset)),
            "prompts": prompts(plan, run.study),
        }
    }


@functools.cache
def prompts(plan: Plan, study: str) -> dict[str, str]:
    """Read the prompts of a study."""
    from recloop.language_models.prompts import read_prompts

    found = read_prompts(plan.folders[study] / "prompts.yaml", PROMPTS)
    return {name: prompt.template for name, prompt in found.items()}


def spoken(plan: Plan, study: str) -> dict[str, dict]:
    """Describe the language models of a study for a report; ours learns anew for each data set, one stands for all."""
    used = {speaks(plan, study, one): one for one in reversed(plan.datasets(study))}
    models = {name: speaker(plan, study, dataset) for name, dataset in used.items()}
    return language_models.described(plan, study, models)
