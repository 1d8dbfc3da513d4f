"""`recloop trace`: one number of a table or a figure, computed anew from what was saved, and every file behind it."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from recloop.storage.files import sha256_of
from recloop.storage.fingerprint import ROOT
from recloop.storage.settings import SettingsError, only_known

if TYPE_CHECKING:
    import polars as pl

HELP = "follow one number of a table or a figure to its raw files, and compute it anew on the way"
CLOSE = 1e-9
OF_SCORES = ("bars", "curves", "subsets", "sweep")  # figures whose points are scores of runs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "table", type=Path, help="e.g. results/modt4r/table_4_3.md, or figure_4_4.csv there"
    )
    parser.add_argument("--model", help="e.g. sasrec, or modt4r,alpha=0.5")
    parser.add_argument("--column", help="e.g. HR@10")
    parser.add_argument("--dataset", help="e.g. rc15; the first there if left out")
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
    cell = chosen(Path(f"results/{study}/{name}.csv"), plan.studies[study], name, options)
    values = dict(measured(plan, study, name, cell))
    print(
        f"{options.table}: {cell['row']}, {cell['column']} on {cell['dataset']} = {cell['ours']:.6f}"
    )
    mean = sum(values.values()) / len(values)
    for seed, value in values.items():
        print(f"  seed {seed}: {value:.6f}")
    agrees, what = abs(mean - cell["ours"]) <= CLOSE * max(1.0, abs(mean)), name.partition("_")[0]
    print(f"  mean {mean:.6f}: {f'as in the {what}' if agrees else f'NOT what the {what} says'}")
    print("\n".join(chain(plan, study, cell, min(values))))
    return 0 if agrees else 1


def place(table: Path, plan) -> tuple[str, str]:
    """Tell the study and the name of a table or a figure, and check that the present plan made it.

    Raises:
        SettingsError: a study has none of this name, it is not there, or was made by another plan.
    """
    from recloop.plan.stamp import is_current

    study, name = table.parent.name, table.name.partition(".")[0]
    only_known(str(table), [study], plan.studies)
    tables, figures = (plan.studies[study][kind] for kind in ("tables", "figures"))
    only_known(f"{table}: tables and figures of {study}", [name], {**tables, **figures})
    stamp = Path(f"results/{study}/.made/{name}.json")
    if not stamp.exists():
        end = "md" if name in tables else "csv"
        raise SettingsError(f"{table}: not made yet: snakemake results/{study}/{name}.{end}")
    if not is_current(stamp, plan.exhibit(study, name).key):
        raise SettingsError(
            f"{table} was not made by the present code and settings at tier {plan.config['tier']}: "
            "name its --tier and --seeds, or make it again"
        )
    return study, name


def chosen(path: Path, study: Mapping, name: str, options: argparse.Namespace) -> dict:
    """Find the cell, or the points of all seeds of a run, that the options name.

    Raises:
        SettingsError: there is none with a number; says which there are.
    """
    import polars as pl

    cells = cells_of(path, study["figures"].get(name)).drop_nulls("ours").drop_nulls("k")
    if cells.is_empty():
        raise SettingsError(f"{path}: no number in it was measured on runs")
    for key in ("dataset", "model", "column"):
        known, asked = cells[key].unique(maintain_order=True).to_list(), getattr(options, key)
        if asked is None and key != "dataset":
            raise SettingsError(f"--{key}: name one of {', '.join(known)}")
        only_known(f"--{key}", [asked or known[0]], known)
        cells = cells.filter(pl.col(key) == (asked or known[0]))
    return cells.row(0, named=True)


def cells_of(path: Path, figure: Mapping | None) -> pl.DataFrame:
    """Read the cells of a table, or the means of a figure's points over seeds as if they were cells.

    Raises:
        SettingsError: the points of the figure are no scores.
    """
    import polars as pl

    from recloop.report import labels, sheet
    from recloop.report.plots import POINT
    from recloop.report.tables import CELL

    if figure is None:
        return sheet.read(path, CELL)
    if figure["kind"] not in OF_SCORES or figure.get("over") == "updates":
        raise SettingsError(
            f"{path}: its points are not scores of a run, but made from several of them or during training"
        )
    points = (
        sheet.read(path, POINT)
        .drop_nulls("value")
        .unique(["dataset", "model", "metric", "k", "seed"], maintain_order=True)
    )
    means = points.group_by("dataset", "model", "metric", "k", maintain_order=True).agg(
        ours=pl.col("value").mean(), row=pl.coalesce("label", "model").first()
    )
    columns = [labels.metric(*one) for one in means.select("metric", "k").iter_rows()]
    return means.with_columns(column=pl.Series(columns, dtype=pl.String))


def measured(plan, study: str, name: str, cell: dict) -> Iterator[tuple[int, float]]:
    """Read the number of each seed from the scores of its run.

    Raises:
        SettingsError: no run has it, or scores are gone, or hold no such metric.
    """
    import polars as pl

    where = (cell["dataset"], cell["model"])
    runs = [one for one in plan.exhibit_runs(study, name) if (one.dataset, one.model) == where]
    if not runs:
        raise SettingsError(
            f"{cell['row']} is none of the runs: {cell['column']} has no scores to follow"
        )
    for one in runs:
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
