"""Saved lists of one run to its metrics; no model is needed."""

import json
from importlib import import_module
from pathlib import Path

import polars as pl

from recloop.evaluation.metric import NotFinite

SCHEMA = {
    "study": pl.String,
    "dataset": pl.String,
    "source": pl.String,
    "stand_in": pl.Boolean,
    "tier": pl.String,
    "model": pl.String,
    "seed": pl.Int64,
    "metric": pl.String,
    "k": pl.Int64,
    "value": pl.Float64,
    "split": pl.String,
}


def score(
    lists: Path,
    split: Path,
    identity: dict,
    evaluation: dict,
    output: Path,
    vectors: Path | None = None,
    metrics: str = "recloop.evaluation.metrics",
) -> None:
    """Compute every metric of a run at every cut-off, or at every turn.

    Args:
        lists: ranks and best items per test event; empty for a model that was not run, which has no metrics.
        split: folder of the split.
        identity: study, dataset, source, stand_in, tier, model and seed, which come with every number.
        evaluation: `cutoffs`, `novel_share` and perhaps `filters`, `users` and `rewards` of a study about sequences,
            `turns` of one about dialogues.
        output: parquet file.
        vectors: weights whose item table measures how alike the items of a list are; not for dialogues.
        metrics: module whose `judge` computes them, by its import path; the study's task names it.

    Raises:
        NotFinite: a score is no number; names the model, the metric and the event.
    """
    rows = pl.read_parquet(lists)
    identity = identity | {"split": json.loads((split / "split.json").read_text())["hash"]}
    if rows.is_empty():
        return pl.DataFrame(schema=SCHEMA).write_parquet(output)
    try:
        values = import_module(metrics).judge(rows, split, evaluation, vectors)
    except NotFinite as error:
        run = "{model} on {dataset}, seed {seed}".format_map(identity)
        raise NotFinite(f"{run}: {error}; its lists are damaged or its training diverged") from None
    return tidy(values, identity).write_parquet(output)


def tidy(values: pl.DataFrame, identity: dict) -> pl.DataFrame:
    """Put the columns that come with every number beside metric, k and value."""
    named = values.with_columns(pl.lit(value).alias(name) for name, value in identity.items())
    return named.select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())
