"""The page of a study: what it shows, on which data, at what cost, and what it leaves out.

The content is gathered once as sections and written twice, as README.md and as index.html.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from recloop.evaluation.results import Results
from recloop.report import labels, ledger, tables, verdicts
from recloop.report.evidence import Evidence, read_reported, read_split
from recloop.report.printing import number

SIGNS = {"holds": "✔", "holds in part": "✔", "fails": "✘", "undecided": "○", "not run": "–"}


@dataclass(frozen=True)
class Grid:
    """A small table of texts."""

    head: tuple[str, ...]
    rows: list[list[str]]


@dataclass(frozen=True)
class Exhibit:
    """A table or a figure of the paper, with the files that lie beside the page."""

    name: str
    title: str
    source: str
    command: str
    files: tuple[str, ...]
    table: tables.Table | None = None


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it: texts, lists, grids, exhibits."""

    title: str
    parts: list[str | list[str] | Grid | Exhibit]


@dataclass(frozen=True)
class Page:
    """Title, first lines and sections."""

    title: str
    lead: list[str]
    sections: list[Section]


def write(
    study: Mapping,
    tier: Mapping,
    scores: Iterable[Path],
    runs: Iterable[Path],
    splits: Iterable[Path],
    into: Path,
    not_run: Mapping[str, str] | Iterable[str],
) -> None:
    """Write README.md and index.html into a folder."""
    from recloop.report import page_html, page_markdown

    by_hash = {split["hash"]: split for split in map(read_split, splits)}
    results = Results(scores, {name: split["item_counts"] for name, split in by_hash.items()})
    reasons = not_run if isinstance(not_run, Mapping) else {}
    evidence = Evidence(study, tier, results, pl.DataFrame(), by_hash, reasons)
    page = gather(evidence, [json.loads(Path(run).read_text()) for run in runs], into, not_run)
    into.mkdir(parents=True, exist_ok=True)
    (into / "README.md").write_text(page_markdown.render(page, into), encoding="utf-8")
    (into / "index.html").write_text(page_html.render(page, into), encoding="utf-8")


def gather(evidence: Evidence, runs: list[dict], into: Path, not_run: Mapping[str, str] | Iterable[str]) -> Page:
    """Collect everything that the page says."""
    study, name = evidence.study, into.name
    lead = [study.get("citation", "").strip(), f"**Tier {evidence.tier['tier']}.** {labels.stamp(evidence, study['datasets'])}."]
    sections = [
        Section("Data", data(evidence)),
        Section("Claims", claims(evidence, into)),
        Section("Ledger", cells(evidence, into)),
        Section("Tables", [exhibit(evidence, into, "tables", key) for key in study["tables"]]),
        Section("Figures", [exhibit(evidence, into, "figures", key) for key in study["figures"]]),
        Section("Cost", cost(evidence, runs)),
        Section("Departures from the paper", [departures(study)]),
        Section("Not run", [left_out(evidence, runs, not_run)]),
        Section("Regenerate", [f"This page and all it shows: `snakemake results/{name}/README.md`", commands(study, name)]),
    ]
    return Page(study.get("title", name), list(filter(None, lead)), sections)


def data(evidence: Evidence) -> list[str | Grid]:
    """Say which data stood in for which."""
    head = ("paper's data set", "used here", "what it is", "sessions", "items", "interactions", "split")
    names = list(evidence.study["datasets"])
    rows = [data_row(evidence, name) for name in names]
    return [verdicts.warning(evidence, names)] * any(map(evidence.stand_in, names)) + [Grid(head, rows)]


def data_row(evidence: Evidence, name: str) -> list[str]:
    """Describe one data set."""
    label, source, split = labels.dataset(evidence.study, name), evidence.source(name), evidence.split(name)
    if not source:
        return [label, "–", f"not run: {evidence.data(name).get('not_run', 'not part of this tier')}", "–", "–", "–", "–"]
    stand_in = evidence.stand_in(name)
    what = f"**stand-in**: {stand_in}" if stand_in else "the paper's own data"
    sizes = [number(tables.size(split, metric), 0) or "–" for metric in ("sequences", "items", "interactions")]
    return [label, source, what, *sizes, f"`{split['hash'][:12]}`" if split else "–"]


def claims(evidence: Evidence, into: Path) -> list[str | Grid]:
    """Sum up the verdicts on the claims."""
    path = into / "claims.csv"
    if not path.exists():
        return ["No claims were judged in this run."]
    judged = pl.read_csv(path, schema_overrides=verdicts.SCHEMA)
    counted = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.tally(judged).items())
    head = ("claim", "verdict", "by data set", "on the claimed side", "worst comparison", "printed numbers")
    rows = []
    for (name,), part in judged.group_by("id", maintain_order=True):
        verdict, *rest = verdicts.summary(evidence.study, part)
        about = f"**{name}** {part['claim'][0]} ({part['origin'][0]})"
        rows.append([about, f"{SIGNS[verdict]} {verdict}", *rest])
    files = "Every comparison is in [claims.csv](claims.csv), the verdicts also in [claims.md](claims.md)."
    return [f"**{judged['id'].n_unique()} claims: {counted}.** {files}", Grid(head, rows), verdicts.LEGEND]


