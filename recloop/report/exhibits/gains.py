"""`gains`: by how much each model beats the `baseline`, in a row per model a dot per value of its sweep.

Keywords: `datasets`, `metrics` (a panel per pair of both), `models`, `baseline`, and `names` of the series in print: by
value of the sweep, or by model for one that sweeps nothing. Models under `apart` stand below in rows of their own, with
what `names` says of `apart` behind their labels.
"""

from collections.abc import Mapping
from itertools import product
from string import ascii_lowercase

import numpy as np
import polars as pl

from recloop.evaluation.results import Quantity
from recloop.evaluation.significance import LEVEL
from recloop.report import labels, plots
from recloop.report.evidence import Evidence
from recloop.report.plots import Drawn, Panel, Plot
from recloop.report.tables import split

NEEDS = ("datasets", "metrics", "models", "baseline", "names")  # keywords
NO_SERIES = "no rewards"  # of a run that is no point of a sweep
GAIN = 0.25  # inches, height of a row
AROUND = 0.95  # inches, what stands above and below the rows
LETTER = 0.062  # inches, width of a letter of a tick label


def make(evidence: Evidence, entry: Mapping, name: str) -> Plot:
    """Show gains over the baseline."""
    pairs = product(entry["datasets"], entry["metrics"])
    drawn = [
        panel(evidence, entry, dataset, metric, letter)
        for (dataset, metric), letter in zip(pairs, ascii_lowercase, strict=False)
    ]
    return plots.together(evidence, entry, drawn)


def panel(evidence: Evidence, entry: Mapping, dataset: str, metric: str, letter: str) -> Drawn:
    """Collect the gains in one metric on one data set."""
    rows, names = [], entry["names"]
    suffixes = [(model, "") for model in entry["models"]]
    suffixes += [(model, f" ({names['apart']})") for model in entry.get("apart", [])]
    for model, suffix in suffixes:
        label = labels.model(evidence.study, model.partition(",")[0]) + suffix
        for value, name in evidence.points(model, dataset):
            mine = Quantity(dataset, name, *split(metric))
            key, plain = (name, NO_SERIES) if value is None else (value, str(value))
            series = names.get(key, plain)
            found = plots.about(evidence, letter, mine, label) | {"series": series}
            rows.append(found | gain(evidence, mine, entry["baseline"]))
    title, measure = labels.panel_title(evidence, dataset), labels.metric(*split(metric))
    baseline = names.get(entry["baseline"]) or labels.model(evidence.study, entry["baseline"])
    height = AROUND + GAIN * len({row["label"] for row in rows if row.get("value") is not None})
    given = (letter, title, draw, height, (metric,))
    return Panel(*given, baseline=baseline, measure=measure), rows


def gain(evidence: Evidence, mine: Quantity, baseline: str) -> dict:
    """Subtract the baseline, with an interval from the bootstrap over sessions and seeds; or why there is none."""
    theirs = mine._replace(model=baseline)
    if reason := evidence.why(mine) or evidence.why(theirs):
        return {"not_run": reason}
    seeds = evidence.results.seeds(mine.dataset, [mine.model, baseline])
    if not seeds:
        return {"not_run": "its runs share no seed"}
    sampling, ends = evidence.sampling, ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
    low, high = np.quantile(sampling.draw(mine, seeds) - sampling.draw(theirs, seeds), ends)
    value = sampling.observed(mine, seeds) - sampling.observed(theirs, seeds)
    return {"value": value, "low": float(low), "high": float(high)}


def draw(panel: Panel, data: pl.DataFrame, row) -> None:
    """Draw a row per label that was run, in it a dot per series with its interval."""
    from recloop.report import drawing

    there = data.drop_nulls("value")
    names, kinds = (
        there[part].unique(maintain_order=True).to_list() for part in ("label", "series")
    )
    (ax,) = row.axes(1, left=0.1 + LETTER * max(map(len, names)), gap=0.0, above=0.58)
    for number, (kind, offset) in enumerate(
        zip(kinds, drawing.offsets(len(kinds), 0.7), strict=True)
    ):
        mine = there.filter(series=kind)
        at = np.array([names.index(name) for name in mine["label"]]) + offset
        color, marker = drawing.PALETTE[number % 10], drawing.MARKERS[number % 10]
        ax.hlines(at, mine["low"], mine["high"], color=color, linewidth=0.8)
        style = {"color": color, "marker": marker, "linestyle": "none", "markersize": 3}
        ax.plot(mine["value"], at, label=kind, **style)
    ax.axvline(0, color="0.3", linestyle="--", linewidth=0.8)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    text = f"change of {panel.measure} against {panel.baseline}"
    ax.set_xlabel(text, fontsize=7, loc="right", labelpad=1)
    ax.locator_params(axis="x", nbins=5)
    place = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0), "fontsize": 6, "ncols": 3}
    ax.legend(frameon=False, handletextpad=0.2, columnspacing=0.8, borderaxespad=0.2, **place)
