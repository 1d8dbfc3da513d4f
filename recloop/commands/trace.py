"""`recloop trace`: one number of a table, computed anew from what was saved, and every file behind it."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path

import yaml

from recloop.storage.files import sha256_of
from recloop.storage.fingerprint import ROOT
from recloop.storage.settings import SettingsError, only_known

HELP = "follow one number of a table to its raw files, and compute it anew on the way"
CLOSE = 1e-9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("table", type=Path, help="e.g. results/modt4r/table_4_3.md")
    parser.add_argument("--model", help="e.g. sasrec, or modt4r,alpha=0.5")
    parser.add_argument("--column", help="e.g. HR@10")
    parser.add_argument("--dataset", help="e.g. rc15; the first of the table if left out")
    parser.add_argument("--tier", help="of the run that made it; that of config.yaml if left out")
    parser.add_argument(
        "--seeds", type=int, nargs="+", metavar="N", help="of that run, where they were asked for"
    )


def run(options: argparse.Namespace) -> int:
    """Print the number, the runs behind it and the chain of files; status 1 where it is not what was saved."""
    from recloop.plan import Plan

    os.chdir(ROOT)
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    given = {"tier": options.tier, "seeds": options.seeds}
    plan = Plan(config | {name: value for name, value in given.items() if value})
    study, name = place(options.table, plan)
    cell = chosen(Path(f"results/{study}/{name}.csv"), options)
    print(
        f"{options.table}: {cell['row']}, {cell['column']} on {cell['dataset']} = {cell['ours']:.6f}"
    )
    values = dict(measured(plan, study, name, cell))
    mean = sum(values.values()) / len(values)
    for seed, value in values.items():
        print(f"  seed {seed}: {value:.6f}")
    agrees = abs(mean - cell["ours"]) <= CLOSE * max(1.0, abs(mean))
    print(f"  mean {mean:.6f}: {'as in the table' if agrees else 'NOT what the table says'}")
    print("\n".join(chain(plan, study, cell, min(values))))
    return 0 if agrees else 1


def place(table: Path, plan) -> tuple[str, str]:
    """Tell the study and the name of a table, and check that the present plan made it.

    Raises:
        SettingsError: it is no table of a study, is not there, or was made by another plan.
    """
    from recloop.plan.stamp import is_current

    study, name = table.parent.name, table.name.partition(".")[0]
    only_known(str(table), [study], plan.studies)
    only_known(f"{table}: tables of {study}", [name], plan.studies[study]["tables"])
    stamp = Path(f"results/{study}/.made/{name}.json")
    if not stamp.exists():
        raise SettingsError(f"{table}: not made yet: snakemake results/{study}/{name}.md")
    if not is_current(stamp, plan.exhibit(study, name).key):
        raise SettingsError(
            f"{table} was not made by the present code and settings at tier {plan.config['tier']}: "
            "name its --tier and --seeds, or make it again"
        )
    return study, name


def chosen(path: Path, options: argparse.Namespace) -> dict:
    """Find the cell that the options name.

    Raises:
        SettingsError: there is none with a number; says which there are.
    """
    import polars as pl

    from recloop.report import sheet
    from recloop.report.tables import CELL

    cells = sheet.read(path, CELL).drop_nulls("ours").drop_nulls("k")
    if cells.is_empty():
        raise SettingsError(f"{path}: no number in it was measured on runs")
    for key in ("dataset", "model", "column"):
        known, asked = cells[key].unique(maintain_order=True).to_list(), getattr(options, key)
        if asked is None and key != "dataset":
            raise SettingsError(f"--{key}: name one of {', '.join(known)}")
        only_known(f"--{key}", [asked or known[0]], known)
        cells = cells.filter(pl.col(key) == (asked or known[0]))
    return cells.row(0, named=True)


def measured(plan, study: str, name: str, cell: dict) -> Iterator[tuple[int, float]]:
    """Read the number of each seed from the scores of its run.

    Raises:
        SettingsError: scores are gone, or hold no such metric.
    """
    import polars as pl

    for one in plan.exhibit_runs(study, name):
        if (one.dataset, one.model) == (cell["dataset"], cell["model"]):
            scores = Path(plan.scores(one).path)
            if not scores.exists():
                raise SettingsError(f"{scores} is gone: snakemake {scores}")
            found = pl.read_parquet(scores).filter(metric=cell["metric"], k=cell["k"])
            if found.is_empty():
                raise SettingsError(
                    f"{cell['column']} is not among the scores of a run, but made from several of them"
                )
            yield one.seed, found["value"].item()


def chain(plan, study: str, cell: dict, seed: int) -> Iterator[str]:
    """Describe the files behind a number, from its scores to the raw ones, each once."""
    from recloop.plan.artifacts import RECORDS, with_all_inputs
    from recloop.plan.studies import Run

    stages = ["scores", *reversed(RECORDS)]
    scores = plan.scores(Run(study, cell["dataset"], cell["model"], seed))
    yield f"files behind seed {seed}, from the scores to the raw data:"
    behind = with_all_inputs([scores]).values()
    for one in sorted(behind, key=lambda one: stages.index(one.kind)):
        record = Path(one.record)
        state = sha256_of(record)[:12] if record.exists() else "not here"
        yield f"  {one.kind:<16} {one.path}  ({record.name} {state})"
        if one.kind == "weights" and record.exists():
            yield f"  {'':<16}   {trained(record.with_name('run.json'))}"
        if one.kind == "raw" and record.exists():
            yield from (f"  {'':<16}   {line}" for line in raw_files(record))


def trained(path: Path) -> str:
    """Describe a training in one line."""
    run = json.loads(path.read_text(encoding="utf-8"))
    took = f"{run['seconds']:.1f} s on {run['host']}, {run['device']}, torch {run['torch']}"
    return f"{run['model']}, seed {run['seed']}: {run['epochs_run']:g} epochs, {took}"


def raw_files(path: Path) -> Iterator[str]:
    """List raw files with their size, hash and origin."""
    for name, entry in json.loads(path.read_text(encoding="utf-8")).items():
        yield f"{name}  {entry['bytes']:,} bytes  {entry['sha256'][:12]}  from {entry['from']}"
