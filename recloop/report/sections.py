"""What stands under each heading of a study's page."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl

from recloop.report import encoders, labels, ledger, tables, verdicts
from recloop.report.evidence import Evidence, read_reported
from recloop.report.outline import Exhibit, Grid, Page, Part, Section
from recloop.report.printing import number
from recloop.report.sizes import size

SIGNS = {"holds": "✔", "holds in part": "✔", "fails": "✘", "undecided": "○", "not run": "–"}
DATA = ("paper's data set", "used here", "what it is", "sessions", "items", "interactions", "split")
CLAIMS = ("claim", "verdict", "by data set", "comparisons", "worst comparison", "printed numbers")
COST = ("data set", "model", "runs", "parameters", "time per run", "peak memory (MB)")
SPENT = {
    **dict.fromkeys(["dataset", "model"], pl.String),
    **dict.fromkeys(["parameters", "seconds", "peak_memory_mb"], pl.Float64),
}
ENDINGS = {"tables": ("md", "tex", "csv"), "figures": ("pdf", "svg", "png", "csv")}


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
        Section("Data", data(evidence)),
        *(
            [Section("Encoders", encoders.section(evidence))]
            if evidence.tier.get("encoders")
            else []
        ),
        Section("Claims", claims(evidence, output)),
        Section("Ledger", cells(evidence, output)),
        Section("Tables", exhibits["tables"]),
        Section("Figures", exhibits["figures"]),
        Section("Cost", cost(study, runs)),
        Section("Departures from the paper", [departures(study)]),
        Section("Not run", [left_out(evidence, runs, not_run)]),
        Section("Regenerate", [commands(study, name)]),
    ]
    return Page(study.get("title", name), list(filter(None, lead)), found)


def data(evidence: Evidence) -> list[Part]:
    """Say which data stood in for which."""
    return [Grid(DATA, [data_row(evidence, name) for name in evidence.study["datasets"]])]


def data_row(evidence: Evidence, name: str) -> list[str]:
    """Describe one data set."""
    label, source = labels.dataset(evidence.study, name), evidence.source(name)
    if not source:
        return [label, "–", f"not run: {evidence.why_dataset(name)}", *["–"] * 4]
    split, stand_in = evidence.split(name), evidence.stand_in(name)
    what = f"**stand-in**: {stand_in}" if stand_in else "the paper's own data"
    title = evidence.data(name).get("title")
    used = f"{source} ({title})" if title else source
    metrics = ("sequences", "items", "interactions")
    sizes = [number(size(split, metric), 0) or "–" for metric in metrics]
    return [label, used, what, *sizes, f"`{split['hash'][:12]}`" if split else "–"]


def claims(evidence: Evidence, output: Path) -> list[Part]:
    """Sum up the verdicts on the claims."""
    path = output / "claims.csv"
    if not path.exists():
        return ["No claims were judged in this run."]
    judged = pl.read_csv(path, schema_overrides=verdicts.SCHEMA)
    names = judged["dataset"].unique(maintain_order=True).to_list()
    warned = [verdicts.warning(evidence, names)] if any(map(evidence.stand_in, names)) else []
    rows = [
        claim_row(evidence.study, part) for _, part in judged.group_by("id", maintain_order=True)
    ]
    files = "All comparisons: [claims.csv](claims.csv). Verdicts: [claims.md](claims.md)."
    head = f"**{verdicts.counted(judged)}** {files}"
    return [head, *warned, *verdicts.one_seed(judged), Grid(CLAIMS, rows), verdicts.LEGEND]


def claim_row(study: Mapping, part: pl.DataFrame) -> list[str]:
    """Sum up one claim."""
    first = part.row(0, named=True)
    verdict, *rest = verdicts.summary(study, part)
    about = f"**{first['id']}** {first['claim']} ({first['origin']})"
    return [about, f"{SIGNS[verdict]} {verdict}", *rest]


def cells(evidence: Evidence, output: Path) -> list[Part]:
    """Sum up the ledger."""
    path = output / "ledger.csv"
    if not path.exists():
        return ["No ledger was written in this run."]
    found = read_reported(path)
    rows = []
    for (name, dataset), part in found.group_by("exhibit", "dataset", maintain_order=True):
        counted = [str(count) for count in ledger.tally(part).values()]
        place = [labels.exhibit(name), labels.origin(evidence, dataset)]
        rows.append([*place, str(len(part)), *counted])
    text = (
        f"All {len(found)} printed numbers beside ours: [ledger.csv](ledger.csv). Only a number on "
        "the paper's own data, within the declared margin, is called reproduced."
    )
    return [text, Grid(("exhibit", "data", "printed cells", *ledger.STATUSES), rows)]


def exhibit(evidence: Evidence, output: Path, kind: str, name: str) -> Exhibit:
    """Describe one exhibit and the files that were made for it."""
    entry = evidence.study[kind][name]
    wanted = [f"{name}.{ending}" for ending in ENDINGS[kind]]
    files = tuple(file for file in wanted if (output / file).exists())
    table = read_table(evidence, output, name) if kind == "tables" and files else None
    title = f"{labels.exhibit(name)}. {entry['caption']}"
    command = f"snakemake results/{output.name}/{wanted[0]}"
    return Exhibit(name, title, entry["source"], command, files, table)


def read_table(evidence: Evidence, output: Path, name: str) -> tables.Table:
    """Read the cells of a table back from its CSV."""
    entry = evidence.study["tables"][name]
    cells = pl.read_csv(output / f"{name}.csv", schema_overrides=tables.CELL)
    cells = cells.with_columns(pl.col("block", "group").fill_null(""))
    return tables.table(evidence, entry, name, cells)


def cost(study: Mapping, runs: list[dict]) -> list[Part]:
    """Say on what machine the runs were made, and what they took."""
    done = [run for run in runs if not run.get("not_run")]
    if not done:
        return ["No training is recorded."]
    frame = pl.DataFrame([{name: run.get(name) for name in SPENT} for run in done], schema=SPENT)
    memory, seconds = number(frame["peak_memory_mb"].max(), 0), duration(frame["seconds"].sum())
    where = "; ".join(sorted(set(map(machine, done))))
    text = f"{len(done)} runs, {seconds} in all, at most {memory} MB of memory. Made on: {where}."
    kinds = frame.with_columns(model=pl.col("model").str.split(",").list.first())
    grouped = kinds.group_by("dataset", "model").agg(
        pl.len().alias("runs"),
        pl.col("parameters").max(),
        pl.col("seconds").mean(),
        pl.col("peak_memory_mb").max(),
    )
    order = [list(study["datasets"]), list(study["models"])]
    rows = sorted(
        grouped.iter_rows(named=True),
        key=lambda row: (order[0].index(row["dataset"]), order[1].index(row["model"])),
    )
    return [text, Grid(COST, [cost_row(study, row) for row in rows])]


def machine(run: Mapping) -> str:
    """Describe the machine of a run."""
    return f"{run.get('host', '?')}, {run.get('device', '?')}, torch {run.get('torch', '?')}"


def cost_row(study: Mapping, row: Mapping) -> list[str]:
    """Write what the runs of one model took."""
    names = [labels.dataset(study, row["dataset"]), labels.model(study, row["model"])]
    spent = [duration(row["seconds"]), number(row["peak_memory_mb"], 0)]
    return [*names, str(row["runs"]), number(row["parameters"], 0) or "–", *spent]


def duration(seconds: float | int) -> str:
    """Write a duration in the unit that suits it."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


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
    refused = [refusal(study, run) for run in runs if run.get("not_run")]
    found = list(dict.fromkeys([*named, *data_sets, *refused]))
    return found or ["Nothing: all that the study lists was run."]


def refusal(study: Mapping, run: Mapping) -> str:
    """Say which run was refused and why, without its seed."""
    name = f"{labels.model(study, run['model'])} on {labels.dataset(study, run['dataset'])}"
    return f"{name}: {run['not_run']}"


def commands(study: Mapping, name: str) -> list[str]:
    """List the command that makes each exhibit."""
    made = ["README.md", *(f"{key}.md" for key in study["tables"])]
    made += [*(f"{key}.pdf" for key in study["figures"]), "claims.md"]
    return [f"`snakemake results/{name}/{file}`" for file in made]
