"""Pairs of answers of language models to instructions, judged by three people each.

Wang et al. PandaLM. ICLR 2024, its test set.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from recloop.data.json_rows import lacks_text, read_rows

FILE = "testset-v1.json"
JUDGES = ("annotator1", "annotator2", "annotator3")
FIRST, SECOND = 1, 2  # the better answer; 0 is a tie


def read_pairs(raw: Path, max_malformed: float = 0.1) -> pl.DataFrame:
    """Read the pairs of which two people or more prefer the same answer; one in twenty has an empty answer."""
    rows = [row for row in read_rows(raw / FILE, fault, max_malformed) if vote(row)]
    return pl.DataFrame(
        [pair(row) for row in rows], schema_overrides={"kind": pl.String}
    ).with_columns(part=pl.lit(None, dtype=pl.String))


def fault(row: Mapping[str, Any]) -> str | None:
    """Say what is wrong with a row."""
    if wrong := lacks_text(row, ("instruction", "response1", "response2")):
        return wrong
    if any(row.get(name) not in (0, FIRST, SECOND) for name in JUDGES):
        return "has no three votes for 0, 1 or 2"
    return None


def vote(row: Mapping[str, Any]) -> int:
    """Return the answer that most people prefer; 0 where there is none."""
    votes = [row[name] for name in JUDGES]
    return next((one for one in (FIRST, SECOND) if votes.count(one) >= 2), 0)


def pair(row: Mapping[str, Any]) -> dict[str, str]:
    """Put the better answer first."""
    better = vote(row)
    texts = {number: str(row[f"response{number}"]).strip() for number in (FIRST, SECOND)}
    asked = [row["instruction"].strip(), str(row.get("input") or "").strip()]
    return {
        "prompt": "\n".join(filter(None, asked)),
        "chosen": texts[better],
        "rejected": texts[FIRST + SECOND - better],
        "kind": str(row.get("motivation_app") or "none"),
    }
