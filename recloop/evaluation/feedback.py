"""What an environment knows of test events that it never learnt from: the measures beside those of all sequences.

Lists of runs that ask an environment have the columns `preferred` and `nearer`, or `listed`, `picked`, `kin` and
`kin_listed` (`recloop.training.asking`). All measures are ours: the thesis prints none.
"""

from pathlib import Path

import polars as pl

from recloop.evaluation import metrics

MEASURES = {  # column: name and what it is
    "preferred": (
        "Preferred",
        "The reward of the next item is above that of one drawn; chance is 0.5.",
    ),
    "nearer": (
        "Nearer",
        "The state is nearer to the next item than another session's state; chance is 0.5.",
    ),
    "listed": ("Listed", "The next item is among those that are proposed."),
    "picked": (
        "Picked",
        "Where it is, it is the one that is chosen; chance is one over the length of the list.",
    ),
    "kin": ("Kin", "The chosen item is of the brand (or artist) of the next one."),
    "kin_listed": (
        "Kin_listed",
        "Share of the proposed items that are; the chance of the measure before.",
    ),
}


def judge(rows: pl.DataFrame, split: Path, evaluation: dict, vectors: Path | None) -> pl.DataFrame:
    """Compute the metrics of all sequences, and, at cut-off 0, the measures of an environment."""
    found = metrics.judge(rows, split, evaluation, vectors)
    about = [(name, 0, value) for name, value in measures(rows).items()]
    return pl.concat([found, pl.DataFrame(about, schema=found.schema, orient="row")])


def measures(lists: pl.DataFrame) -> dict[str, float]:
    """Average the measures that the columns of some lists allow; one that no event is about is left out."""
    means = {
        name: lists[column].mean() for column, (name, _) in MEASURES.items() if column in lists
    }
    return {name: float(value) for name, value in means.items() if value is not None}
