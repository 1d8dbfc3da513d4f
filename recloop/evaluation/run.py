"""Saved lists of one run to its metrics; no model is needed."""

import json
from pathlib import Path

import polars as pl
from safetensors.numpy import load_file

from recloop.evaluation import dialogue, metrics

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
    into: Path,
    vectors: Path | None = None,
) -> None:
    """Compute every metric of a run at every cut-off, or at every turn.

    Args:
        lists: ranks and best items per test event; empty for a model that was not run, which has no metrics.
        split: folder of the split.
        identity: study, dataset, source, stand_in, tier, model and seed, which come with every number.
        evaluation: `cutoffs` and `novel_share` of a study about sequences, `turns` of one about dialogues.
        into: parquet file.
        vectors: weights whose item table measures how alike the items of a list are; not for dialogues.
    """
    rows = pl.read_parquet(lists)
    identity = identity | {"split": json.loads((split / "split.json").read_text())["hash"]}
    if rows.is_empty():
        return pl.DataFrame(schema=SCHEMA).write_parquet(into)
    if vectors:
        counts = pl.read_parquet(split / "items.parquet", columns=["count"])["count"].to_numpy()
        table = load_file(vectors)["backbone.embedding.weight"][:-1]
        values = metrics.evaluate(
            rows, counts, table, evaluation["cutoffs"], evaluation["novel_share"]
        )
    else:
        values = dialogue.evaluate(rows, evaluation["turns"])
    return tidy(values, identity).write_parquet(into)


def tidy(values: pl.DataFrame, identity: dict) -> pl.DataFrame:
    """Put the columns that come with every number beside metric, k and value."""
    named = values.with_columns(pl.lit(value).alias(name) for name, value in identity.items())
    return named.select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())
