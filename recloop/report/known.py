"""Known answers: what an embedded world plants, and whether the machinery that judges claims finds it.

A study's known.yaml says per answer what a world `plants`, whether its `checks`, in the form of those of claims, are
`expected` to hold there, and on which data set: one of the paper's, or a control, a world in which the tier takes away
what the study is about. `expected: not` is met by a verdict of fails or undecided.
"""

import polars as pl

from recloop.report import labels
from recloop.report.evidence import Evidence
from recloop.report.outline import Grid, Part
from recloop.report.verdicts import SCHEMA, SIGNS, agreeing, judged, worst

HEAD = ("world", "what it plants", "checks", "expected", "found", "as planted", "worst comparison")
EXPECTED = {"holds": "hold", "not": "do not hold"}
TEXT = (
    "This page shows embedded worlds, of which it is known what is in them. Here the machinery that judges the claims "
    "is put to the test: it should find what a world plants, and find nothing where it was taken away."
)


def judge_known(evidence: Evidence) -> pl.DataFrame:
    """Judge every comparison of every known answer; columns of `verdicts.SCHEMA`, without printed numbers.

    All trainings count, whether trained out or not: what is planted has to be found at the budget that there is.
    """
    rows = [
        row | {"planted": entry["plants"], "expected": entry["expected"], "printed": None}
        for name, entry in evidence.study.get("known", {}).items()
        for row in judged(evidence, name, dict(entry) | {"claim": "", "source": "known answer"})
    ]
    return pl.DataFrame(rows, schema=SCHEMA)


def section(evidence: Evidence, rows: pl.DataFrame) -> list[Part]:
    """Set what is planted beside what was found; nothing where no answer is known.

    Args:
        evidence: of the page.
        rows: as `judge_known` makes them.
    """
    if rows.is_empty():
        return []
    parts = [part for _, part in rows.group_by("id", maintain_order=True)]
    right = [is_right(part) for part in parts]
    head = f"**{sum(filter(None, right))} of {len(parts)} known answers were found.** {TEXT}"
    return [head, Grid(HEAD, [line(evidence, part) for part in parts])]


def is_right(part: pl.DataFrame) -> bool | None:
    """Compare a verdict with what is planted; None where it was not run, or only in part."""
    verdict, expected = part["claim_verdict"][0], part["expected"][0]
    known = verdict in ("holds", "fails", "undecided")
    return (verdict == "holds") == (expected == "holds") if known else None


def line(evidence: Evidence, part: pl.DataFrame) -> list[str]:
    """Write one known answer."""
    first, right = part.row(0, named=True), is_right(part)
    worlds = [world(evidence, name) for name in part["dataset"].unique(maintain_order=True)]
    verdict = first["claim_verdict"]
    missing = part["not_run"].drop_nulls()
    found = f"{SIGNS[verdict]} {verdict}" + (f" ({missing[0]})" if len(missing) else "")
    met = {True: "yes", False: "**no**", None: "–"}[right]
    expected = EXPECTED[first["expected"]]
    worst_one = worst(evidence.study, part)
    return [", ".join(worlds), first["planted"], agreeing(part), expected, found, met, worst_one]


def world(evidence: Evidence, dataset: str) -> str:
    """Label a world with the data set that it plays; a control by what it is."""
    source = evidence.source(dataset)
    if not source:
        return dataset
    if dataset in evidence.study["datasets"]:
        return f"{source} (for {labels.dataset(evidence.study, dataset)})"
    return f"{source}: {evidence.data(dataset).get('stand_in') or dataset}"
