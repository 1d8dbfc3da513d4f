"""`recloop run MODEL DATASET`: one model on one data set, its metrics printed and its files kept."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

from recloop.storage.files import write_text
from recloop.storage.fingerprint import ROOT, digest
from recloop.storage.settings import SettingsError

HELP = "train one model on one data set, print its metrics; a second time nothing is done again"
FOLDER = ROOT / ".recloop" / "alone"
RUNNING = FOLDER / "running"  # the process of the workflow, while it runs
SHOWN = ("HR", "NDCG", "MRR", "CV_div", "CV_nov")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="a model of a study (`recloop list models`), or a class of your own: mypackage.models.MyRec",
    )
    parser.add_argument(
        "dataset",
        metavar="DATASET",
        help="a data set of your own (`recloop list data`), or one of the model's study",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="changes",
        help="change a setting, e.g. training.epochs=3 or dim=32; may be given several times",
    )
    parser.add_argument(
        "--seed",
        type=int,
        action="append",
        metavar="N",
        dest="seeds",
        help="1 if left out; may be given several times",
    )
    parser.add_argument(
        "--tier", default="laptop", help="whose budgets hold: laptop, or full for the paper's"
    )
    parser.add_argument(
        "--study", help="whose settings hold; the first study that has the model if left out"
    )
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--mirror", help="folder that holds raw files of published data sets")
    parser.add_argument("--cores", default="all", help="processor cores to use")


def run(options: argparse.Namespace) -> int:
    """Write a study of this one run, let the workflow make it, print what came out.

    Raises:
        SettingsError: a name or setting is wrong; nothing was run.
    """
    sys.path.insert(0, os.getcwd())  # where a class of the user's own may lie
    from recloop.plan import Plan, alone
    from recloop.plan.checks import check_plan
    from recloop.plan.studies import Run

    changes = dict(_pair(text) for text in options.changes)
    seeds = list(dict.fromkeys(options.seeds or [1]))
    folder, model = alone.write_study(
        FOLDER, options.model, options.dataset, changes, options.tier, options.study
    )
    config = _config(options, folder, seeds)
    os.chdir(ROOT)
    plan = Plan(config)
    check_plan(plan)
    runs = [Run(alone.NAME, options.dataset, model, seed) for seed in seeds]
    scores = [plan.scores(one).path for one in runs]
    weights = [plan.weights(plan.trained(one)).path for one in runs]
    if code := _make(config, scores, "." in options.model, options.cores):
        return code
    print(table(scores, weights))
    return 0


def _config(options: argparse.Namespace, folder: Path, seeds: list[int]) -> dict:
    """Return the user's config with this run's choices."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    mirror = options.mirror and str(Path(options.mirror).resolve())
    return config | {
        "tier": options.tier,
        "studies": [str(folder)],
        "datasets": None,
        "seeds": seeds,
        "device": options.device,
        "mirror": mirror or config["mirror"],
        "twin": None,
    }


def _pair(text: str) -> tuple[str, str]:
    key, mark, value = text.partition("=")
    if not mark or not key or not value:
        raise SettingsError(f"--set {text}: expected KEY=VALUE, e.g. training.epochs=3")
    return key, value


def _make(config: dict, targets: list[str], own_class: bool, cores: str) -> int:
    """Let Snakemake make what is not there yet; a killed run goes on where it stopped."""
    if all(Path(target).exists() for target in targets):
        return 0  # the names hold the hash of everything that decides the content
    path = FOLDER / f"config-{digest(config)}.yaml"
    write_text(path, yaml.safe_dump(config))
    environment = dict(os.environ)
    if own_class:  # a warm process has its path fixed before this one's is known
        environment |= {"RECLOOP_WARM": "0", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "snakemake", "--configfile", str(path), "--cores", cores]
    _unlock(environment)
    with subprocess.Popen(
        [*command, "--quiet", "all", "--", *targets], env=environment, cwd=ROOT
    ) as job:
        write_text(RUNNING, str(job.pid))
        status = job.wait()
    if status >= 0:  # one that was killed leaves its lock to the next
        RUNNING.unlink(missing_ok=True)
    return status


def _unlock(environment: dict[str, str]) -> None:
    """Take away the lock of an earlier run that was killed; a run that is still there keeps it.

    Raises:
        SettingsError: it is still there.
    """
    if not RUNNING.exists():
        return
    pid = RUNNING.read_text(encoding="utf-8")
    if Path(f"/proc/{pid}").exists() and "snakemake" in Path(f"/proc/{pid}/cmdline").read_text():
        raise SettingsError(
            f"another `recloop run` is at work (process {pid}). Wait for it, or stop it"
        )
    unlock = [sys.executable, "-m", "snakemake", "--unlock", "--cores", "1", "--quiet", "all"]
    subprocess.run(unlock, env=environment, cwd=ROOT, check=False, capture_output=True)
    RUNNING.unlink(missing_ok=True)


def table(scores: list[str], weights: list[str]) -> str:
    """Set metrics against seeds: the best of validation, then those of the test part."""
    import polars as pl

    records = [
        json.loads((Path(place) / "run.json").read_text(encoding="utf-8")) for place in weights
    ]
    seeds = [record["seed"] for record in records]
    valid = [record.get("valid_ndcg10") for record in records]
    found = pl.concat(pl.read_parquet(path) for path in scores)
    found = found.filter(pl.col("metric").is_in(SHOWN))
    rows = [("validation NDCG@10", valid)]
    for metric, k in sorted(
        found.select("metric", "k").unique().rows(), key=lambda row: (SHOWN.index(row[0]), row[1])
    ):
        values = found.filter(metric=metric, k=k)
        by_seed = dict(values.select("seed", "value").iter_rows())
        rows.append((f"test       {metric}@{k}", [by_seed.get(seed) for seed in seeds]))
    return "\n".join(
        [_head(records[0], seeds), *(_row(*row) for row in rows), "", *_places(scores, weights)]
    )


def _head(record: dict, seeds: list[int]) -> str:
    return f"\n{record['model']} on {record['dataset']}\n{'':<26}" + "".join(
        f"{f'seed {seed}':>10}" for seed in seeds
    )


def _row(name: str, values: list[float | None]) -> str:
    return f"{name:<26}" + "".join(
        f"{'–' if value is None else f'{value:.4f}':>10}" for value in values
    )


def _places(scores: list[str], weights: list[str]) -> list[str]:
    """Describe where the files are, relative to the project."""
    return [
        *(f"weights, learning curve and record: {place}/" for place in weights),
        *(f"lists of every test event, metrics: {Path(path).parent}/" for path in scores),
    ]
