"""How a study's model is built, trained and asked on a tier, before a name overrides anything."""

import functools
import operator
from collections.abc import Mapping
from fnmatch import fnmatchcase

from recloop.plan import components
from recloop.plan.values import for_dataset, for_training

PARTS = ("model", "training", "dialogue", "inference")  # of a run's settings
NOT_KEYWORDS = ("label", "item_vectors", "needs")  # what a model's entry says beside keywords


def resolved(paper: Mapping, here: Mapping, name: str, dataset: str) -> dict[str, dict]:
    """Lay what a tier changes over what a study says of a model, for one data set.

    Args:
        paper: the study: `models`, and perhaps `training`, `dialogue` and `inference`.
        here: what the tier changes: the same three, `every_model` and, by names or patterns, `models`.
        name: of the model.
        dataset: whose value counts where there is one for each.

    Returns:
        `inference`, `dialogue`, `training` and `model`: keywords and values; `needs`: other models, by what this one
        does with their weights.
    """
    entry, own = paper["models"][name], changes_of(here, name)
    parts = {}
    for part in ("inference", "dialogue", "training"):
        layers = [source.get(part, {}) for source in (paper, entry, here, own)]
        picked = for_training if part == "training" else for_dataset
        parts[part] = picked(functools.reduce(operator.or_, layers), dataset)
    entry = for_dataset(entry, dataset)
    for key, value in for_dataset(here.get("every_model", {}), dataset).items():
        if components.holder(entry, key) is not None:
            components.put(entry, key, value)
    for key, value in for_dataset(own, dataset).items():
        components.put(entry, key, value)
    needs = {"item_vectors": entry["item_vectors"]} if "item_vectors" in entry else {}
    words = (*NOT_KEYWORDS, *PARTS)
    parts["model"] = {key: value for key, value in entry.items() if key not in words}
    return parts | {"needs": entry.get("needs", {}) | needs}


def changes_of(here: Mapping, name: str) -> dict:
    """Join what a tier's `models` say of a model, by its name or by patterns; what comes later counts."""
    found: dict = {}
    for pattern, changes in here.get("models", {}).items():
        if fnmatchcase(name, pattern):
            parts = {part: found.get(part, {}) | changes[part] for part in PARTS & changes.keys()}
            found |= changes | parts
    return found
