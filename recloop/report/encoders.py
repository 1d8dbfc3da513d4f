"""Which encoders stand behind the numbers, and how well those of our own name attributes that they never saw."""

import json
from collections.abc import Mapping
from pathlib import Path

from recloop.report.evidence import Evidence
from recloop.report.outline import Grid, Part
from recloop.report.printing import number

HEAD = (
    "encoder",
    "what it is",
    "items",
    "zero-shot accuracy",
    "chance",
    "mean average precision",
    "chance",
)
TEXT = (
    "Small encoders of our own are **not the papers' encoders**: they learn from a catalogue "
    "none of whose items is recommended where they read. "
    "Accuracy is the share of held-out items whose attribute values are named rightly, chance the most frequent "
    "value always; average precision ranks held-out items by an attribute value, chance is its share."
)


def section(evidence: Evidence) -> list[Part]:
    """Describe every encoder that the tier uses."""
    used = evidence.tier.get("encoders")
    if not used:
        return []
    ours = any(encoder["place"] for encoder in used.values())
    return [*([TEXT] if ours else []), Grid(HEAD, [row(name, used[name]) for name in sorted(used)])]


def row(name: str, encoder: Mapping) -> list[str]:
    """Describe one encoder."""
    settings, place = encoder["settings"], encoder["place"]
    if not place:
        return [name, published(settings), *["–"] * 5]
    if settings.get("weights") == "random":
        return [name, "random weights of the shape of one of ours", *["–"] * 5]
    record = json.loads((Path(place) / "encoder.json").read_text())
    found, learnt = record["zero_shot"], record["pictures"]
    size, source = f"{record['parameters']:,} numbers", encoder["learnt_from"]
    what = f"**ours**: a small {settings['class']}, {size}, trained on {source}"
    measures = ("accuracy", "chance", "precision", "precision_chance")
    items = f"{learnt['train']:,} seen, {learnt['held_out']:,} held out"
    shown = [number(found[one], 3) if one in found else "–" for one in measures]
    return [name, what, items, *shown]


def published(settings: Mapping) -> str:
    """Name a published encoder and what was taken of it."""
    revision = settings.get("revision") or settings.get("pretrained")
    origin = f"{settings['name']} at {revision}" if "name" in settings else settings["package"]
    if "shape" in settings:
        return f"random weights of the shape {settings['shape']}, read as {origin}"
    return (
        f"random weights of the shape of {origin}"
        if "weights" in settings
        else f"published: {origin}"
    )
