"""`intents`: what the intents of some models know and look like, by `show`.

- `show: measures`: a table, `models` in `panels` against `measures` without a cut-off, of intents or of environments.
- `show: training`: a figure, ELBO and KL on the validation part over the updates, a curve per model.
- `show: day`: a figure, clusters of the prior means of one model (the first of `models`): their share by hour, and the
  day of the test user with most events of one day, with what the user did next.

Keywords: `datasets`, `show`.
"""

import json
from collections.abc import Iterator, Mapping
from string import ascii_lowercase

import numpy as np
import polars as pl

from recloop.evaluation.intents import clusters, matrix
from recloop.evaluation.results import Quantity
from recloop.report import labels, plots, tables
from recloop.report.evidence import Evidence
from recloop.report.exhibits import curves, grid
from recloop.report.plots import Drawn, Panel, Plot
from recloop.report.tables import CELL, Table

NEEDS = ("datasets", "show")  # keywords
HEIGHT = 1.5  # inches
AXIS = "hour of day (UTC)"
TERMS = {"elbo": "ELBO", "kl": "KL"}
DAY, HOUR = 86_400_000, 3_600_000  # milliseconds
DID = {"purchase": "P", "repeated": "s", "alike": "o", "other": "^"}  # markers of what came next


def make(evidence: Evidence, entry: Mapping, name: str) -> Table | Plot:
    """Show what the entry asks for."""
    if entry["show"] == "measures":
        return measured(evidence, entry, name)
    ways = {"training": over_updates, "day": over_day}
    if entry["show"] not in ways:
        known = ", ".join(["measures", *ways])
        raise ValueError(f"{name} shows {entry['show']!r} of intents, expected {known}.")
    return plots.together(evidence, entry, ways[entry["show"]](evidence, entry))


def measured(evidence: Evidence, entry: Mapping, name: str) -> Table:
    """Set models against measures; what a model has nothing to say about stays empty."""
    rows = [
        tables.cell(evidence, name, panel["title"], Quantity(dataset, model, measure, 0))
        | grid.renamed(evidence.study, entry, model)
        for dataset in entry["datasets"]
        for panel in entry["panels"]
        for model in panel["models"]
        for measure in entry["measures"]
    ]
    # Nothing is ranked: an intent that tells more of what happens need not recommend better.
    cells = pl.DataFrame(rows, schema=CELL).with_columns(
        difference=pl.lit(None, pl.Float64),
        rank=pl.lit(None, pl.Int64),
        not_run=pl.col("not_run").str.replace(r"^.*@0 was not computed$", "no such measure here"),
    )
    return tables.table(evidence, entry, name, cells)


def over_updates(evidence: Evidence, entry: Mapping) -> Iterator[Drawn]:
    """Collect ELBO and KL of every validation, a panel per data set and term."""
    kept = noted(evidence)
    ran = {dataset for dataset, _ in kept}
    # What was not run is said once, not once per term.
    places = [
        (dataset, term)
        for dataset in entry["datasets"]
        for term in (TERMS if dataset in ran else list(TERMS)[:1])
    ]
    for (dataset, term), letter in zip(places, ascii_lowercase, strict=False):
        rows = []
        for model in entry["models"]:
            quantity = Quantity(dataset, model, TERMS[term], 0)
            about = plots.about(evidence, letter, quantity, labels.model(evidence.study, model))
            found = [
                {"place": float(row["update"]), "seed": seed, "value": row[term]}
                for seed, history in kept.get((dataset, model), {}).items()
                for row in history
            ]
            reason = evidence.why(quantity._replace(metric="NDCG", k=10)) or "no curve was kept"
            rows += [about | point for point in found or [{"not_run": reason}]]
        title = labels.panel_title(evidence, dataset)
        given = (letter, title, curves.draw, HEIGHT, (TERMS[term],), "update")
        yield Panel(*given, measure=f"{TERMS[term]} (nats, valid)", beside=True), rows


def noted(evidence: Evidence) -> dict[tuple[str, str], dict[int, list[dict]]]:
    """Read what trainings noted of intents, by data set and model, then by seed."""
    found: dict[tuple[str, str], dict[int, list[dict]]] = {}
    for run in evidence.runs:
        record = json.loads(run.read_text())
        if record.get("intents"):
            place = record["dataset"], record["model"]
            found.setdefault(place, {})[record["seed"]] = record["intents"]
    return found


