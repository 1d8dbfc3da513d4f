"""Texts, language models of ours and hidden states, declared for the tasks whose studies need them.

A study's `language_models` are named by what they do: a `reader` encodes texts and is frozen, a `speaker` says some.
"""

from recloop.language.attributes import ATTRIBUTES
from recloop.plan import Plan
from recloop.plan.artifacts import Artifact, raw, tables
from recloop.plan.processes import check_processes
from recloop.plan.studies import manifest
from recloop.storage.settings import SettingsError, only_known

READER, SPEAKER = "reader", "speaker"
KIND = "language_models"  # of a component
IN_PRINT = ("label", "same_as", "learnt_from")  # what of it opens nothing


def corpus(source: str, items: Artifact) -> Artifact:
    """Declare the texts of the catalogue, or of the tidy tables, of a source."""
    return Artifact(
        "corpora",
        f"data/corpora/{source}",
        {},
        {"items": items},
        ("recloop.language_models.corpora",),
    )


def published_texts(source: str, manifest: dict) -> Artifact:
    """Declare published files as texts; the manifest's `texts` says how they are read."""
    return Artifact(
        "corpora",
        f"data/corpora/{source}",
        {"published": manifest["texts"]},
        {"raw": raw(source, manifest)},
        ("recloop.language_models.corpora",),
    )


def told_titles(source: str, manifest: dict, told: dict, prompts: dict[str, str]) -> Artifact:
    """Declare the titles of a source as sentences in the words of a study's prompts; its log is not read."""
    return Artifact(
        "corpora",
        f"data/corpora/{source}",
        {"told": told, "prompts": prompts},
        {"items": tables(source, manifest)},
        ("recloop.language_models.corpora",),
    )


def language_model(
    name: str, settings: dict, seed: int, own: Artifact, other: Artifact | None = None
) -> Artifact:
    """Declare a language model of ours.

    Args:
        name: of the model in its study.
        settings: with `pretrain`.
        seed: of its weights.
        own: texts of the data set.
        other: texts of a source that no evaluation uses.
    """
    return Artifact(
        "language_models",
        f"data/language_models/{name}",
        {"settings": settings, "seed": seed},
        {"own": own} | ({"other": other} if other else {}),
        ("recloop.language_models.pretrain",),
    )


def states(name: str, settings: dict, texts: Artifact, model: Artifact | None = None) -> Artifact:
    """Declare the hidden states behind the texts of each item.

    Args:
        name: of the model in its study.
        settings: what `open_language_model` takes, and perhaps `layer`.
        texts: a corpus.
        model: one of ours; None for a published one.
    """
    return Artifact(
        "states",
        f"data/states/{texts.name}/{name}",
        {"settings": settings},
        {"corpus": texts} | ({"model": model} if model else {}),
        ("recloop.language_models.states",),
    )


def of_study(plan: Plan, study: str, name: str) -> dict:
    """Return what a study says of one of its language models, or of the one that it is; labels are its own."""
    mine = plan.component(study, KIND, name)
    same = plan.component(study, KIND, mine["same_as"]) if "same_as" in mine else {}
    return same | mine


def settings_of(plan: Plan, study: str, name: str) -> dict:
    """Return what opens a language model, with `pretrain` where it is one of ours."""
    return {k: v for k, v in of_study(plan, study, name).items() if k not in IN_PRINT}


def opening(plan: Plan, study: str, name: str) -> dict:
    """Return what opens a language model; how one of ours was trained, its folder knows."""
    return {k: v for k, v in settings_of(plan, study, name).items() if k != "pretrain"}


def ours(
    plan: Plan,
    study: str,
    name: str,
    titles: Artifact | None = None,
    prompts: dict[str, str] | None = None,
) -> Artifact | None:
    """Declare a language model of ours, which learns the texts of a source, beside titles where there are some.

    Args:
        plan, study, name: which one.
        titles: texts of the data set it is for.
        prompts: templates of the study, in whose words titles of the source may be told.

    Returns:
        None for a published model.

    Raises:
        SettingsError: titles are to be told where there are no words for it, or with an attribute that nobody knows.
    """
    said = of_study(plan, study, name)
    if "pretrain" not in said:
        return None
    check_processes(said["pretrain"], True, f"{study}: {KIND}.{name}: pretrain")
    learnt = said["learnt_from"]
    source, files = learnt["source"], manifest(learnt["source"], learnt.get("sizes"))
    if "told" in learnt:
        where = f"{study}: {KIND}.{name}: told"
        if prompts is None:
            raise SettingsError(f"{where}: the study's task has no words for titles; leave it out")
        only_known(f"{where}: attributes", learnt["told"]["attributes"], ATTRIBUTES)
        talk = told_titles(source, files, learnt["told"], prompts)
    else:
        talk = published_texts(source, files)
    texts = (titles, talk) if titles else (talk,)
    known = said.get("same_as", name)
    return language_model(known, {"pretrain": said["pretrain"]}, plan.tier["split_seed"], *texts)


def described(plan: Plan, study: str, models: dict[str, Artifact | None]) -> dict[str, dict]:
    """Describe language models for a report: which one plays which, and what ours learnt from.

    Args:
        models: those of ours by what they do; None for a published one.
    """
    found = {}
    for name, model in models.items():
        said = of_study(plan, study, name)
        learnt = manifest(said["learnt_from"]["source"])["title"] if model else None
        too = " and on the titles of the catalogue" if model and "other" in model.inputs else ""
        found[name] = {
            "label": said.get("label", name),
            "settings": settings_of(plan, study, name),
            "place": model.path if model else None,
            "learnt_from": learnt and f"{learnt}{too}",
        }
    return found
