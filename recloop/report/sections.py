"""What stands under each heading of a study's page."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl

from recloop.report import (
    checklist,
    cost,
    datasets,
    encoders,
    interchange,
    known,
    labels,
    language_models,
    ledger,
    rubric,
    sheet,
    tables,
    verdicts,
)
from recloop.report.evidence import Evidence, read_reported
from recloop.report.outline import Exhibit, Grid, Page, Part, Section

CLAIMS = ("claim", "verdict", "by data set", "comparisons", "worst comparison", "printed numbers")
ENDINGS = {"tables": ("md", "tex", "compact.tex", "csv"), "figures": ("pdf", "svg", "png", "csv")}


def gather(
    evidence: Evidence, runs: list[dict], output: Path, not_run: Mapping[str, str] | Iterable[str]
) -> Page:
    """Collect everything that the page says."""
    study, name = evidence.study, output.name
    stamp = f"**{labels.stamp(evidence, study['datasets'])}.**"
    lead = [study.get("citation", "").strip(), evidence.tier.get("says", ""), stamp]
    exhibits = {
        kind: [exhibit(evidence, output, kind, key) for key in study[kind]] for kind in ENDINGS
    }
    found = [
        Section("Data", datasets.section(evidence)),
        Section("Encoders", encoders.section(evidence)),
        Section("Language models", language_models.section(evidence)),
        Section("Known answers", known_answers(evidence, output)),
        Section("Claims", claims(evidence, output)),
        Section("Ledger", cells(evidence, output)),
        Section("Score", score(output)),
        Section("Tables", exhibits["tables"]),
        Section("Figures", exhibits["figures"]),
        Section("Dialogues", dialogues(output)),
        Section("Cost", cost.section(study, runs, finished(evidence))),
        Section("Checklist", checklist.section(evidence, runs, output)),
        Section("Departures from the paper", [departures(study)]),
        Section("Not run", [left_out(evidence, runs, not_run)]),
        Section("Regenerate", [commands(study, name)]),
    ]
    sections = [section for section in found if section.parts]
    return Page(study.get("title", name), list(filter(None, lead)), sections)


def finished(evidence: Evidence) -> list[bool]:
    """Say of every validated training of the study whether it was trained out."""
    kinds = evidence.trainings.values()
    return [one for names in kinds for done in names.values() for one in done]


def known_answers(evidence: Evidence, output: Path) -> list[Part]:
    """Set what the worlds plant beside what the machinery found."""
    path = output / "claims.csv"
    if not path.exists():
        return []
    return known.section(evidence, read_verdicts(path).filter(pl.col("expected").is_not_null()))


def read_verdicts(path: Path) -> pl.DataFrame:
    """Read the verdicts on claims and on known answers."""
    return sheet.read(path, verdicts.SCHEMA)


def claims(evidence: Evidence, output: Path) -> list[Part]:
    """Sum up the verdicts on the claims."""
    path = output / "claims.csv"
    if not path.exists():
        return ["No claims were judged in this run."]
    judged = read_verdicts(path).filter(pl.col("expected").is_null())
    names = judged["dataset"].unique(maintain_order=True).to_list()
    warned = [verdicts.warning(evidence, names)] if any(map(evidence.stand_in, names)) else []
    rows = [
        claim_row(evidence.study, part) for _, part in judged.group_by("id", maintain_order=True)
    ]
    files = "All comparisons: [claims.csv](claims.csv). Verdicts: [claims.md](claims.md)."
    head = f"**{verdicts.total(judged)}** {files}"
    return [head, *warned, *verdicts.one_seed(judged), Grid(CLAIMS, rows), verdicts.LEGEND]


def claim_row(study: Mapping, part: pl.DataFrame) -> list[str]:
    """Sum up one claim."""
    first = part.row(0, named=True)
    verdict, *rest = verdicts.summary(study, part)
    about = f"**{first['id']}** {first['claim']} ({first['origin']})"
    return [about, f"{verdicts.SIGNS[first['claim_verdict']]} {verdict}", *rest]


def cells(evidence: Evidence, output: Path) -> list[Part]:
    """Sum up the ledger."""
    path = output / "ledger.csv"
    if not path.exists():
        return ["No ledger was written in this run."]
    found = read_reported(path)
    rows = []
    for (name, dataset), part in found.group_by("exhibit", "dataset", maintain_order=True):
        counts = [str(count) for count in ledger.tally(part).values()]
        place = [labels.exhibit(name), labels.origin(evidence, dataset)]
        rows.append([*place, str(len(part)), *counts])
    text = (
        f"All {len(found)} printed numbers beside ours: [ledger.csv](ledger.csv). Only a number on "
        "the paper's own data, within the declared margin, is called reproduced; beside it stands the 95% "
        "interval of our mean over seeds."
    )
    return [text, Grid(("exhibit", "data", "printed cells", *ledger.STATUSES), rows)]


def score(output: Path) -> list[Part]:
    """Say how much of the paper is reproduced; nothing where no claims were judged."""
    path = output / "claims.json"
    if not path.exists():
        return []
    file = "Every leaf, with all cells and claims: [claims.json](claims.json), as `docs/verdicts.md` describes it."
    return [*rubric.section(interchange.read(path)["rubric"]), file]


def exhibit(evidence: Evidence, output: Path, kind: str, name: str) -> Exhibit:
    """Describe one exhibit and the files that were made for it."""
    entry = evidence.study[kind][name]
    wanted = [f"{name}.{ending}" for ending in ENDINGS[kind]]
    files = tuple(file for file in wanted if (output / file).exists())
    table = read_table(evidence, output, name) if kind == "tables" and files else None
    title = f"{labels.exhibit(name)}. {entry['caption']}"
    command = f"snakemake results/{output.name}/{wanted[0]}"
    return Exhibit(name, title, labels.source(entry), command, files, table)


def read_table(evidence: Evidence, output: Path, name: str) -> tables.Table:
    """Read the cells of a table back from its CSV."""
    entry = evidence.study["tables"][name]
    cells = sheet.read(output / f"{name}.csv", tables.CELL)
    cells = cells.with_columns(pl.col("block", "group").fill_null(""))
    return tables.table(evidence, entry, name, cells)


def dialogues(output: Path) -> list[Part]:
    """Lead to the study's dialogues, where it has some."""
    if not (output / "dialogues.html").exists():
        return []
    return [
        "Pictures, critiques and ranks turn by turn, two models side by side: [dialogues.html](dialogues.html)."
    ]