def over_day(evidence: Evidence, entry: Mapping) -> Iterator[Drawn]:
    """Collect the shares of clusters by hour and one user's day, two panels per data set."""
    letters = iter(ascii_lowercase)
    (model, *_) = entry["models"]
    for dataset in entry["datasets"]:
        title = labels.panel_title(evidence, dataset)
        about = Quantity(dataset, model, "cluster", 0)
        lists = lists_of(evidence, dataset, model)
        if lists is None:
            letter = next(letters)
            point = plots.about(evidence, letter, about, None)
            point |= {"not_run": evidence.why(about) or "no intents were kept"}
            yield Panel(letter, title, draw_hours, HEIGHT, ("cluster",)), [point]
            continue
        for show, words in ((by_hour, ""), (one_day, ", one user's day")):
            letter = next(letters)
            rows = [plots.about(evidence, letter, about, None) | point for point in show(lists)]
            yield Panel(letter, title + words, DRAWN[show], HEIGHT, ("cluster",), AXIS), rows


def lists_of(evidence: Evidence, dataset: str, model: str) -> pl.DataFrame | None:
    """Read the lists of a model's first seed with hour, day and cluster of every event; None without intents."""
    seeds = evidence.results.seeds(dataset, [model])
    if not seeds:
        return None
    lists = evidence.results.lists(evidence.results.folders[dataset, model][seeds[0]])
    if "intent" not in lists.columns or not lists["time"].max():
        return None
    did = pl.lit("other")
    for name in ("alike", "repeated", "purchase"):
        did = pl.when(pl.col(name)).then(pl.lit(name)).otherwise(did)
    return lists.with_columns(
        cluster=clusters(matrix(lists, "intent")),
        day=pl.col("time") // DAY,
        hour=(pl.col("time") % DAY) / HOUR,
        did=did,
    )


def by_hour(lists: pl.DataFrame) -> list[dict]:
    """Count the share of every cluster among the events of each hour."""
    hours = lists.with_columns(place=pl.col("time") % DAY // HOUR)
    shares = hours.group_by("place", "cluster").len().sort("place", "cluster")
    shares = shares.with_columns(value=pl.col("len") / pl.col("len").sum().over("place"))
    return [
        {"place": row["place"], "label": f"cluster {row['cluster'] + 1}", "value": row["value"]}
        for row in shares.iter_rows(named=True)
    ]


def one_day(lists: pl.DataFrame) -> list[dict]:
    """List the events of the user's day with most test events, the first of several."""
    fullest = (
        lists.group_by("user", "day")
        .len()
        .sort(["len", "user", "day"], descending=[True, False, False])
    )
    user, day, _ = fullest.row(0)
    events = lists.filter(pl.col("user").eq_missing(user) & (pl.col("day") == day)).sort("time")
    return [
        {
            "place": row["hour"],
            "label": f"cluster {row['cluster'] + 1}",
            "series": row["did"],
            "value": row["cluster"] + 1,
        }
        for row in events.iter_rows(named=True)
    ]


def draw_hours(panel: Panel, data: pl.DataFrame, row) -> None:
    """Stack the shares of the clusters over the hours."""
    from recloop.report import drawing

    (ax,) = row.axes(1, left=0.55, gap=0.0, right=drawing.BESIDE)
    data = data.drop_nulls("value")
    below = np.zeros(24)
    for number, name in enumerate(sorted(data["label"].unique())):
        mine = data.filter(label=name)
        shares = np.zeros(24)
        shares[mine["place"].to_numpy().astype(int)] = mine["value"].to_numpy()
        ax.bar(
            np.arange(24) + 0.5,
            shares,
            1.0,
            below,
            label=name,
            color=drawing.PALETTE[number],
            linewidth=0,
        )
        below += shares
    finish(ax, panel, "share of events")


def draw_day(panel: Panel, data: pl.DataFrame, row) -> None:
    """Mark every event at its hour and cluster by what the user did next."""
    from recloop.report import drawing

    (ax,) = row.axes(1, left=0.55, gap=0.0, right=drawing.BESIDE)
    data = data.drop_nulls("value")
    ax.plot(data["place"], data["value"], color="0.7", linewidth=0.8, zorder=1)
    for number, (name, marker) in enumerate(DID.items()):
        mine = data.filter(series=name)
        style = {
            "color": drawing.PALETTE[number],
            "marker": marker,
            "linestyle": "none",
            "markersize": 4,
        }
        ax.plot(mine["place"], mine["value"], label=f"then {name}", **style)
    most = max(data["value"].max() or 0, 4)
    ax.set_yticks(range(1, int(most) + 1))
    ax.set_ylim(0.5, most + 0.5)
    finish(ax, panel, "cluster")


def finish(ax, panel: Panel, measure: str) -> None:
    """Label the axes of a whole day and put the legend beside them."""
    from recloop.report import drawing

    ax.set_xlabel(panel.axis, labelpad=1)
    ax.set_ylabel(measure)
    ax.set_xlim(0, 24)
    drawing.legend(ax)


DRAWN = {by_hour: draw_hours, one_day: draw_day}
