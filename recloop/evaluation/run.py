"""Saved lists of one run to its metrics; no model is needed."""

import json
from pathlib import Path

import polars as pl
from safetensors.numpy import load_file

from recloop.evaluation.metrics import evaluate

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
    lists: Path, sessions: Path, vectors: Path, identity: dict, evaluation: dict, into: Path
) -> None:
    """Compute every metric of a run at every cut-off.

    Args:
        lists: ranks and best items per test event; empty for a model that was not run, which has no metrics.
        sessions: folder of the split.
        vectors: weights whose item table measures how alike the items of a list are.
        identity: study, dataset, source, stand_in, tier, model and seed, which come with every number.
        evaluation: `cutoffs` and `novel_share`.
        into: parquet file.
    """
    rows = pl.read_parquet(lists)
    identity = identity | {"split": json.loads((sessions / "split.json").read_text())["hash"]}
    counts = pl.read_parquet(sessions / "items.parquet", columns=["count"])["count"].to_numpy()
    table = load_file(vectors)["backbone.embedding.weight"][:-1]
    if rows.is_empty():
        return pl.DataFrame(schema=SCHEMA).write_parquet(into)
    values = evaluate(rows, counts, table, evaluation["cutoffs"], evaluation["novel_share"])
    tidy = values.with_columns(pl.lit(value).alias(name) for name, value in identity.items())
    return tidy.select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items()).write_parquet(
        into
    )
