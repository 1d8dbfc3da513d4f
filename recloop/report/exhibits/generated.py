"""`generated`: what stands behind generated items, by `show`.

- `show: parser`: a table, how often the words that judge attributes are right about lines labelled by hand.
- `show: cases`: a figure of words: what users had, what some `models` say to them, and what they took. Users are picked
  by a rule: at the quartiles of the last model's ROUGE.

Keywords: `datasets`, `show`.
"""

from collections.abc import Mapping
from textwrap import wrap

import numpy as np
import polars as pl

from recloop.evaluation.results import Quantity
from recloop.language.attributes import ATTRIBUTES, LABELLED, reliability
from recloop.report import labels, tables
from recloop.report.evidence import Evidence
from recloop.report.plots import Plot
from recloop.report.tables import CELL, Table

NEEDS = ("datasets", "show")  # keywords
QUARTILES = (1.0, 0.75, 0.5, 0.25)
MEASURES = {"precision": "Precision", "recall": "Recall"}
CASE = {
    **dict.fromkeys(["dataset", "model", "label", "user", "meant", "text"], pl.String),
    "session": pl.Int64,
    "value": pl.Float64,
    "not_run": pl.String,
}
LINE, FOOT, SMALL = 0.115, 0.2, 5.6  # inches, inches, points
LETTERS, INDENT = 74, "   "  # of a line
NARROWER = 0.85  # of them, in bold


def make(evidence: Evidence, entry: Mapping, name: str) -> Table | Plot:
    """Show what the entry asks for."""
    if entry["show"] not in ("parser", "cases"):
        raise ValueError(
            f"{name} shows {entry['show']!r} of generated items, expected parser, cases."
        )
    return parser(evidence, entry, name) if entry["show"] == "parser" else cases(evidence, entry)


# -- the judge of attributes -------------------------------------------------------------------------------------------


def parser(evidence: Evidence, entry: Mapping, name: str) -> Table:
    """Count how often words are right about the labelled lines; it is the same on every data set."""
    group = f"{len(LABELLED)} lines labelled by hand"
    rows = [
        tables.cell(evidence, name, group, Quantity(dataset, attribute, measure, 0))
        | {"ours": reliability(attribute)[measure], "not_run": None, "seeds": 1}
        | {"row": described(attribute), "column": MEASURES[measure], "digits": 2}
        for dataset in entry["datasets"]
        for attribute in ATTRIBUTES
        for measure in MEASURES
    ]
    cells = pl.DataFrame(rows, schema=CELL).with_columns(
        difference=pl.lit(None, pl.Float64), rank=pl.lit(None, pl.Int64)
    )
    return tables.table(evidence, entry, name, cells)


def described(attribute: str) -> str:
    """Name an attribute, and how many lines have it."""
    return f"{attribute} ({reliability(attribute)['lines']} lines)"


# -- cases -------------------------------------------------------------------------------------------------------------


def cases(evidence: Evidence, entry: Mapping) -> Plot:
    """Collect what models say to some users."""
    rows = [row for dataset in entry["datasets"] for row in told(evidence, entry, dataset)]
    stamp = labels.stamp(evidence, entry["datasets"])
    data = pl.DataFrame(rows, schema=CASE)
    return Plot((), data, stamp, lambda: draw(data, stamp))


def told(evidence: Evidence, entry: Mapping, dataset: str) -> list[dict]:
    """List what models say to the users of a data set, or why there is nothing."""
    models = entry["models"]
    ran = [model for model in models if evidence.results.seeds(dataset, [model])]
    lists = {model: texts_of(evidence, dataset, model) for model in ran}
    lists = {model: rows for model, rows in lists.items() if rows is not None}
    if not lists:
        reason = evidence.why(Quantity(dataset, models[-1], "ROUGE", 0)) or "nothing was said"
        return [{"dataset": dataset, "not_run": reason}]
    judge = lists[[*lists][-1]]
    return [
        {
            "dataset": dataset,
            "model": model,
            "label": labels.model(evidence.study, model),
            "value": row["rouge"],
            **{key: row[key] for key in ("session", "user", "meant", "text")},
        }
        for session in picked(judge)
        for model, rows in lists.items()
        for row in rows.filter(session=session).head(1).iter_rows(named=True)
    ]


def texts_of(evidence: Evidence, dataset: str, model: str) -> pl.DataFrame | None:
    """Read the lists of a model's first seed; None where it says nothing."""
    seed = evidence.results.seeds(dataset, [model])[0]
    lists = evidence.results.lists(evidence.results.folders[dataset, model][seed])
    return lists if "text" in lists.columns else None


def picked(lists: pl.DataFrame) -> list[int]:
    """Pick the users at the quartiles of ROUGE, the best first."""
    order = lists.sort("rouge", "session")["session"].to_list()
    places = [round(share * (len(order) - 1)) for share in QUARTILES]
    return [order[place] for place in dict.fromkeys(places)]


def lines(data: pl.DataFrame) -> list[tuple[str, str]]:
    """Write the cases as lines, each with its weight."""
    found = [(f"not run: {reason}", "normal") for reason in data["not_run"].drop_nulls()]
    for (session,), rows in data.drop_nulls("text").group_by("session", maintain_order=True):
        found += folded(f"user {session}: {rows['user'][0]}", "", "normal")
        for row in rows.iter_rows(named=True):
            found += folded(f"{row['label']}: {row['text'] or '(nothing)'}", INDENT, "normal")
        found += [*folded(f"taken next: {rows['meant'][0]}", INDENT, "bold"), ("", "normal")]
    return found


def folded(text: str, indent: str, weight: str) -> list[tuple[str, str]]:
    """Break a text into lines that the column has room for."""
    given = {"initial_indent": indent, "subsequent_indent": indent + INDENT}
    room = LETTERS if weight == "normal" else round(NARROWER * LETTERS)
    return [(line, weight) for line in wrap(text, room, **given)]


def draw(data: pl.DataFrame, stamp: str):
    """Write the cases below one another."""
    from matplotlib.figure import Figure

    from recloop.report.drawing import WIDTH, wrapped

    written, foot = lines(data), wrapped(stamp)
    high = LINE * (len(written) + len(foot)) + FOOT
    figure = Figure(figsize=(WIDTH, high))
    tops = high - 0.1 - LINE * np.arange(len(written))
    for top, (text, weight) in zip(tops, written, strict=True):
        style = {"fontsize": SMALL, "fontweight": weight, "va": "top", "parse_math": False}
        figure.text(0.01, top / high, text, **style)
    figure.text(0.01, 0.03, "\n".join(foot), fontsize=4.5, color="0.35", va="bottom")
    return figure
