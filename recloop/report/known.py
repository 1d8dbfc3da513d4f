"""Known answers: what an embedded world plants, and whether the machinery that judges claims finds it.

Under `known:` in a study's claims.yaml stand checks in the form of claims. Each says per world what the world plants,
in a sentence, and whether the claim should hold there:

    rewards-matter:
      claim: SQN lists what is bought more often than the network without rewards
      worlds:
        shop_clicks: {plants: "a session that has shown an item twice buys it", expected: holds}
        shop_twin: {plants: "purchases are drawn by lot", expected: not}
      checks:
        - {kind: ordering, models: [sasrec_sqn], than: [sasrec], metrics: ["HR_purchase@10"], datasets: [rc15]}

`expected: not` is met by a verdict of fails or undecided. Each world is judged for itself.
"""

from collections.abc import Iterator, Mapping

import polars as pl

from recloop.report import labels
from recloop.report.evidence import Evidence
from recloop.report.outline import Grid, Part
from recloop.report.verdicts import SIGNS, agreeing, judged

HEAD = ("world", "what it plants", "asked", "expected", "found", "as planted", "comparisons")
TEXT = (
    "This page shows embedded worlds, of which it is known what is in them. Here the machinery that judges the claims "
    "is put to the test: it should find what a world plants, and nothing where a twin plants nothing."
)


def judge_known(evidence: Evidence) -> list[dict]:
    """Judge the known answers of every world that stands for a data set in this run; rows as of claims."""
    return [
        row | {"planted": world["plants"], "expected": world["expected"]}
        for name, entry in evidence.study.get("known", {}).items()
        for world, asked in in_worlds(evidence, entry)
        for row in judged(evidence, name, asked)
    ]


def in_worlds(evidence: Evidence, entry: Mapping) -> Iterator[tuple[Mapping, Mapping]]:
    """Pair each world with the checks on the data set for which it stands."""
    for dataset in evidence.study["datasets"]:
        world = entry["worlds"].get(evidence.source(dataset))
        checks = [
            dict(check) | {"datasets": [dataset]}
            for check in entry["checks"]
            if dataset in check.get("datasets", entry.get("datasets", []))
        ]
        if world and checks:
            yield world, dict(entry) | {"source": "known answer", "checks": checks}


def section(evidence: Evidence, rows: pl.DataFrame) -> list[Part]:
    """Set what is planted beside what was found; nothing where the study knows no answers."""
    if rows.is_empty():
        return []
    parts = [part for _, part in rows.group_by("id", "dataset", maintain_order=True)]
    lines = [line(evidence.study, part) for part in parts]
    found = [is_right(part) for part in parts]
    head = f"**{sum(filter(None, found))} of {len(found)} known answers were found.** {TEXT}"
    return [head, Grid(HEAD, lines)]


def is_right(part: pl.DataFrame) -> bool | None:
    """Compare the verdict in one world with what is planted; None where it was not run."""
    verdict, expected = part["claim_verdict"][0], part["expected"][0]
    return None if verdict == "not run" else (verdict == "holds") == (expected == "holds")


def line(study: Mapping, part: pl.DataFrame) -> list[str]:
    """Write one known answer in one world."""
    first, right = part.row(0, named=True), is_right(part)
    where = f"{first['source']} (for {labels.dataset(study, first['dataset'])})"
    expected = {"holds": "holds", "not": "does not hold"}[first["expected"]]
    verdict = first["claim_verdict"]
    reason = f" ({part['not_run'].drop_nulls()[0]})" if right is None else ""
    met = {True: "yes", False: "**no**", None: "–"}[right]
    found = f"{SIGNS[verdict]} {verdict}{reason}"
    return [where, first["planted"], first["claim"], expected, found, met, agreeing(part)]
