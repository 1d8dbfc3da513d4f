"""Which language models stand behind the numbers, and how well those of our own know the language that they learnt."""

import json
from collections.abc import Mapping
from pathlib import Path

from recloop.report.evidence import Evidence
from recloop.report.outline import Grid, Part
from recloop.report.printing import number

HEAD = ("part", "what it is", "perplexity", "bigram", "unigram")
TEXT = (
    "Small language models of our own are **not the paper's**: each learns to go on with texts of a source that no "
    "evaluation uses. Perplexity is per token of held-out texts, beside that of counting tokens and pairs of tokens."
)


def section(evidence: Evidence) -> list[Part]:
    """Describe every language model that the tier uses."""
    used = evidence.tier.get("language_models")
    if not used:
        return []
    ours = any(model["place"] for model in used.values())
    return [*([TEXT] if ours else []), Grid(HEAD, [row(used[name]) for name in sorted(used)])]


def row(model: Mapping) -> list[str]:
    """Describe one language model."""
    settings, place = model["settings"], model["place"]
    if not place:
        return [model["label"], f"published: {published(settings)}", *["–"] * 3]
    record = json.loads((Path(place) / "model.json").read_text())
    what = f"**ours**: {record['parameters']:,} numbers, trained on {model['learnt_from']}"
    measures = (number(record["perplexity"][name], 2) for name in ("model", "bigram", "unigram"))
    return [model["label"], what, *measures]


def published(settings: Mapping) -> str:
    """Name a language model that is not ours."""
    if "provider" in settings:
        return f"{settings['provider']['name']} of a provider"
    return settings.get("package") or f"{settings['name']} at `{settings['revision']}`"