def departures(study: Mapping) -> list[str]:
    """List what was done differently from the paper."""
    found = [worded(entry) for entry in study.get("departures", [])]
    return found or ["None noted."]


def worded(entry: str | Mapping) -> str:
    """Write one departure, given as a text or as named parts."""
    return entry if isinstance(entry, str) else ": ".join(map(str, entry.values()))


def left_out(
    evidence: Evidence, runs: list[dict], not_run: Mapping[str, str] | Iterable[str]
) -> list[str]:
    """List what was not run, each with its reason."""
    study, given = evidence.study, not_run
    named = [f"{key}: {why}" for key, why in given.items()] if isinstance(given, Mapping) else given
    absent = [name for name in study["datasets"] if not evidence.source(name)]
    data_sets = [f"{labels.dataset(study, name)}: {evidence.why_dataset(name)}" for name in absent]
    found = list(dict.fromkeys([*named, *data_sets, *refusals(study, runs)]))
    return found or ["Nothing: all that the study lists was run."]


def refusals(study: Mapping, runs: Iterable[Mapping]) -> list[str]:
    """Describe the runs that have no weights and why, those of several seeds with one reason together."""
    seeds = defaultdict(list)
    for run in runs:
        if run.get("not_run"):
            seeds[run["model"], run["dataset"], run["not_run"]].append(run["seed"])
    return [
        f"{labels.model(study, model)} on {labels.dataset(study, dataset)}, "
        f"seed{'s' * (len(found) > 1)} {', '.join(map(str, sorted(found)))}: {why}"
        for (model, dataset, why), found in seeds.items()
    ]


def commands(study: Mapping, name: str) -> list[str]:
    """List the command that makes each exhibit."""
    made = ["README.md", *(f"{key}.md" for key in study["tables"])]
    made += [*(f"{key}.pdf" for key in study["figures"]), "claims.md"]
    return [f"`snakemake results/{name}/{file}`" for file in made]
