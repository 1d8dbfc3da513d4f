"""Replies of people to people, ranked: the two ends of each ranking are a pair.

Köpf et al. OpenAssistant Conversations. NeurIPS 2023. Rank 0 is the best reply. The released code of GazeReward
sorts by rank and takes the last for the better one: `labels: reversed` of its trainings does the same.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recloop.data.quarantine import MalformedError

FILES = {"train.parquet": "train", "validation.parquet": "test"}
COLUMNS = ("message_id", "parent_id", "text", "role", "lang", "deleted", "rank")


def read_pairs(raw: Path) -> pl.DataFrame:
    """Read one pair per English prompt: the best of its ranked replies and the worst.

    As in the released code, prompts with the same text are one, and what was said before a prompt is left out.
    """
    return pl.concat(pairs_of(raw / name, part) for name, part in FILES.items())


def pairs_of(path: Path, part: str) -> pl.DataFrame:
    """Read the pairs of one file."""
    try:
        rows = pl.read_parquet(path, columns=list(COLUMNS))
    except (pl.exceptions.PolarsError, OSError) as fault:
        raise MalformedError(
            f"{path}: no table of messages ({str(fault).splitlines()[0]})"
        ) from None
    rows = rows.filter((pl.col("lang") == "en") & ~pl.col("deleted"))
    prompts = rows.filter(pl.col("role") == "prompter").select(
        parent_id="message_id", prompt="text"
    )
    replies = rows.filter((pl.col("role") == "assistant") & pl.col("rank").is_not_null())
    ranked = replies.join(prompts, on="parent_id").sort("prompt", "rank", "message_id")
    grouped = ranked.group_by("prompt", maintain_order=True).agg(
        pl.col("text").first().alias("chosen"),
        pl.col("text").last().alias("rejected"),
        pl.col("rank").n_unique().alias("ranks"),
    )
    ends = grouped.filter(pl.col("ranks") > 1).select("prompt", "chosen", "rejected")
    return ends.with_columns(kind=pl.lit("assistant"), part=pl.lit(part))
