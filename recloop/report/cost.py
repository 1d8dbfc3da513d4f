"""What the runs of a study took, and on what machine they were made."""

from collections.abc import Mapping

import polars as pl

from recloop.report import labels
from recloop.report.outline import Grid, Part
from recloop.report.printing import number

COST = ("data set", "model", "runs", "parameters", "time per run", "peak memory (MB)")
SPENT = {
    **dict.fromkeys(["dataset", "model"], pl.String),
    **dict.fromkeys(["parameters", "seconds", "peak_memory_mb"], pl.Float64),
}


def section(study: Mapping, runs: list[dict], trained: list[bool]) -> list[Part]:
    """Sum up what the runs took, how many of the validated ones were trained out, and name their machines."""
    done = [run for run in runs if not run.get("not_run")]
    if not done:
        return ["No training is recorded."]
    frame = pl.DataFrame([{name: run.get(name) for name in SPENT} for run in done], schema=SPENT)
    memory, seconds = number(frame["peak_memory_mb"].max(), 0), duration(frame["seconds"].sum())
    where = "; ".join(sorted(set(map(machine, done))))
    text = f"{len(done)} runs, {seconds} in all, at most {memory} MB of memory. Made on: {where}."
    text += unfinished(trained)
    kinds = frame.with_columns(model=pl.col("model").str.split(",").list.first())
    grouped = kinds.group_by("dataset", "model").agg(
        pl.len().alias("runs"),
        pl.col("parameters").max(),
        pl.col("seconds").mean(),
        pl.col("peak_memory_mb").max(),
    )
    others = sorted(
        {run["dataset"] for run in done} - set(study["datasets"])
    )  # controls of known answers
    order = [[*study["datasets"], *others], list(study["models"])]
    rows = sorted(
        grouped.iter_rows(named=True),
        key=lambda row: (order[0].index(row["dataset"]), order[1].index(row["model"])),
    )
    return [text, Grid(COST, [cost_row(study, row) for row in rows])]


def unfinished(done: list[bool]) -> str:
    """Count the trainings that were not trained out."""
    left = done.count(False)
    if not left:
        return f" All {len(done)} validated trainings were trained out." if done else ""
    return f" {left} of {len(done)} validated trainings were not trained out: longer ones might be better."


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
