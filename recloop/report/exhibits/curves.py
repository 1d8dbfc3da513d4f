"""`curves`: a curve per model or data set with the legend beside them, `over` turns, updates or values.

- `over: turns`: a metric at every turn up to `turns`; `panels` have `models`, `datasets` and perhaps a `title`.
- `over: updates`: the validation score of `models` as the training went on; a panel per data set. `metrics` names
  what it is of, where that is not NDCG@10; `names` are those of overrides.
- `over: values`: metrics over a swept keyword. With `panels` (`models` with braces, `title`, `axis`): a panel each, a
  curve per model and data set. Without: a panel per data set and metric, a curve per model.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from string import ascii_lowercase

import polars as pl

from recloop.evaluation.results import Quantity
from recloop.report import labels, plots
from recloop.report.evidence import Evidence
from recloop.report.plots import Drawn, Panel, Plot
from recloop.report.tables import split

NEEDS = ("datasets", "over")  # keywords
HEIGHT = 1.75  # inches
VALIDATION = "NDCG@10"  # what most training loops select by
SWEPT = re.compile(r",\w+=\{.*?\}")


def make(evidence: Evidence, entry: Mapping, name: str) -> Plot:
    """Show curves over what the entry asks for."""
    ways: dict[str, Callable] = {"turns": over_turns, "updates": over_updates}
    ways["values"] = over_values if "panels" in entry else over_asked
    if entry.get("over") not in ways:
        known = ", ".join(ways)
        raise ValueError(f"{name} shows curves over {entry.get('over')!r}, expected {known}.")
    return plots.together(evidence, entry, ways[entry["over"]](evidence, entry))


def over_turns(evidence: Evidence, entry: Mapping) -> Iterator[Drawn]:
    """Collect a metric at every turn, a curve per model."""
    (metric,) = entry["metrics"]
    parts = [(part, dataset) for part in entry["panels"] for dataset in part["datasets"]]
    for (part, dataset), letter in zip(parts, ascii_lowercase, strict=False):
        rows = []
        for turn in range(1, entry["turns"] + 1):
            places = [(turn, name, labels.model(evidence.study, name)) for name in part["models"]]
            rows += plots.points(evidence, letter, dataset, [f"{metric}@{turn}"], places)
        title = ", ".join(filter(None, [labels.panel_title(evidence, dataset), part.get("title")]))
        metrics = (f"{metric}@{entry['turns']}",)
        yield Panel(letter, title, draw, HEIGHT, metrics, "turn", measure=metric, beside=True), rows


def over_updates(evidence: Evidence, entry: Mapping) -> Iterator[Drawn]:
    """Collect the validation scores of every training, a panel per data set."""
    validation = split(entry.get("metrics", [VALIDATION])[0])
    metric = labels.metric(*validation)
    for dataset, letter in zip(entry["datasets"], ascii_lowercase, strict=False):
        rows = []
        for model in entry["models"]:
            quantity = Quantity(dataset, model, *validation)
            label = labels.called(evidence.study, entry.get("names", {}), model)
            found = plots.about(evidence, letter, quantity, label)
            rows += [found | point for point in validations(evidence, quantity)]
        title = labels.panel_title(evidence, dataset)
        given = (letter, title, draw, HEIGHT, (metric,), "update")
        yield Panel(*given, measure=f"valid {metric}", beside=True), rows


def validations(evidence: Evidence, quantity: Quantity) -> list[dict]:
    """Read every validation of a model, or why there is none."""
    mine = evidence.curves.filter(dataset=quantity.dataset, model=quantity.model)
    columns = {"place": "update", "seed": "seed", "value": "valid_ndcg10"}
    rows = mine.select(**{name: column for name, column in columns.items()}).to_dicts()
    return rows or [{"not_run": evidence.why(quantity) or "no curve was kept"}]


def over_values(evidence: Evidence, entry: Mapping) -> Iterator[Drawn]:
    """Collect sweeps, a panel per keyword, a curve per model and data set; one that was not run has no curve."""
    (metric,) = entry["metrics"]
    measure = labels.metric(*split(metric))
    for part, letter in zip(entry["panels"], ascii_lowercase, strict=False):
        rows = []
        for model, dataset in product(part["models"], entry["datasets"]):
            words = [labels.model(evidence.study, model.partition(",")[0])]
            words = [*(words * (len(part["models"]) > 1)), labels.dataset(evidence.study, dataset)]
            found = evidence.points(model, dataset)
            places = [(value, name, ", ".join(words)) for value, name in found]
            rows += plots.points(evidence, letter, dataset, entry["metrics"], places)
        given = (letter, part["title"], draw, HEIGHT, (metric,), part["axis"])
        yield Panel(*given, measure=measure, beside=True), rows


def over_asked(evidence: Evidence, entry: Mapping) -> Iterator[Drawn]:
    """Collect what a model gives over what it is asked for, a panel per data set and metric, a curve per model."""
    pairs = product(entry["datasets"], entry["metrics"])
    for (dataset, metric), letter in zip(pairs, ascii_lowercase, strict=False):
        rows = []
        for model in entry["models"]:
            label = labels.model(evidence.study, SWEPT.sub("", model))
            places = [(value, name, label) for value, name in evidence.points(model, dataset)]
            rows += plots.points(evidence, letter, dataset, [metric], places)
        title, measure = labels.panel_title(evidence, dataset), labels.metric(*split(metric))
        given = (letter, title, draw, HEIGHT, (metric,), entry["axis"])
        yield Panel(*given, measure=measure, beside=True), rows


def draw(panel: Panel, data: pl.DataFrame, row) -> None:
    """Draw a curve per label with the legend beside it: mean and standard deviation over seeds."""
    from recloop.report import drawing

    (ax,) = row.axes(1, left=0.55, gap=0.0, right=drawing.BESIDE)
    data = data.drop_nulls("value")
    for number, name in enumerate(drawing.names(data)):
        text = drawing.folded(labels.indexed(name))
        style = {"label": text, "linewidth": 1, "markersize": 3, "markeredgewidth": 0, "band": 0.15}
        place = number % len(drawing.PALETTE)
        color, marker = drawing.PALETTE[place], drawing.MARKERS[place]
        drawing.draw_line(ax, data.filter(label=name), color, marker, **style)
    drawing.ticks(ax, panel.axis, data)
    ax.set_ylabel(panel.measure)
    ax.locator_params(axis="y", nbins=5)
    drawing.legend(ax)
