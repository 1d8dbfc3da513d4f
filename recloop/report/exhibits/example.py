"""`example`: one dialogue with two models side by side: what was shown, liked and answered, turn by turn.

The dialogue is picked by a rule, not by eye. Keywords: `datasets` (one), `models` (two, the proposal second), `turns`,
the last turn to draw.
"""

from collections.abc import Mapping
from functools import partial

import numpy as np
import polars as pl

from recloop.data.pictures import Pictures
from recloop.evaluation.results import Quantity, read_lists
from recloop.report import labels
from recloop.report.evidence import Evidence
from recloop.report.plots import Plot

NEEDS = ("datasets", "models", "turns")  # keywords
DATA = {
    "panel": pl.String,
    "dataset": pl.String,
    "model": pl.String,
    "dialogue": pl.Int64,
    "turn": pl.Int64,
    "place": pl.Int64,
    "item": pl.Int64,
    "liked": pl.Boolean,
    "target": pl.Boolean,
    "critique": pl.String,
    "rank": pl.Float64,
    "value": pl.Float64,
    "rule": pl.String,
    "not_run": pl.String,
}
SOON = (2, 4)  # ours: an example that fits on a page and is no luck of the first list


def make(evidence: Evidence, entry: Mapping, name: str) -> Plot:
    """Draw one test dialogue with the two models of an entry."""
    (dataset,), models = entry["datasets"], entry["models"]
    stamp = labels.stamp(evidence, [dataset])
    seeds = evidence.results.seeds(dataset, models)
    folder = evidence.pictures(dataset)
    if not seeds or not folder:
        reason = missing(evidence, dataset, models) or "its catalogue has no pictures"
        data = pl.DataFrame([{"dataset": dataset, "not_run": reason}], schema=DATA)
        return Plot((), data, stamp, partial(draw_reason, reason, stamp))
    lists = [read_lists(evidence.results.folders[dataset, name][seeds[0]]) for name in models]
    dialogue, rule = choose(*lists)
    turns = [until_success(rows.filter(session=dialogue), entry["turns"]) for rows in lists]
    data = pl.DataFrame(
        [
            row | {"dataset": dataset, "model": name, "dialogue": dialogue, "rule": rule}
            for name, shown in zip(models, turns, strict=True)
            for row in tidy(shown)
        ],
        schema=DATA,
    )
    content = {
        "names": [labels.model(evidence.study, name) for name in models],
        "turns": [[row | {"rank": rank(row)} for row in rows] for rows in turns],
        "target": turns[0][0]["target"],
        "history": history(evidence, dataset, dialogue),
        "pictures": Pictures.open(folder),
        "title": f"{labels.panel_title(evidence, dataset)}: dialogue {dialogue}, {rule}",
        "stamp": stamp,
    }
    return Plot((), data, stamp, partial(draw, content))


def missing(evidence: Evidence, dataset: str, models: list[str]) -> str | None:
    """Explain why there is no run to draw."""
    reasons = (evidence.why(Quantity(dataset, name, "SR", 1)) for name in models)
    return next(filter(None, reasons), None)


def choose(other: pl.DataFrame, proposal: pl.DataFrame) -> tuple[int, str]:
    """Pick the dialogue by the declared rule; returns it with the part of the rule that applied."""
    found = success(other).join(success(proposal), on="session", suffix="_proposal").sort("session")
    soon = pl.col("turn_proposal").is_between(*SOON)
    later = pl.col("turn") > pl.col("turn_proposal")
    rules = {
        "the first in which the proposal needs 2 to 4 turns and the other more": soon & later,
        "the first in which the proposal is faster": later,
        "the first of all, the proposal is never faster": pl.lit(True),
    }
    picked = ((found.filter(mask), rule) for rule, mask in rules.items())
    rows, rule = next((rows, rule) for rows, rule in picked if len(rows))
    return rows["session"][0], rule


def success(lists: pl.DataFrame) -> pl.DataFrame:
    """Find the turn of success of every dialogue, infinity where there is none."""
    turn = pl.col("position").filter(pl.col("solved")).min().cast(pl.Float64)
    return lists.group_by("session").agg(turn=turn.fill_null(np.inf))


def until_success(rows: pl.DataFrame, most: int) -> list[dict]:
    """Cut the turns of a dialogue after its success, and after turn `most`."""
    rows = rows.filter(pl.col("position") <= most).sort("position")
    solved = rows["solved"].to_list()
    return rows.head(solved.index(True) + 1 if True in solved else len(solved)).to_dicts()


def tidy(turns: list[dict]) -> list[dict]:
    """Write one row per picture."""
    return [
        {
            "turn": turn["position"],
            "place": place,
            "item": item,
            "liked": item == turn["liked"],
            "target": item == turn["target"],
            "critique": turn["critique"],
            "rank": rank(turn),
        }
        for turn in turns
        for place, item in enumerate(turn["top"], start=1)
    ]


def rank(turn: Mapping) -> float:
    """Rank the target among items not shown before, in the middle of its ties; 1 is first."""
    return turn["better"] + (max(turn["tied"], 1) + 1) / 2


def history(evidence: Evidence, dataset: str, dialogue: int) -> list[int]:
    """Look up what the user of a dialogue bought before."""
    split = evidence.split(dataset)
    if not split:
        return []
    rows = pl.read_parquet(split["folder"] / "dialogues.parquet").filter(dialogue=dialogue)
    return rows["history"][0].to_list() if len(rows) else []


def draw(content: Mapping):
    """Draw the target, the history and the turns of both models."""
    from recloop.report.storyboard import draw

    return draw(**content)


def draw_reason(reason: str, stamp: str):
    """Write why there is nothing to draw."""
    from recloop.report.storyboard import draw_reason

    return draw_reason(reason, stamp)
