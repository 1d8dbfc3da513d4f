"""Which language models stand behind the numbers, and how well those of our own know the language that they learnt."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from recloop.report import labels
from recloop.report.evidence import Evidence
from recloop.report.outline import Grid, Part
from recloop.report.printing import number

HEAD = ("part", "what it is", "perplexity", "bigram", "unigram")
TEXT = (
    "Small language models of our own are **not the paper's**: each learns to go on with texts of a source that no "
    "evaluation uses. Perplexity is per token of held-out texts, beside that of counting tokens and pairs of tokens."
)
KIN = ("part", "data set", "prefers kin", "95% interval", "pairs")
KIN_TEXT = (
    "What they know of the items before they learn anything here: behind the title of an item, does the title of "
    "another one of its brand (or artist) gain more likelihood than that of an item of another brand? Brands are not "
    "said; chance is 0.5."
)


def section(evidence: Evidence) -> list[Part]:
    """Describe every language model that the tier uses, and what it knows of the items where that was measured."""
    used = evidence.tier.get("language_models")
    if not used:
        return []
    ours = any(model["place"] for model in used.values())
    known = [one for name in sorted(used) for one in kin(evidence, used[name])]
    grids = [Grid(HEAD, [row(used[name]) for name in sorted(used)])]
    return [*([TEXT] if ours else []), *grids, *([KIN_TEXT, Grid(KIN, known)] if known else [])]


def kin(evidence: Evidence, model: Mapping) -> Iterator[list[str]]:
    """Say of each data set how often a model prefers kin."""
    for dataset, path in model.get("knows", {}).items():
        if not Path(path).exists():
            continue
        place = [model["label"], labels.origin(evidence, dataset)]
        if (found := json.loads(Path(path).read_text(encoding="utf-8"))["kin"]) is None:
            yield [*place, "no two items are known to be kin", "–", "–"]
            continue
        low, high = (number(found[name], 4) for name in ("low", "high"))
        yield [*place, number(found["preferred"], 4), f"[{low}, {high}]", f"{found['pairs']:,}"]


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