def cells(evidence: Evidence, into: Path) -> list[str | Grid]:
    """Sum up the ledger."""
    path = into / "ledger.csv"
    if not path.exists():
        return ["No ledger was written in this run."]
    found = read_reported(path)
    rows = []
    for (name, dataset), part in found.group_by("exhibit", "dataset", maintain_order=True):
        counted = [str(count) for count in ledger.tally(part).values()]
        rows.append([name, labels.origin(evidence, dataset), str(len(part)), *counted])
    text = f"All {len(found)} printed numbers beside ours: [ledger.csv](ledger.csv). Only a number on the paper's own data, "
    return [f"{text}within the declared margin, is called reproduced.", Grid(("exhibit", "data", "cells", *ledger.STATUSES), rows)]


def exhibit(evidence: Evidence, into: Path, kind: str, name: str) -> Exhibit:
    """Describe one exhibit and the files that were made for it."""
    entry = evidence.study[kind][name]
    endings = ("md", "tex", "csv") if kind == "tables" else ("pdf", "svg", "png", "csv")
    files = tuple(f"{name}.{ending}" for ending in endings if (into / f"{name}.{ending}").exists())
    path, table = into / f"{name}.csv", None
    if kind == "tables" and path.exists():
        reference = entry.get("reference")
        label = labels.model(evidence.study, reference) if reference else None
        shown = pl.read_csv(path, schema_overrides=tables.CELL).with_columns(pl.col("block", "group").fill_null(""))
        stamp = labels.stamp(evidence, entry["datasets"])
        table = tables.Table(name, entry["caption"], entry["source"], stamp, shown, label)
    title = f"{name.replace('_', ' ', 1).replace('_', '.').capitalize()}. {entry['caption']}"
    return Exhibit(name, title, entry["source"], f"snakemake results/{into.name}/{files[0] if files else name}", files, table)


def cost(evidence: Evidence, runs: list[dict]) -> list[str | Grid]:
    """Say on what machine the runs were made, and what they took."""
    done = [run for run in runs if not run.get("not_run")]
    if not done:
        return ["No training is recorded."]
    machines = sorted({f"{run.get('host', '?')}, {run.get('device', '?')}, torch {run.get('torch', '?')}" for run in done})
    total, most = sum(run["seconds"] for run in done), max(run["peak_memory_mb"] for run in done)
    text = f"{len(done)} trainings, {duration(total)} in all, at most {number(most, 0)} MB of memory, on {'; '.join(machines)}."
    frame = pl.DataFrame(done, infer_schema_length=None).with_columns(key=pl.col("model").str.split(",").list.first())
    grouped = frame.group_by("dataset", "key", maintain_order=True).agg(
        pl.len().alias("runs"), pl.col("parameters").max(), pl.col("seconds").mean(), pl.col("peak_memory_mb").max()
    )
    head = ("data set", "model", "runs", "parameters", "time per run", "peak memory (MB)")
    return [text, Grid(head, [cost_row(evidence.study, row) for row in grouped.iter_rows(named=True)])]


def cost_row(study: Mapping, row: Mapping) -> list[str]:
    """Write what the runs of one model took."""
    names = [labels.dataset(study, row["dataset"]), labels.model(study, row["key"]), str(row["runs"])]
    return [*names, number(row["parameters"], 0), duration(row["seconds"]), number(row["peak_memory_mb"], 0)]


def duration(seconds: float) -> str:
    """Write a duration in the unit that suits it."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def departures(study: Mapping) -> list[str]:
    """List what was done differently from the paper."""
    found = study.get("departures", [])
    return [entry if isinstance(entry, str) else ": ".join(map(str, entry.values())) for entry in found] or ["None noted."]


def left_out(evidence: Evidence, runs: list[dict], not_run: Mapping[str, str] | Iterable[str]) -> list[str]:
    """List what was not run, each with its reason."""
    study = evidence.study
    named = [f"{key}: {why}" for key, why in not_run.items()] if isinstance(not_run, Mapping) else list(not_run)
    absent = [name for name in study["datasets"] if not evidence.source(name)]
    named += [f"{labels.dataset(study, name)}: {evidence.data(name).get('not_run', 'not part of this tier')}" for name in absent]
    refused = {(run["dataset"], run["model"]): run["not_run"] for run in runs if run.get("not_run")}
    named += [f"{labels.model(study, model)} on {labels.dataset(study, name)}: {why}" for (name, model), why in refused.items()]
    return list(dict.fromkeys(named)) or ["Nothing: all that the study lists was run."]


def commands(study: Mapping, name: str) -> list[str]:
    """List the command that makes each exhibit."""
    made = [f"{key}.md" for key in study["tables"]] + [f"{key}.pdf" for key in study["figures"]] + ["claims.md"]
    return [f"`snakemake results/{name}/{file}`" for file in made]
