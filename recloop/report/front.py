"""The front page: every study that was made, how many of its claims hold, and where to read on.

It is gathered from what lies in the folders of the studies and written twice, as README.md and as index.html; beside it
lie claims.json, which has the same for programs, and headline numbers in the forms that DVC shows.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import polars as pl

from recloop.report import (
    cost,
    interchange,
    known,
    ledger,
    origins,
    page_html,
    page_markdown,
    rubric,
    sections,
    sheet,
    steps,
    verdicts,
)
from recloop.report.evidence import read_reported
from recloop.report.outline import Exhibit, Grid, Page, Section
from recloop.storage.files import write_json

STUDIES = (
    "study",
    "data",
    "claims",
    "known answers found",
    "printed numbers",
    "score",
    "runs",
    "time",
)
CLAIMS = ("claim", "verdict", "strength", "of")
STEPS = "steps"  # the figure of all work


def build_front(
    studies: Mapping[str, Mapping],
    tier: Mapping,
    output: Path,
    sources: Mapping[str, Mapping],
    work: Mapping[str, Mapping],
) -> None:
    """Write README.md, index.html and claims.json over the pages of some studies, headline numbers and a figure.

    Args:
        studies: of each study in order `title`, the `datasets` that its tier has and the `runs`, paths of run.json.
        tier: `tier`, its name, and `seeds`.
        output: the folder that holds a folder of each study, with claims.csv, claims.json and ledger.csv.
        sources: raw data behind the studies, see `recloop.plan.Plan.sources`.
        work: the graph of all work, see `recloop.plan.exhibits.steps`.
    """
    said = interchange.write_all([output / name / "claims.json" for name in studies], output)
    headlines(said, output)
    steps.plot(work).save(output / STEPS)
    page = gather(studies, tier, output, said)
    page.sections.append(Section("Raw data", origins.data(sources)))
    page.sections.append(Section("How it was made", graph(work)))
    page.sections.append(Section("Versions", origins.versions()))
    (output / "README.md").write_text(page_markdown.render(page, output), encoding="utf-8")
    (output / "index.html").write_text(page_html.render(page), encoding="utf-8")


def headlines(said: Mapping, output: Path) -> None:
    """Write scores and counts of verdicts as metrics.json, and the scores as scores.csv: `dvc metrics`, `dvc plots`."""
    found = {paper["id"]: headline(paper) for paper in said["papers"]}
    whole = {key: said["rubric"][key] for key in ("score", "decided")}
    write_json(output / "metrics.json", {"all studies": whole} | found)
    rows = [(name, one["score"], one["decided"]) for name, one in found.items()]
    scores = pl.DataFrame(rows, schema=("study", "score", "decided"), orient="row")
    sheet.write(scores, output / "scores.csv")


def headline(paper: Mapping) -> dict:
    """Sum up one paper in numbers."""
    verdict, status = (
        Counter("_".join(re.findall(r"\w+", one[key])) for one in paper[part])
        for part, key in (("claims", "verdict"), ("cells", "status"))
    )
    tree = paper["rubric"]
    return {"score": tree["score"], "decided": tree["decided"], "claims": verdict, "cells": status}


def graph(work: Mapping[str, Mapping]) -> list:
    """Show the graph of all work, as a figure and as a table."""
    files = tuple(f"{STEPS}.{end}" for end in sections.ENDINGS["figures"])
    about = "From raw files to pages", "the plan of this run", "snakemake results/index.html"
    return [Exhibit(STEPS, *about, files), steps.TEXT, Grid(steps.HEAD, steps.rows(work))]


def gather(studies: Mapping[str, Mapping], tier: Mapping, output: Path, said: Mapping) -> Page:
    """Collect everything that the page says; `said` is what claims.json holds."""
    tree = said["rubric"]
    scores = {part["name"]: part for part in tree["parts"]}
    found = {name: sections.read_verdicts(output / name / "claims.csv") for name in studies}
    judged = {name: frame.filter(pl.col("expected").is_null()) for name, frame in found.items()}
    planted = {
        name: frame.filter(pl.col("expected").is_not_null()) for name, frame in found.items()
    }
    cells = {name: read_reported(output / name / "ledger.csv") for name in studies}
    rows = [
        study_row(name, study, judged[name], planted[name], cells[name], scores[name])
        for name, study in studies.items()
    ]
    number = "1 study" if len(studies) == 1 else f"{len(studies)} studies"
    told = f"{number}, tier {tier['tier']}, {seeds(tier['seeds'], said['papers'])}"
    lead = [
        f"**{told}.** {verdicts.total(pl.concat(judged.values()))}",
        "A verdict on a stand-in is about the stand-in, not about the paper's data; each page says which data it used, "
        "what is planted in them, what was not trained out, and where it departs from its paper.",
    ]
    return Page(
        "What was made, and what holds",
        lead,
        [
            Section(
                "Studies", [Grid(STUDIES, rows), f"**All studies: {scored(tree)}.** {rubric.TEXT}"]
            ),
            Section("Claims", [Grid(CLAIMS, claims(studies, judged)), verdicts.LEGEND]),
            Section("Printed numbers", printed(studies, cells)),
            *dialogues(studies, output),
        ],
    )


def seeds(given: Sequence[int], papers: Iterable[Mapping]) -> str:
    """Name the seeds, and the data sets that have fewer of them."""
    fewer: dict[int, list[str]] = {}
    for paper in papers:
        for data in paper["data"]:
            if 0 < len(data["seeds"]) < len(given):
                fewer.setdefault(len(data["seeds"]), []).append(f"{data['label']} ({paper['id']})")
    parts = [f"{count} of them on {', '.join(names)}" for count, names in sorted(fewer.items())]
    word = "seed" if len(given) == 1 else "seeds"
    return "; ".join([f"{word} {', '.join(map(str, given))}", *parts])


def study_row(
    name: str,
    study: Mapping,
    judged: pl.DataFrame,
    planted: pl.DataFrame,
    cells: pl.DataFrame,
    score: Mapping,
) -> list[str]:
    """Sum up one study."""
    runs = [json.loads(Path(run).read_text(encoding="utf-8")) for run in study["runs"]]
    done = [run for run in runs if not run.get("not_run")]
    right = [known.is_right(part) for _, part in planted.group_by("id")]
    statuses = {key: count for key, count in ledger.tally(cells).items() if count}
    return [
        f"[{study['title']}]({name}/index.html)",
        data(study["datasets"]),
        signed(judged),
        f"{right.count(True)} of {len(right)}" if right else "–",
        ", ".join(f"{status} {count}" for status, count in statuses.items()) or "–",
        scored(score),
        str(len(done)),
        cost.duration(sum(run["seconds"] for run in done)),
    ]


def scored(score: Mapping) -> str:
    """Write a score beside the share of it that was settled."""
    return f"{rubric.percent(score['score'])}, {rubric.percent(score['decided'])} decided"


def data(datasets: Mapping[str, Mapping]) -> str:
    """Say which data a study used, stand-ins first."""
    kinds = [bool(entry["stand_in"]) for entry in datasets.values()]
    named = {True: "stand-in", False: "as published"}
    counts = [f"{kinds.count(kind)} {name}" for kind, name in named.items() if kind in kinds]
    return ", ".join(counts)


def signed(judged: pl.DataFrame) -> str:
    """Count the claims by the sign of their verdict."""
    one = judged.unique("id")
    signs = one["claim_verdict"].replace_strict(verdicts.SIGNS, return_dtype=pl.String).to_list()
    return " ".join(
        f"{sign} {signs.count(sign)}" for sign in dict.fromkeys(verdicts.SIGNS.values())
    )


def claims(studies: Mapping[str, Mapping], judged: Mapping[str, pl.DataFrame]) -> list[list[str]]:
    """List all claims with their verdicts."""
    return [
        [
            f"**{row['id']}** {row['claim']}",
            f"{verdicts.SIGNS[row['claim_verdict']]} {row['claim_verdict']}",
            row["strength"] or "–",
            f"[{name}]({name}/index.html#claims), {row['origin']}",
        ]
        for name in studies
        for row in judged[name]
        .unique("id", keep="first", maintain_order=True)
        .iter_rows(named=True)
    ]


def dialogues(studies: Iterable[str], output: Path) -> list[Section]:
    """Lead to the dialogues of the studies that have some."""
    links = [
        f"[{name}]({name}/dialogues.html)"
        for name in studies
        if (output / name / "dialogues.html").exists()
    ]
    text = (
        f"Pictures, critiques and ranks turn by turn, two models side by side: {', '.join(links)}."
    )
    return [Section("Dialogues", [text])] if links else []


def printed(studies: Mapping[str, Mapping], cells: Mapping[str, pl.DataFrame]) -> list:
    """Count the printed numbers of each study by what became of them."""
    rows = [
        [f"[{name}]({name}/ledger.csv)", str(len(cells[name]))]
        + [str(count) for count in ledger.tally(cells[name]).values()]
        for name in studies
        if len(cells[name])
    ]
    text = (
        "Only a number on the paper's own data, within the margin that its study declared before, is called "
        "reproduced. What arithmetic alone says against printed numbers: `recloop audit`. For programs: all cells, "
        "claims and verdicts in [claims.json](claims.json), of the form [verdicts.schema.json](verdicts.schema.json)."
    )
    return [text, Grid(("study", "printed cells", *ledger.STATUSES), rows)]
