"""`peers`: what two models that trained together exchanged, epoch by epoch, a panel per data set.

Keywords: `datasets`, `models` and `shown`: `cosine` between the weights of both, a curve per model, or `shares`, how
much of its own each part of the first peer keeps, a curve per part of one model.
"""

import json
from collections.abc import Iterator, Mapping
from string import ascii_lowercase

from recloop.evaluation.results import Quantity
from recloop.report import labels, plots
from recloop.report.evidence import Evidence
from recloop.report.exhibits.curves import HEIGHT, draw
from recloop.report.plots import Drawn, Panel, Plot

NEEDS = ("datasets", "models", "shown")  # keywords
MEASURES = {"cosine": "cosine between peers", "shares": "own share w"}


def make(evidence: Evidence, entry: Mapping, name: str) -> Plot:
    """Show what peers exchanged."""
    if (shown := entry["shown"]) not in MEASURES:
        raise ValueError(f"{name} shows {shown!r} of peers, expected {' or '.join(MEASURES)}.")
    return plots.together(evidence, entry, panels(evidence, entry, shown))


def panels(evidence: Evidence, entry: Mapping, shown: str) -> Iterator[Drawn]:
    """Collect the records of all runs, a panel per data set."""
    for dataset, letter in zip(entry["datasets"], ascii_lowercase, strict=False):
        rows = []
        for model in entry["models"]:
            quantity = Quantity(dataset, model, MEASURES[shown], 0)
            found = plots.about(evidence, letter, quantity, labels.model(evidence.study, model))
            measured = [found | point for point in points(evidence, quantity, shown)]
            rows += measured or [found | {"not_run": evidence.why(quantity)}]
        title, axis = labels.panel_title(evidence, dataset), "epoch"
        yield Panel(letter, title, draw, HEIGHT, (), axis, measure=MEASURES[shown]), rows


def points(evidence: Evidence, quantity: Quantity, shown: str) -> Iterator[dict]:
    """Read the records of a model, one point per seed, epoch and curve."""
    for run in evidence.runs:
        record = json.loads(run.read_text())
        if (record["dataset"], record["model"]) != (quantity.dataset, quantity.model):
            continue
        for label, values in curves(record["peers"], shown):
            named = {"seed": record["seed"]} | ({"label": label} if label else {})
            yield from (
                named | {"place": epoch, "value": value}
                for epoch, value in enumerate(values, 1)
                if value is not None
            )


def curves(peers: Mapping, shown: str) -> list[tuple[str | None, list]]:
    """List the curves of one run: over all tensors together, or one for each with its name."""
    if shown == "cosine":
        return [(None, peers["cosine"]["all"])]
    columns: dict[str, list] = {}
    for name, values in zip(
        peers["tensors"], zip(*peers["shares"]["one"], strict=True), strict=True
    ):
        columns.setdefault(part(name), []).append(values)
    return [
        (name, [mean(epoch) for epoch in zip(*own, strict=True)]) for name, own in columns.items()
    ]


def part(name: str) -> str:
    """Name the part of a model that a tensor is of: the tensors of a block go together."""
    words = [word for word in name.split(".") if word not in ("backbone", "weight")]
    block = next((place for place, word in enumerate(words) if word.isdecimal()), 0)
    return " ".join(words[: block + 1])


def mean(values: tuple) -> float | None:
    """Average what was measured; None where nothing was."""
    found = [value for value in values if value is not None]
    return sum(found) / len(found) if found else None
