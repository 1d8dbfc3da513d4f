"""Texts, language models of ours and hidden states, declared for the tasks whose studies need them."""

from recloop.plan.artifacts import Artifact, raw


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
