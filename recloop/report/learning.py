"""What learning from rewards did: scores over the updates, gains over no rewards at all, what asking for more gives."""

import re
from collections.abc import Mapping
from itertools import product
from string import ascii_lowercase

import numpy as np

from recloop.evaluation.results import Quantity
from recloop.evaluation.significance import LEVEL
from recloop.report import labels, panels, tables
from recloop.report.evidence import Evidence
from recloop.report.panels import Panel, Plot

VALIDATION = ("NDCG", 10)  # what the training loops select by
NO_SERIES = "no rewards"  # of a run that is no point of a sweep
SWEPT = re.compile(r",\w+=\{.*?\}")


def updates(evidence: Evidence, entry: Mapping) -> Plot:
    """Show the validation score over the updates, a panel per data set, a curve per model."""
    drawn = [
        over_updates(evidence, entry, dataset, letter)
        for dataset, letter in zip(entry["datasets"], ascii_lowercase, strict=False)
    ]
    return panels.together(evidence, entry, drawn)


def over_updates(
    evidence: Evidence, entry: Mapping, dataset: str, letter: str
) -> tuple[Panel, list[dict]]:
    """Collect the curves of one data set."""
    rows = []
    for model in entry["models"]:
        quantity = Quantity(dataset, model, *VALIDATION)
        found = panels.about(evidence, letter, quantity, labels.model(evidence.study, model))
        rows += [found | point for point in curve(evidence, quantity)]
    metric = labels.metric(*VALIDATION)
    title = labels.panel_title(evidence, dataset)
    return Panel(letter, title, "curves", (metric,), "update", measure=f"valid {metric}"), rows


def curve(evidence: Evidence, quantity: Quantity) -> list[dict]:
    """Read every validation of a model, or why there is none."""
    mine = evidence.curves.filter(dataset=quantity.dataset, model=quantity.model)
    columns = {"place": "update", "seed": "seed", "value": "valid_ndcg10"}
    rows = mine.select(**{name: column for name, column in columns.items()}).to_dicts()
    return rows or [{"not_run": evidence.why(quantity) or "no curve was kept"}]


def gains(evidence: Evidence, entry: Mapping) -> Plot:
    """Show by how much each model beats the `baseline`, with its rewards and with each placebo in their place.

    Series are the values of the swept keyword, named by `names` of the entry.
    """
    pairs = product(entry["datasets"], entry["metrics"])
    drawn = [
        over_baseline(evidence, entry, dataset, metric, letter)
        for (dataset, metric), letter in zip(pairs, ascii_lowercase, strict=False)
    ]
    return panels.together(evidence, entry, drawn)


def over_baseline(
    evidence: Evidence, entry: Mapping, dataset: str, metric: str, letter: str
) -> tuple[Panel, list[dict]]:
    """Collect the gains on one data set."""
    rows = []
    for model in entry["models"]:
        label = labels.model(evidence.study, model.partition(",")[0])
        for value, name in evidence.points(model, dataset):
            mine = Quantity(dataset, name, *tables.split(metric))
            key, plain = (name, NO_SERIES) if value is None else (value, str(value))
            series = entry["names"].get(key, plain)
            found = panels.about(evidence, letter, mine, label) | {"series": series}
            rows.append(found | gain(evidence, mine, entry["baseline"]))
    title, measure = labels.panel_title(evidence, dataset), labels.metric(*tables.split(metric))
    baseline = entry["names"].get(entry["baseline"], entry["baseline"])
    return Panel(letter, title, "gains", (metric,), baseline=baseline, measure=measure), rows


def gain(evidence: Evidence, mine: Quantity, baseline: str) -> dict:
    """Subtract the baseline, with an interval from the bootstrap over sessions and seeds; or say why there is none."""
    theirs = mine._replace(model=baseline)
    if reason := evidence.why(mine) or evidence.why(theirs):
        return {"not_run": reason}
    seeds = evidence.results.seeds(mine.dataset, [mine.model, baseline])
    if not seeds:
        return {"not_run": "its runs share no seed"}
    sampling, sides = evidence.sampling, ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
    low, high = np.quantile(sampling.draw(mine, seeds) - sampling.draw(theirs, seeds), sides)
    value = sampling.observed(mine, seeds) - sampling.observed(theirs, seeds)
    return {"value": value, "low": float(low), "high": float(high)}


def calibration(evidence: Evidence, entry: Mapping) -> Plot:
    """Show what a model gives over what it is asked for, a panel per data set and metric, a curve per model."""
    pairs = product(entry["datasets"], entry["metrics"])
    drawn = [
        over_asked(evidence, entry, dataset, metric, letter)
        for (dataset, metric), letter in zip(pairs, ascii_lowercase, strict=False)
    ]
    return panels.together(evidence, entry, drawn)


def over_asked(
    evidence: Evidence, entry: Mapping, dataset: str, metric: str, letter: str
) -> tuple[Panel, list[dict]]:
    """Collect one metric on one data set."""
    rows = []
    for model in entry["models"]:
        label = labels.model(evidence.study, fixed(model))
        places = [(value, name, label) for value, name in evidence.points(model, dataset)]
        rows += panels.points(evidence, letter, dataset, [metric], places)
    measure, title = labels.metric(*tables.split(metric)), labels.panel_title(evidence, dataset)
    return Panel(letter, title, "curves", (metric,), entry["axis"], measure=measure), rows


def fixed(model: str) -> str:
    """Leave out of a model's name what is swept: `prl,prompt=dead,ask={1,2}` is `prl,prompt=dead`."""
    return SWEPT.sub("", model)
