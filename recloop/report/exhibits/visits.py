"""`visits`: sessions with users who look for something, turn by turn: what was shown, and the comment below it.

Keywords: `datasets` (one), `models`, and `turns`, most of them to draw. The session is picked by a rule, not by eye:
the first in which the last model is done in 3 to `turns` turns; where there is none, the first of all.
"""

from collections.abc import Mapping
from functools import partial
from textwrap import fill

import polars as pl

from recloop.data.pictures import Pictures
from recloop.evaluation.results import Quantity, read_lists
from recloop.report import labels
from recloop.report.evidence import Evidence
from recloop.report.exhibits import example
from recloop.report.plots import Plot

NEEDS = ("datasets", "models", "turns")  # keywords
DATA = {
    **dict.fromkeys(["panel", "dataset", "model"], pl.String),
    **dict.fromkeys(["session", "turn", "item", "target", "violated"], pl.Int64),
    "solved": pl.Boolean,
    "critique": pl.String,
    "value": pl.Float64,
    "not_run": pl.String,
}
LEAST = 3  # turns of a session that shows something
WIDE, ROW = 0.98, 1.15  # inches of a turn
TOP, MARGIN = 0.42, 0.9  # inches above the first row, and for its name
DONE = "this is what I want"


def make(evidence: Evidence, entry: Mapping, name: str) -> Plot:
    """Draw one session with each model of an entry."""
    (dataset,), models = entry["datasets"], entry["models"]
    stamp = labels.stamp(evidence, [dataset])
    folder, seeds = evidence.pictures(dataset), evidence.results.seeds(dataset, models)
    if not seeds or not folder:
        reasons = (evidence.why(Quantity(dataset, one, "NI", 0)) for one in models)
        reason = next(filter(None, reasons), None) or "its catalogue has no pictures"
        data = pl.DataFrame([{"dataset": dataset, "not_run": reason}], schema=DATA)
        return Plot((), data, stamp, partial(example.draw_reason, reason, stamp))
    lists = {one: read_lists(evidence.results.folders[dataset, one][seeds[0]]) for one in models}
    session = choose(lists[models[-1]], entry["turns"])
    shown = {
        one: rows.filter(session=session).head(entry["turns"]).to_dicts()
        for one, rows in lists.items()
    }
    data = pl.DataFrame(
        [
            {
                "dataset": dataset,
                "model": one,
                "turn": row["position"],
                "value": 1.0 * row["solved"],
            }
            | {key: row[key] for key in DATA.keys() & row.keys()}
            for one, rows in shown.items()
            for row in rows
        ],
        schema=DATA,
    )
    content = {
        "rows": [(labels.model(evidence.study, one), rows) for one, rows in shown.items()],
        "pictures": Pictures.open(folder),
        "title": f"{labels.panel_title(evidence, dataset)}: session {session}",
        "stamp": stamp,
    }
    return Plot((), data, stamp, partial(draw, content))


def choose(lists: pl.DataFrame, turns: int) -> int:
    """Pick the session by the declared rule."""
    found = lists.group_by("session").agg(pl.len(), pl.col("solved").any()).sort("session")
    good = found.filter(pl.col("solved") & pl.col("len").is_between(LEAST, turns))
    return (good if len(good) else found)["session"][0]


def draw(content: Mapping):
    """Draw a row per model: its name, then turn by turn picture and comment."""
    from recloop.report.drawing import wrapped
    from recloop.report.storyboard import PLAIN, SIZE, TARGET, Canvas

    lines = wrapped(content["stamp"], 190)
    foot = 0.1 + 0.09 * len(lines)
    high = foot + TOP + ROW * len(content["rows"])
    canvas = Canvas(high, content["pictures"])
    canvas.write(0.05, high - 0.12, content["title"], fontsize=7, va="center")
    target = content["rows"][0][1][0]["target"]
    for number, (name, rows) in enumerate(content["rows"]):
        top = high - TOP - ROW * number
        style = {"fontsize": 6, "va": "top", "fontweight": "bold"}
        canvas.write(0.05, top, fill(labels.indexed(name), 14), **style)
        for place, row in enumerate(rows):
            x = MARGIN + place * WIDE
            frame = TARGET if row["item"] == target else PLAIN
            canvas.picture(row["item"], x, top - SIZE, TARGET if row["solved"] else frame)
            said = DONE if row["solved"] else f"“{row['critique']}”"
            style = {"fontsize": 5, "va": "top", "style": "italic", "linespacing": 1.1}
            canvas.write(x, top - SIZE - 0.04, fill(said, 20, max_lines=4), **style)
    canvas.write(0.05, foot / 2, "\n".join(lines), fontsize=5, color="0.35", va="center")
    return canvas.figure
